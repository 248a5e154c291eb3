"""DPO steps beside TRL's trainer: pairs a second and peak memory, the same
weights, ids and settings, both with the reference computed before.

    python tools/bench/train.py [--model T4|T12] [--prompt 128] [--response 128] [--threads 1] [--rounds 5]

Each round runs bin/radpo train and TRL's DPOTrainer as processes of their own,
one after the other; times are those of the steps, start-up, the reference pass
and saving left out. The losses of all steps must agree.
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
PAIRS, STEPS, BETA, LR = 4, 8, 0.1, 1e-6


def make(folder, args):
    """A random model and the ids of STEPS·PAIRS pairs."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(**SHAPES[args.model], max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    draw = lambda n: torch.randint(3, config.vocab_size, (n,)).tolist()
    with open(folder / "pairs.jsonl", "w") as out:
        for _ in range(STEPS * PAIRS):
            row = {"prompt_ids": draw(args.prompt), "chosen_ids": draw(args.response), "rejected_ids": draw(args.response)}
            out.write(json.dumps(row) + "\n")


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
        output_dir=str(folder / "trl"), beta=BETA, learning_rate=LR, lr_scheduler_type="constant", max_steps=STEPS,
        per_device_train_batch_size=PAIRS, max_length=None, precompute_ref_log_probs=True, gradient_checkpointing=False,
        bf16=args.dtype == "bfloat16", use_cpu=True, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
    )
    rows = [json.loads(line) for line in open(folder / "pairs.jsonl")]
    clock = Clock()
    trainer = GivenIds(model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[clock])
    trainer.train()
    loss = [float(e["loss"]) for e in trainer.state.log_history if "grad_norm" in e]
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": statistics.median(clock.steps[1:]), "loss": loss, "mib": rss}))


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


def ours(folder, args, epochs):
    """Seconds and memory of a whole run, and its losses."""
    out = Path(tempfile.mkdtemp(dir=folder)) / "out"
    row = args.prompt + 2 * args.response
    sets = dict(
        beta=BETA, learning_rate=LR, schedule="constant", warmup=0, batch=PAIRS, label_smoothing=0, order="given", epochs=epochs,
        max_length=row, max_prompt_length=args.prompt, micro_tokens=PAIRS * row, save_every=1000,
    )  # fmt: skip
    command = [ROOT / "bin/radpo", "train", "--model", folder / "model", "--pairs", folder / "pairs.jsonl", "--out", out, "--threads", args.threads]
    for key, value in sets.items():
        command += ["--set", f"dpo.{key}={value}"]
    _, took, mib = run(command + ["--set", f"dtype={args.dtype}"])
    return took, mib, [json.loads(line)["loss"] for line in open(out / "metrics.jsonl")]


def main(args):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, args)
        rows = []
        for n in range(args.rounds + 1):
            short, _, _ = ours(folder, args, 1)
            long, mib, losses = ours(folder, args, 3)
            text, _, their_mib = run([sys.executable, *sys.argv, "--peer", folder])
            theirs = json.loads(text.strip().splitlines()[-1])
            off = max(abs(a - b) / abs(b) for a, b in zip(losses, theirs["loss"]))
            mine = (long - short) / (2 * STEPS)
            print(f"round {n}: {PAIRS / mine:.2f} pairs/s, {mib:.0f} MiB; TRL {PAIRS / theirs['seconds']:.2f} pairs/s, {their_mib:.0f} MiB; loss differs by {off:.1e}", flush=True)
            rows.append((theirs["seconds"] / mine, mib / their_mib))
        speed, memory = (statistics.median(r[i] for r in rows[1:]) for i in range(2))
        print(f"{args.model}, prompt {args.prompt}, responses {args.response}, {args.threads} threads: {speed:.2f} times as fast, {memory:.2f} of the memory")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--model", default="T4", choices=SHAPES)
    p.add_argument("--prompt", type=int, default=128)
    p.add_argument("--response", type=int, default=128)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--dtype", default="float32", help="of our run; TRL's is float32")
    p.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    args = p.parse_args()
    peer(args.peer, args) if args.peer else main(args)
