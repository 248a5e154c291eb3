"""Prints how many rows a second `radpo augment --input` relabels beside a
datasets script that does the same, and what memory each takes at most, over
preference rows of about 2.5 KB as the paper's released preprocessing leaves
them. Both read an Arrow folder and write one; each is a process of its own,
interleaved, and the clock is that of the work: after imports, and without what
radpo takes to start; cpu is the ratio of processor time, ours on two cores. What
the process that reads the folder for radpo takes counts as radpo's, its start too.

    python tools/bench/relabel.py [--rows 1000000] [--peer-rows 20000] [--rounds 5] [--dir .]

The peer is what the released code's relabelling comes to: filter by the means of
the attributes, two Dataset.map, concatenate, save; one process, caches off. Ours
has augment.parity released-code, keeps all its other columns too, and is held
to the same rows at --peer-rows.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = (
    "You are an assistant that generates responses for the instruction while implicitly achieving the following "
    "target scores (on a scale of 1-10, where 1 is lowest and 10 is highest):\n"
)


def draw(rows):
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)]
    prose = " ".join(rng.choices(words, k=200_000))

    def text(size):
        at = rng.randrange(len(prose) - size)
        return prose[at : at + size]

    for i in range(rows):
        ask, answers = text(300), [text(640), text(640)]
        marks = [[float(rng.randint(1, 5)) for _ in range(4)] for _ in range(2)]
        scores = [rng.randint(2, 20) / 2 for _ in range(2)]
        if scores[0] < scores[1]:
            scores.reverse()
        row = {"prompt": ask, "prompt_id": f"{i:064x}"}
        for k, side in enumerate(("chosen", "rejected")):
            row[side] = [{"role": "user", "content": ask}, {"role": "assistant", "content": answers[k]}]
            row["overall_score_" + side] = scores[k]
            row["fine_grain_score_" + side] = marks[k]
        yield row


def make(folder, rows, cache):
    from datasets import Dataset

    Dataset.from_generator(draw, gen_kwargs={"rows": rows}, cache_dir=cache).save_to_disk(folder)


def number(x):
    return str(int(x)) if x == int(x) else str(x)


def relabel(source, out):
    """The peer, in a process of its own: prints seconds of wall and of processor time."""
    import datasets

    datasets.disable_caching()
    start, spent = time.perf_counter(), time.process_time()
    rows = datasets.load_from_disk(source)
    rows = rows.filter(lambda r: sum(r["fine_grain_score_chosen"]) >= sum(r["fine_grain_score_rejected"]))

    def at(goal, swap):
        def change(r):
            system = {"role": "system", "content": SENTENCE + "Overall score: " + number(r["overall_score_" + goal]) + "."}
            chosen, rejected = [system] + r["chosen"], [system] + r["rejected"]
            return {"chosen": rejected, "rejected": chosen} if swap else {"chosen": chosen, "rejected": rejected}

        return change

    both = [rows.map(at("chosen", False)), rows.map(at("rejected", True))]
    datasets.concatenate_datasets(both).save_to_disk(out)
    print(json.dumps([time.perf_counter() - start, time.process_time() - spent]))


def resident(pid):
    """Megabytes of a process and those it started; what they share counts once."""
    total = 0.0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(resident(int(child)) for child in (task / "children").read_text().split())
        total += int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]) / 1024
    except (OSError, IndexError):  # it has just ended
        pass
    return total


def run(command):
    """Seconds of wall and of processor time, peak megabytes and output of a process and those it started."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        p = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env={**os.environ, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1"})
        peak, ended = 0.0, threading.Event()

        def watch():
            nonlocal peak
            while not ended.wait(0.1):
                peak = max(peak, resident(p.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        note = p.stderr.read()
        ended.set()
        watcher.join()
        _, status, usage = os.wait4(p.pid, 0)
        took = time.perf_counter() - start
        if status:
            raise SystemExit(f"{command}: status {status}\n{note}")
        out.seek(0)
        return (took, usage.ru_utime + usage.ru_stime), peak, out.read()


def ours(source, out):
    sets = "scale.method=identity", "augment.parity=released-code", "augment.pair=best-worst"
    command = [ROOT / "bin/radpo", "augment", "--input", source, "--out", out]
    took, peak, text = run([str(c) for c in command + [x for s in sets for x in ("--set", s)]])
    start, _, _ = run([str(ROOT / "bin/radpo"), "augment", "--help"])
    return [a - b for a, b in zip(took, start)], peak, text


def peer(source, out):
    _, peak, text = run([sys.executable, __file__, "--relabel", str(source), str(out)])
    return json.loads(text), peak


def compare(mine, theirs):
    """Holds our rows to the peer's."""
    from datasets import load_from_disk

    a, b = load_from_disk(str(mine)), load_from_disk(str(theirs))
    assert len(a) == len(b), f"{len(a)} rows, the peer has {len(b)}"
    for x, y in zip(a, b):
        assert y["chosen"] == x["messages"] + [{"role": "assistant", "content": x["chosen"]}], (x, y)
        assert y["rejected"] == x["messages"] + [{"role": "assistant", "content": x["rejected"]}], (x, y)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--rows", type=int, default=1_000_000)
    args.add_argument("--peer-rows", type=int, default=20_000)
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--dir", type=Path, default=None, help="where the tables lie, about 9 GB for a million rows")
    args.add_argument("--relabel", nargs=2, help=argparse.SUPPRESS)
    args = args.parse_args()
    if args.relabel:
        return relabel(*args.relabel)
    import datasets

    with tempfile.TemporaryDirectory(dir=args.dir) as root:
        root = Path(root)
        for name, rows in ("large", args.rows), ("small", args.peer_rows):
            subprocess.run([sys.executable, "-c", f"import relabel; relabel.make({str(root / name)!r}, {rows}, {str(root / 'cache')!r})"], cwd=ROOT / "tools/bench", check=True, capture_output=True)  # fmt: skip
            shutil.rmtree(root / "cache")
        size = sum(f.stat().st_size for f in (root / "large").iterdir()) / args.rows
        print(f"{args.rows} rows of {size:.0f} bytes; the peer, datasets {datasets.__version__}, {args.peer_rows}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        ours(root / "small", root / "mine")
        peer(root / "small", root / "theirs")
        compare(root / "mine", root / "theirs")
        print(f"{'':8} {'rows/s':>9} {'peer':>8} {'ratio':>7} {'cpu':>7}  peak MB  of {args.peer_rows} rows  peer's")
        _, short, _ = ours(root / "small", root / "again")
        mine, theirs = [], []
        for i in range(args.rounds):
            shutil.rmtree(root / "out", ignore_errors=True)
            took, peak, _ = ours(root / "large", root / "out")
            mine.append([args.rows / t for t in took])
            shutil.rmtree(root / "theirs", ignore_errors=True)
            took, large = peer(root / "small", root / "theirs")
            theirs.append([args.peer_rows / t for t in took])
            show(f"round {i + 1}", mine[-1], theirs[-1], f"{peak:8.0f} {short:14.0f} {large:7.0f}")
        show("median", *[[statistics.median(column) for column in zip(*side)] for side in (mine, theirs)])


def show(name, mine, theirs, more=""):
    print(f"{name:8} {mine[0]:9.0f} {theirs[0]:8.0f} {mine[0] / theirs[0]:6.1f}x {mine[1] / theirs[1]:6.1f}x {more}", flush=True)


if __name__ == "__main__":
    main()
