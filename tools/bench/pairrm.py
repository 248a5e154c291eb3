"""Prints pairs/s of our pairwise ranker beside a loop as in llm-blender: first
against second response for eight prompts at a time, padded to the longest, then
the next pair; transformers' DebertaV2Model and two linear layers. Same weights
and texts in the same run, fp32, A B A B; the logits must agree within 1e-4. Ours
is timed from text to scores, the loop from token ids. Column cpu is the ratio of
processor time, which other work on the machine disturbs less: with one thread
alone it means anything.

    python tools/bench/pairrm.py [SIZE…] [--threads N…] [--prompts N] [--responses N] [--rounds N]

Sizes: tiny, 4 layers of width 256; real, 4 layers of DeBERTa-v3-large's shape.
"""

import argparse
import gzip
import itertools
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A folder of this one's files is named as a package that is measured there.
sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import DebertaV2Config, DebertaV2Model  # noqa: E402

PREFIXES = ["<|source|>", "<|candidate1|>", "<|candidate2|>"]
LIMITS = (1224, 412)
SIZES = {
    "tiny": dict(hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4),
    "real": dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=4, num_attention_heads=16),
}
BATCH = 8
SHAPE = dict(
    position_buckets=256, max_position_embeddings=512, relative_attention=True, share_att_key=True, norm_rel_ebd="layer_norm",
    pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0, layer_norm_eps=1e-7, pad_token_id=0,
)  # fmt: skip


class PairRM(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.pretrained_model = DebertaV2Model(config)
        width, drop = config.hidden_size, torch.nn.Dropout
        self.head_layer = torch.nn.Sequential(
            drop(0.05), torch.nn.Linear(2 * width, width), torch.nn.Tanh(), drop(0.05), torch.nn.Linear(width, 1)
        )

    def forward(self, ids, mask, at):
        hidden = self.pretrained_model(ids, attention_mask=mask).last_hidden_state
        source, first, second = hidden[torch.arange(len(ids))[:, None], at].unbind(1)
        score = lambda candidate: self.head_layer(torch.cat([source, candidate], -1))
        return (score(first) - score(second))[:, 0]


def make(folder, size, prompts, responses):
    """A model of random weights, a tokenizer and the requests."""
    text = gzip.decompress((ROOT / "internal/tokenizer/testdata/mini-unigram.tokenizer.json.gz").read_bytes())
    (folder / "tokenizer.json").write_bytes(text)
    tok = Tokenizer.from_str(text.decode())
    shape = SHAPE | SIZES[size] | {"vocab_size": tok.get_vocab_size()}
    torch.manual_seed(1)
    model = PairRM(DebertaV2Config(**shape)).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 2:
                p.normal_(0, 1.5 / p.shape[1] ** 0.5)
    config = shape | {"architectures": ["DebertaV2PairRM"], "model_type": "deberta-v2", "hidden_act": "gelu", "n_tasks": 1}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({n: p.detach().contiguous() for n, p in model.named_parameters()}, folder / "model.safetensors", metadata={"format": "pt"})

    draw = random.Random(2)
    words = [w[1:] for w in tok.get_vocab() if w.startswith("▁") and w[1:].isascii() and w[1:].isalpha()]
    words.sort()
    say = lambda n: " ".join(draw.choices(words, k=n))
    length = lambda: min(256, max(4, int(draw.lognormvariate(4.3, 0.7))))  # mean about 96
    requests = [{"prompt": say(draw.randint(16, 256)), "responses": [say(length()) for _ in range(responses)]} for _ in range(prompts)]
    (folder / "requests.json").write_text(json.dumps(requests))
    return model, tok, requests


def inputs(tok, request):
    """ids and places of every ordered pair, [N][N], by the rule of the model card."""

    def part(text, limit):
        tok.enable_truncation(limit)
        return tok.encode(text).ids

    source = part(PREFIXES[0] + request["prompt"], LIMITS[0])
    limit = (LIMITS[0] + 2 * LIMITS[1] - len(source)) // 2
    first, second = ([part(p + r, limit) for r in request["responses"]] for p in PREFIXES[1:])
    return [[(source + a + b, [1, len(source) + 1, len(source) + len(a) + 1]) for b in second] for a in first]


def in_order(matrices):
    """What llm-blender computes one after the other: eight prompts together."""
    for block in range(0, len(matrices), BATCH):
        for i, j in itertools.permutations(range(len(matrices[0])), 2):
            yield [m[i][j] for m in matrices[block : block + BATCH]]


@torch.inference_mode()
def theirs(model, matrices):
    """Seconds, processor seconds and logits of the loop."""
    start, cpu, out = time.perf_counter(), time.process_time(), []
    for part in in_order(matrices):
        ids = torch.zeros(len(part), max(len(r) for r, _ in part), dtype=torch.int64)
        for line, (row, _) in zip(ids, part):
            line[: len(row)] = torch.tensor(row)
        out += model(ids, (ids != 0).long(), torch.tensor([at for _, at in part])).tolist()
    return time.perf_counter() - start, time.process_time() - cpu, out


def ours(binary, folder, threads):
    """Pairs/s, pairs a processor second and logits by BenchmarkPairRM in ranker."""
    env = {**os.environ, "RANKER_BENCH": str(folder), "OMP_NUM_THREADS": str(threads)}
    command = [binary, "-test.run=^$", "-test.bench=^BenchmarkPairRM$", "-test.benchtime=1x"]
    done = subprocess.run(command, cwd=ROOT / "ranker", env=env, capture_output=True, text=True)
    speed = dict((unit, float(n)) for n, unit in re.findall(r"([\d.]+) (pairs/(?:cpu-)?s)", done.stdout))
    if len(speed) != 2:
        raise SystemExit(done.stdout + done.stderr)
    return speed["pairs/s"], speed["pairs/cpu-s"], sum(in_order(json.loads((folder / "pairwise.json").read_text())), [])


def measure(binary, folder, size, threads, args):
    model, tok, requests = make(folder, size, args.prompts, args.responses)
    matrices = [inputs(tok, r) for r in requests]
    batches = list(in_order(matrices))
    rows = sum(batches, [])
    torch.set_num_threads(threads)
    mine, peer, cpu, difference = [], [], [], 0
    for warm in [True] + args.rounds * [False]:
        speed, each, logits = ours(binary, folder, threads)
        took, busy, want = theirs(model, matrices)
        difference = max(difference, max(abs(a - b) for a, b in zip(logits, want, strict=True)))
        if not warm:
            mine, peer, cpu = mine + [speed], peer + [len(rows) / took], cpu + [each * busy / len(rows)]
    a, b = statistics.median(mine), statistics.median(peer)
    spread = (max(mine) - min(mine)) / a
    mean = sum(len(r) for r, _ in rows) / len(rows)
    padded = sum(len(b) * max(len(r) for r, _ in b) for b in batches) / len(rows)
    print(f"{size:6} {threads:7} {len(rows):6} {mean:7.0f} {padded:7.0f} {a:8.1f} {b:8.1f} {a / b:6.2f}x {statistics.median(cpu):6.2f}x {difference:9.1e} {spread:7.0%}", flush=True)
    return difference < 1e-4


def cpu():
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("sizes", nargs="*", default=list(SIZES), choices=list(SIZES))
    args.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    args.add_argument("--prompts", type=int, default=64)
    args.add_argument("--responses", type=int, default=5)
    args.add_argument("--rounds", type=int, default=5)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as dir:
        binary = f"{dir}/bench"
        subprocess.run([ROOT / "tools/libtorch", "go", "test", "-c", "-o", binary, "./ranker"], cwd=ROOT, check=True)
        print(f"{cpu()}; torch {torch.__version__}, transformers {transformers.__version__}; load {os.getloadavg()[0]:.1f}")
        print(f"{'size':6} {'threads':>7} {'pairs':>6} {'tokens':>7} {'padded':>7} {'pairs/s':>8} {'peer':>8} {'ratio':>7} {'cpu':>7} {'largest Δ':>9} {'spread':>7}")
        same = [measure(binary, Path(dir), s, n, args) for s in args.sizes for n in args.threads]
    sys.exit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
