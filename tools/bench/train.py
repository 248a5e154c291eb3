"""DPO steps, and the pass of the reference before them, beside TRL's trainer:
the same weights, ids and settings; speed and peak memory.

    python tools/bench/train.py [--model T4|T12] [--prompt 128] [--response 128] [--threads 1] [--dtype float32] [--rounds 5] [--steps 8]
    python tools/bench/train.py --reference [--model T4|T12] [--threads 1] [--rounds 5] [--rows 256]
    python tools/bench/train.py --exact [--model T4|T12] [--steps 8]    how far both are from float64
    python tools/bench/train.py --all        every model, length, number of threads and dtype, and both passes

Each round runs bin/radpo train and TRL's DPOTrainer as processes of their own,
one after the other, both with the reference's log-probabilities computed
before. Times are those of the steps, start-up, the reference pass and saving
left out; with --reference those of that pass alone, over rows of two goals a
pair and of many lengths. In fp32 the losses of all steps must agree within 1e-5,
and the first step's gradient norm within 1e-5 of itself. Each side is up to 7e-6
from float64: a sum of 128 log-probabilities in fp32 is rounded to 1e-4 nats.
In bfloat16 TRL multiplies in bf16 under autocast and keeps fp32 elsewhere;
radpo's activations are bf16 throughout. Both move fp32 weights.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {
    "T4": dict(num_hidden_layers=4, hidden_size=256, intermediate_size=768, num_attention_heads=4, num_key_value_heads=2, vocab_size=8192),
    "T12": dict(num_hidden_layers=12, hidden_size=768, intermediate_size=2048, num_attention_heads=12, num_key_value_heads=4, vocab_size=32000),
}
PAIRS, BETA, LR = 4, 0.1, 1e-6
LENGTHS = [(128, 128), (384, 128), (64, 256)]


def make(folder, args):
    """A random model and the ids of its rows."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(**SHAPES[args.model], max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    draw = lambda n: torch.randint(3, config.vocab_size, (n,)).tolist()
    rows = []
    if args.reference:
        for _ in range(args.rows // 2):
            prompt = draw(torch.randint(16, 257, ()).item())
            a, b = (draw(int(torch.randn(()).mul(0.7).add(4.3).exp().clamp(8, 256))) for _ in range(2))
            rows += [{"prompt_ids": draw(20) + prompt, "chosen_ids": x, "rejected_ids": y} for x, y in ((a, b), (b, a))]
    else:
        rows = [{"prompt_ids": draw(args.prompt), "chosen_ids": draw(args.response), "rejected_ids": draw(args.response)} for _ in range(args.steps * PAIRS)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def peer(folder, args):
    """One run of TRL: prints a JSON object."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    words = Tokenizer(models.WordLevel({f"<{i}>": i for i in range(model.config.vocab_size)}, unk_token="<0>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<0>", eos_token="<2>")

    class GivenIds(DPOTrainer):
        def _precompute_ref_logps(self, *args):
            self.began = time.perf_counter()
            out = super()._precompute_ref_logps(*args)
            self.reference = time.perf_counter() - self.began
            return out

        def _prepare_dataset(self, dataset, *args):
            return dataset

        def _get_train_sampler(self, *args):
            return SequentialSampler(self.train_dataset)

    class Clock(TrainerCallback):
        began, steps = 0.0, []

        def on_step_begin(self, *args, **kwargs):
            self.began = time.perf_counter()

        def on_step_end(self, *args, **kwargs):
            self.steps.append(time.perf_counter() - self.began)

    config = DPOConfig(
        output_dir=str(folder / "trl"), beta=BETA, learning_rate=LR, lr_scheduler_type="constant", max_steps=args.steps,
        per_device_train_batch_size=PAIRS, max_length=None, precompute_ref_log_probs=True, gradient_checkpointing=False, precompute_ref_batch_size=8 if args.reference else None,
        bf16=args.dtype == "bfloat16", use_cpu=True, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
    )
    rows = [json.loads(line) for line in open(folder / "pairs.jsonl")]
    clock = Clock()
    trainer = GivenIds(model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[clock])
    if args.reference:
        print(json.dumps({"seconds": trainer.reference, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    trainer.train()
    seen = [(float(e["loss"]), float(e["grad_norm"])) for e in trainer.state.log_history if "grad_norm" in e]
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": statistics.median(clock.steps[1:] or clock.steps), "seen": seen, "mib": rss}))


def run(command):
    """A process's output, seconds and peak memory in MiB."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        out.seek(0)
        text = out.read()
    if status:
        raise SystemExit(f"{' '.join(map(str, command))}\n{text}")
    return text, took, usage.ru_maxrss / 1024


def command(folder, args, **sets):
    """radpo train, and the folder it writes."""
    out = Path(tempfile.mkdtemp(dir=folder)) / "out"
    line = [ROOT / "bin/radpo", "train", "--model", folder / "model", "--pairs", folder / "pairs.jsonl", "--out", out, "--threads", args.threads]
    for key, value in dict(beta=BETA, learning_rate=LR, schedule="constant", warmup=0, batch=PAIRS, label_smoothing=0, order="given", save_every=1000, **sets).items():
        line += ["--set", f"dpo.{key}={value}"]
    return list(map(str, line + ["--set", f"dtype={args.dtype}", "--set", "device=cpu"])), out


def ours(folder, args, epochs):
    """Seconds and memory of a whole run, and each step's loss and gradient norm."""
    row = args.prompt + 2 * args.response
    line, out = command(folder, args, epochs=epochs, max_length=row, max_prompt_length=args.prompt, micro_tokens=PAIRS * row)
    _, took, mib = run(line)
    steps = map(json.loads, open(out / "metrics.jsonl"))
    return took, mib, [(step["loss"], step["grad_norm"]) for step in steps]


def our_reference(folder, args):
    """Seconds of the reference's pass; the run ends with it."""
    line, _ = command(folder, args, max_length=1024, max_prompt_length=512, micro_tokens=4096)
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    began = ended = 0.0
    for text in process.stderr:
        if "refs started" in text:
            began = time.perf_counter()
        if "refs done" in text:
            ended = time.perf_counter()
            process.terminate()
    process.wait()
    if not 0 < began < ended:
        raise SystemExit(f"{' '.join(line)}: no reference pass")
    return ended - began


def theirs(folder, args):
    flags = [f for name in ("threads", "dtype", "steps") for f in (f"--{name}", getattr(args, name))]
    text, _, mib = run([sys.executable, __file__, *flags, "--peer", folder] + ["--reference"] * args.reference)
    return json.loads(text.strip().splitlines()[-1]), mib


def step(folder, args):
    """One round: how many times as fast, and the share of memory."""
    short, _, _ = ours(folder, args, 1)
    long, mib, seen = ours(folder, args, 3)
    peer, their_mib = theirs(folder, args)
    norm, off = far(seen[0], peer["seen"][0])[1], max(abs(a - b) for (a, _), (b, _) in zip(seen, peer["seen"]))
    mine = (long - short) / (2 * args.steps)
    print(f"  {PAIRS / mine:.2f} pairs/s, {mib:.0f} MiB; TRL {PAIRS / peer['seconds']:.2f} pairs/s, {their_mib:.0f} MiB; loss differs by {off:.1e}", flush=True)
    if args.dtype == "float32" and (norm > 1e-5 or off > 1e-5):
        raise SystemExit("the two do not agree: no timing counts")
    return peer["seconds"] / mine, mib / their_mib


def far(a, b):
    """How far loss and norm a are from b, relatively."""
    return [abs(x - y) / abs(y) for x, y in zip(a, b)]


def wide(folder, args):
    """Each step's loss and gradient norm in float64."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float64, attn_implementation="eager")
    rows = [json.loads(line) for line in open(folder / "pairs.jsonl")]

    def logp(prompt, response):
        hidden = model.model(torch.tensor([prompt + response])).last_hidden_state[0, len(prompt) - 1 : -1]
        return torch.log_softmax(model.lm_head(hidden), -1).gather(1, torch.tensor(response)[:, None]).sum()

    def margin(row):
        return logp(row["prompt_ids"], row["chosen_ids"]) - logp(row["prompt_ids"], row["rejected_ids"])

    with torch.no_grad():
        references = [margin(row) for row in rows]
    adam = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0)
    for step in range(args.steps):
        loss = 0.0
        for i in range(step * PAIRS, (step + 1) * PAIRS):
            part = -torch.nn.functional.logsigmoid(BETA * (margin(rows[i]) - references[i])) / PAIRS
            part.backward()
            loss += part.item()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        adam.step()
        adam.zero_grad()
        yield loss, norm


def exact(args):
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), args)
        _, _, mine = ours(Path(name), args, 1)
        peer, _ = theirs(Path(name), args)
        for i, (true, a, b) in enumerate(zip(wide(Path(name), args), mine, peer["seen"])):
            (loss, norm), (their_loss, their_norm) = far(a, true), far(b, true)
            print(f"step {i + 1}: loss off float64 by {loss:.1e}, TRL's by {their_loss:.1e}; gradient norm by {norm:.1e}, TRL's by {their_norm:.1e}", flush=True)


def reference(folder, args):
    mine = our_reference(folder, args)
    peer, _ = theirs(folder, args)
    print(f"  {args.rows / mine:.1f} rows/s; TRL {args.rows / peer['seconds']:.1f} rows/s", flush=True)
    return peer["seconds"] / mine, float("nan")


def bench(args):
    what = f"reference pass of {args.rows} rows" if args.reference else f"steps, prompt {args.prompt}, responses {args.response}"
    what = f"{args.model} {args.dtype}, {args.threads} threads, {what}"
    print(f"{what} (load {os.getloadavg()[0]:.1f})", flush=True)
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), args)
        rows = [(reference if args.reference else step)(Path(name), args) for _ in range(args.rounds + 1)][1:]
    speeds = [r[0] for r in rows]
    memory = "" if args.reference else f", {statistics.median(r[1] for r in rows):.2f} of the memory"
    print(f"{what}: {statistics.median(speeds):.2f} times as fast ({min(speeds):.2f} to {max(speeds):.2f}){memory}", flush=True)


def machine():
    import torch
    import transformers
    import trl

    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "unknown CPU")
    isa = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in info]
    print(f"{model}, {' '.join(isa)}; torch {torch.__version__}, transformers {transformers.__version__}, trl {trl.__version__}")


def main(args):
    machine()
    if args.exact:
        return exact(args)
    if not args.all:
        return bench(args)
    for args.model in SHAPES:
        for args.threads in (1, 2):
            for args.dtype in ("float32", "bfloat16"):
                args.reference = False
                for args.prompt, args.response in LENGTHS:
                    bench(args)
                args.reference = True
                bench(args)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--model", default="T4", choices=SHAPES)
    p.add_argument("--prompt", type=int, default=128)
    p.add_argument("--response", type=int, default=128)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=8)
    p.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    p.add_argument("--reference", action="store_true", help="time the reference's pass in place of the steps")
    p.add_argument("--rows", type=int, default=256, help="of --reference")
    p.add_argument("--exact", action="store_true", help="how far both are from float64")
    p.add_argument("--all", action="store_true")
    p.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    args = p.parse_args()
    peer(args.peer, args) if args.peer else main(args)
