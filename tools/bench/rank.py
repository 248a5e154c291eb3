"""Prints the speed of our rank stage beside a transformers loop over padded
batches, one thread each, interleaved, for a Llama reward head at two sizes, and
whether the scores are the same. Each prompt has five responses. The ratio is of
wall time; that of processor time beside it does not show what others do.

    python tools/bench/rank.py [--size T4|T12] [--prompts 64] [--rounds 5]

Ours is BenchmarkRank in ranker; both load and warm their model before the
clock starts. The peer takes the batch size that is fastest in a first round.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForSequenceClassification

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "T4": dict(num_hidden_layers=4, hidden_size=256, intermediate_size=768, num_attention_heads=4, num_key_value_heads=2, vocab_size=8192),
    "T12": dict(num_hidden_layers=12, hidden_size=768, intermediate_size=2048, num_attention_heads=12, num_key_value_heads=4, vocab_size=32000),
}
PROMPT, RESPONSE, RESPONSES = 256, 128, 5
torch.set_num_threads(1)


def make(folder, size, prompts):
    torch.manual_seed(1)
    config = LlamaConfig(**SIZES[size], num_labels=1, pad_token_id=0, max_position_embeddings=2048)
    model = LlamaForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    draw = lambda *shape: torch.randint(4, config.vocab_size, shape)
    ids = {"prompts": draw(prompts, PROMPT), "responses": draw(prompts, RESPONSES, RESPONSE)}
    save_file(ids, folder / "ids.safetensors")
    rows = [torch.cat([p, r]) for p, rs in zip(ids["prompts"], ids["responses"]) for r in rs]
    return model, rows


@torch.inference_mode()
def theirs(model, rows, batch):
    """Seconds and scores of batches padded on the right."""
    scores, start = [], np.array([time.perf_counter(), time.process_time()])
    for i in range(0, len(rows), batch):
        ids = torch.nn.utils.rnn.pad_sequence(rows[i : i + batch], batch_first=True)
        scores += model(ids, attention_mask=(ids != 0).long(), use_cache=False).logits[:, 0].tolist()
    return np.array([time.perf_counter(), time.process_time()]) - start, np.array(scores)


def ours(binary, folder, responses):
    done = subprocess.run(
        [binary, "-test.run=^$", "-test.bench=^BenchmarkRank$", "-test.benchtime=1x", "-test.cpu=1"],
        cwd=ROOT / "ranker", env={**os.environ, "RANK_BENCH": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip
    speeds = [re.search(rf"([\d.]+) responses/{unit}", done.stdout) for unit in ("s", "cpu-s")]
    if not all(speeds):
        raise SystemExit(done.stdout + done.stderr)
    return responses / np.array([float(s[1]) for s in speeds]), np.fromfile(folder / "scores", "<f8")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--size", choices=SIZES, action="append")
    args.add_argument("--prompts", type=int, default=64)
    args.add_argument("--rounds", type=int, default=5)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as root:
        binary = f"{root}/bench"
        subprocess.run([ROOT / "tools/libtorch", "go", "test", "-c", "-o", binary, "./ranker"], cwd=ROOT, check=True)
        print(f"{args.prompts} prompts of {PROMPT} tokens, {RESPONSES} responses of {RESPONSE}, one thread, median of {args.rounds} interleaved rounds")
        print(f"{'size':5} {'responses/s':>12} {'peer':>8} {'ratio':>7} {'cpu':>7}  load  largest difference   (peer: transformers {transformers.__version__})")
        for size in args.size or SIZES:
            folder = Path(root) / size
            folder.mkdir()
            model, rows = make(folder, size, args.prompts)
            batch = min((1, 5, 16), key=lambda n: theirs(model, rows[:16], n)[0][1])
            a, b = [], []
            for _ in range(args.rounds):
                took, mine = ours(binary, folder, len(rows))
                a.append(took)
                took, peer = theirs(model, rows, batch)
                b.append(took)
            off = np.abs(mine - peer).max() / np.abs(peer).max()
            x, y = np.median(a, axis=0), np.median(b, axis=0)
            print(f"{size:5} {len(rows) / x[0]:12.1f} {len(rows) / y[0]:8.1f} {y[0] / x[0]:6.2f}x {y[1] / x[1]:6.2f}x  {os.getloadavg()[0]:4.1f}  {off:.1e} relative (peer's batch {batch})", flush=True)
            if off > 1e-4:
                raise SystemExit("the scores differ")


if __name__ == "__main__":
    main()
