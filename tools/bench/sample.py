"""Prints how fast we sample beside transformers' generate (batches of 20) and
its continuous batching, interleaved, and whether greedy tokens are the same.
64 prompts of 16 to 256 tokens with five responses each: of 128 tokens, and of
lengths from a log-normal list (mean 96, at most 256, one a response). Nobody
knows a length before its response ends: generate's batches are of prompts of
similar length, and run to their longest response. At the end comes how many
times more ours gains with such lengths than with fixed ones.

    python tools/bench/sample.py [--size T4|T12] [--prompts 64] [--threads 1] [--rows 64] [--rounds 5]
        [--work fixed|variable] [--top-p 0.95|1] [--continuous] [--llama] [--first]

Ours is BenchmarkSample in sampler. Each side's memory is the largest of a
process that does the work once; --first compares the time from the start of a
process to its first token. --llama has llama.cpp beside, for the record.
"""

import argparse
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from llamacpp import Llama

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "T4": dict(num_hidden_layers=4, hidden_size=256, intermediate_size=768, num_attention_heads=4, num_key_value_heads=2, vocab_size=8192),
    "T12": dict(num_hidden_layers=12, hidden_size=768, intermediate_size=2048, num_attention_heads=12, num_key_value_heads=4, vocab_size=32000),
}
N, BATCH = 5, 20


def make(folder, size, prompts):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(**SIZES[size], max_position_embeddings=2048, pad_token_id=0, bos_token_id=1, eos_token_id=None)
    LlamaForCausalLM(config).save_pretrained(folder)
    r = random.Random(1)
    ids = [[r.randrange(4, config.vocab_size) for _ in range(r.randint(16, 256))] for _ in range(prompts)]
    sigma = 0.8
    mu = math.log(96) - sigma**2 / 2
    variable = [[max(1, min(256, round(r.lognormvariate(mu, sigma)))) for _ in range(N)] for _ in range(prompts)]
    return ids, {"fixed": [[128] * N] * prompts, "variable": variable}


def write(folder, ids, limits, temperature, top_p, args):
    work = dict(prompts=ids, limits=sum(limits, []), n=N, temperature=temperature, top_p=top_p, threads=args.threads, rows=args.rows)
    (folder / "work.json").write_text(json.dumps(work))


class Peer:
    """transformers, with its model loaded."""

    def __init__(self, folder, threads):
        import torch
        from transformers import LlamaForCausalLM

        torch.set_num_threads(threads)
        self.torch = torch
        self.model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def settings(self, temperature, top_p, limit):
        from transformers import GenerationConfig

        how = dict(do_sample=True, temperature=temperature, top_p=top_p, top_k=0) if temperature else dict(do_sample=False)
        return GenerationConfig(max_new_tokens=limit, pad_token_id=0, eos_token_id=None, use_cache=True, **how)

    def generate(self, ids, limits, temperature, top_p):
        """Batches of BATCH rows, prompts of similar length together; a batch
        runs to the longest of its limits."""
        per = BATCH // N
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = [None] * len(ids)
        for at in range(0, len(order), per):
            some = order[at : at + per]
            width = max(len(ids[i]) for i in some)
            rows = [[0] * (width - len(ids[i])) + ids[i] for i in some for _ in range(N)]
            mask = [[0] * (width - len(ids[i])) + [1] * len(ids[i]) for i in some for _ in range(N)]
            config = self.settings(temperature, top_p, max(max(limits[i]) for i in some))
            with self.torch.inference_mode():
                made = self.model.generate(self.torch.tensor(rows), attention_mask=self.torch.tensor(mask), generation_config=config)
            for k, i in enumerate(some):
                out[i] = [row[width : width + n].tolist() for row, n in zip(made[k * N : (k + 1) * N], limits[i])]
        return [row for rows in out for row in rows]

    def continuous(self, ids, limits, temperature, top_p):
        from transformers import ContinuousBatchingConfig

        config = self.settings(temperature, top_p, limits[0][0])  # one for all
        room = ContinuousBatchingConfig(num_blocks=len(ids) * N * 2 + 8, max_batch_tokens=512)  # of 256 tokens; else it takes all memory
        rows = [list(p) for p in ids for _ in range(N)]
        made = self.model.generate_batch(inputs=rows, generation_config=config, continuous_batching_config=room, progress_bar=False)
        return [r.generated_tokens for r in made.values()]


def memory():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def ours(binary, folder, rounds=1):
    done = subprocess.run(
        [binary, "-test.run=^$", "-test.bench=^BenchmarkSample$", "-test.benchtime=1x", "-test.cpu=2"],
        cwd=ROOT / "sampler", env={**os.environ, "SAMPLE_BENCH": str(folder), "OMP_WAIT_POLICY": "passive"}, capture_output=True, text=True,
    )  # fmt: skip
    found = [re.search(rf"([\d.]+) {unit}\b", done.stdout) for unit in ("tokens/s", "MB")]
    if not all(found):
        raise SystemExit(done.stdout + done.stderr)
    return float(found[0][1]), float(found[1][1]), json.loads((folder / "ids.json").read_text())


def median(values):
    return sorted(values)[len(values) // 2]


def gate(binary, folder, peer, ids, limits, args):
    """Greedy tokens must be the same."""
    some = min(8, len(ids))
    write(folder, ids[:some], limits[:some], 0, 1, args)
    mine = ours(binary, folder)[2]
    theirs = peer.generate(ids[:some], limits[:some], 0, 1)
    same = sum(a == b for a, b in zip(mine, theirs))
    print(f"greedy: {same} of {len(mine)} responses have identical tokens", flush=True)
    if same != len(mine):
        raise SystemExit("greedy tokens differ")


def compare(binary, folder, size, ids, limits, top_p, args, work):
    peer = Peer(folder, args.threads)
    gate(binary, folder, peer, ids, limits, args)
    write(folder, ids, limits, 0.8, top_p, args)
    tokens = sum(map(sum, limits))
    ways = {"generate": peer.generate}
    if args.continuous and work == "fixed":
        ways["continuous"] = peer.continuous
    if args.llama:
        exact = Llama(folder, args.threads, exact=True)
        same = sum(a == b for a, b in zip(exact.generate(ids[:8], limits[:8], 0, 1), peer.generate(ids[:8], limits[:8], 0, 1)))
        print(f"llama.cpp: {same} of {8 * N} greedy responses have identical tokens", flush=True)
        ways["llama.cpp"] = Llama(folder, args.threads).generate
    speeds = {name: [] for name in ["ours", *ways]}
    mb = 0
    for _ in range(args.rounds):
        speed, mb, _ = ours(binary, folder)
        speeds["ours"].append(speed)
        for name, way in list(ways.items()):
            start = time.perf_counter()
            try:
                way(ids, limits, 0.8, top_p)
            except Exception as error:  # a way that this machine cannot go
                print(f"{name}: {type(error).__name__}: {str(error)[:200]}")
                del ways[name], speeds[name]
                continue
            speeds[name].append(tokens / (time.perf_counter() - start))
    mine = median(speeds.pop("ours"))
    best = max(median(v) for name, v in speeds.items() if name != "llama.cpp")
    each = ", ".join(f"{name} {median(v):.0f}" for name, v in speeds.items())
    print(f"{size:4} {work:8} top-p {top_p:<4} threads {args.threads}: {mine:7.0f} tokens/s; {each}: {mine / best:5.2f}x  "
          f"memory {mb:.0f} and {memory():.0f} MB: {mb / memory():.2f}  load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    return mine / best


FIRST = """
import sys, torch
from transformers import AutoModelForCausalLM
torch.set_num_threads(1)
m = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
m.generate(torch.tensor([[5, 6, 7, 8]]), max_new_tokens=1, do_sample=False, pad_token_id=0)
"""


def first_token(folder, rounds):
    binary = f"{folder}/radpo"
    subprocess.run([ROOT / "tools/libtorch", "go", "build", "-o", binary, "./cmd/radpo"], cwd=ROOT, check=True)
    ways = {
        "ours": lambda: subprocess.run([binary, "generate", "--model", str(folder), "--greedy", "--max-tokens", "1"], input=b'{"prompt_ids": [5, 6, 7, 8]}\n', check=True, capture_output=True),
        "peer": lambda: subprocess.run([sys.executable, "-c", FIRST, str(folder)], check=True, capture_output=True),
    }  # fmt: skip
    took = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            took[name].append(time.perf_counter() - start)
    a, b = median(took["ours"]), median(took["peer"])
    print(f"start to first token: {a:.2f} s and {b:.2f} s: {b / a:.1f}x", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--size", choices=SIZES, action="append")
    p.add_argument("--prompts", type=int, default=64)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rows", type=int, default=64, help="responses that ours decodes at once")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--work", choices=["fixed", "variable"], action="append")
    p.add_argument("--top-p", type=float, action="append")
    p.add_argument("--continuous", action="store_true")
    p.add_argument("--llama", action="store_true")
    p.add_argument("--first", action="store_true")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as root:
        binary = f"{root}/bench"
        subprocess.run([ROOT / "tools/libtorch", "go", "test", "-c", "-o", binary, "./sampler"], cwd=ROOT, check=True)
        for size in args.size or SIZES:
            folder = Path(root) / size
            folder.mkdir()
            ids, works = make(folder, size, args.prompts)
            if args.first:
                first_token(folder, args.rounds)
                continue
            for top_p in args.top_p or [0.95, 1.0]:
                ratios = {w: compare(binary, folder, size, ids, works[w], top_p, args, w) for w in args.work or works}
                if len(ratios) == 2:
                    print(f"{size}: variable lengths gain {ratios['variable'] / ratios['fixed']:.2f} times what fixed ones do")


if __name__ == "__main__":
    main()
