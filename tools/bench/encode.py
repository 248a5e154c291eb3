"""Prints the speed of our encoders beside Hugging Face's Rust tokenizers
(encode_batch_fast), one thread each, on the same text in the same run, and
whether the ids are the same; then how long ours take to load, and for a
megabyte of one character.

    python tools/bench/encode.py DIR [TEXT]

DIR holds FAMILY.tokenizer.json.gz. TEXT is any file; without it, 12 MB of
Go's own source tree: comments, code and some text in other scripts.
"""

import array
import gzip
import hashlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer, __version__  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = "llama3 qwen2 mistral gemma2 deberta-v3".split()
ROUNDS = 3


def source_tree(size):
    """The first size bytes of Go's source files, in an order that mixes them."""
    root = Path(subprocess.check_output(["go", "env", "GOROOT"], text=True).strip()) / "src"
    files = sorted((p for p in root.rglob("*.go") if p.is_file()), key=lambda p: hashlib.md5(p.name.encode()).digest())
    out = bytearray()
    for path in files:
        out += path.read_bytes()
        if len(out) >= size:
            return bytes(out[:size])
    raise SystemExit(f"{root} holds less than {size} bytes of source")


def theirs(tok, pieces):
    """Seconds and a digest of the ids."""
    start = time.perf_counter()
    rows = tok.encode_batch_fast(pieces, add_special_tokens=False)
    took = time.perf_counter() - start
    digest = hashlib.sha256()
    for row in rows:
        digest.update(array.array("i", row.ids).tobytes())
    return took, digest.hexdigest()[:16]


def bench(binary, name, family, text=""):
    """What a benchmark of internal/tokenizer prints."""
    done = subprocess.run(
        [binary, "-test.run=^$", f"-test.bench=^{name}$/^{family}$", "-test.benchtime=3x", "-test.cpu=1"],
        cwd=ROOT / "internal/tokenizer", env={**os.environ, "TOKENIZER_BENCH_TEXT": text}, capture_output=True, text=True,
    )
    if done.returncode or "ns/op" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def ours(binary, text, family):
    """MB/s and a digest of the ids."""
    out = bench(binary, "BenchmarkEncode", family, text)
    return float(re.search(r"([\d.]+) MB/s", out)[1]), re.search(r"ids (\w{16})", out)[1]


def seconds(out):
    """The slowest of what a benchmark prints."""
    return max(float(ns) for ns in re.findall(r"([\d.]+) ns/op", out)) / 1e9


def row(folder, binary, text, pieces, family):
    tok = Tokenizer.from_str(gzip.decompress((folder / f"{family}.tokenizer.json.gz").read_bytes()).decode())
    size = sum(len(p.encode()) for p in pieces)
    mine, peer, same = [], [], True
    for _ in range(ROUNDS):
        speed, ids = ours(binary, text, family)
        took, want = theirs(tok, pieces)
        mine, peer, same = mine + [speed], peer + [size / took / 1e6], same and ids == want
    a, b = statistics.median(mine), statistics.median(peer)
    load, run = seconds(bench(binary, "BenchmarkParse", family)), seconds(bench(binary, "BenchmarkRun", family))
    print(f"{family:12} {a:8.1f} {b:8.2f} {a / b:7.1f}x  {'same' if same else 'DIFFERENT':9} {load:7.2f} {run:7.2f}", flush=True)
    return same


def main():
    folder = Path(sys.argv[1])
    data = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else source_tree(12 << 20)
    data *= -(-(10 << 20) // len(data))
    pieces = [data[i : i + 8000].decode("utf-8", "ignore") for i in range(0, len(data), 8000)]
    with tempfile.TemporaryDirectory() as dir:
        binary, text = f"{dir}/bench", f"{dir}/text"
        Path(text).write_bytes(data)
        subprocess.run([ROOT / "tools/libtorch", "go", "test", "-c", "-o", binary, "./internal/tokenizer"], cwd=ROOT, check=True)
        print(f"{len(data) / 1e6:.1f} MB, one thread, median of {ROUNDS} interleaved rounds")
        print(f"peer: Hugging Face tokenizers {__version__}; load, and 1 MB of one character at its worst, in seconds")
        print(f"{'family':12} {'MB/s':>8} {'peer':>8} {'ratio':>8}  {'ids':9} {'load':>7} {'1 MB':>7}")
        same = [row(folder, binary, text, pieces, f) for f in FAMILIES]
    sys.exit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
