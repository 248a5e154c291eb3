"""Asks one policy the same questions natively (radpo eval tasks) and through
lm-evaluation-harness on radpo serve (local-completions), and compares item by
item: log-likelihoods, picks, generated answers, metrics and standard errors.

The files are eval/tasks/testdata's, of tools/golden/tasks.py. The prompts are the
harness's own tasks. Needs lm_eval[api]==0.4.13.

    python tools/bench/tasks.py --radpo bin/radpo --model cmd/radpo/testdata/folders/policy
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval
import yaml
from lm_eval.tasks import TaskManager

ROOT = Path(__file__).parents[2]
DATA = ROOT / "eval/tasks/testdata"
MANAGER = TaskManager()
PORT = 8497


def samples(path):
    if path.suffix == ".yaml":
        return yaml.safe_load(path.read_text())["fewshot_config"]["samples"]
    return [json.loads(line) for line in path.read_text().splitlines()]


def build(harness, data, shots, examples, split="test", drawn=False, **over):
    files = {split: str(data)}
    over = {"training_split": None, "fewshot_split": None, **over}
    if drawn:
        files["train"] = str(examples)
        over["fewshot_split"] = "train"
    elif examples:
        over["fewshot_config"] = {"sampler": "first_n", "samples": samples(examples)}
    spec = {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": files}, "num_fewshot": shots, "validation_split": split if split != "test" else None, **over}
    return MANAGER._factory.build(MANAGER._entry(harness), overrides=spec, registry=MANAGER._index)


# name, harness's task, data, shots, examples, more
CASES = [
    ("arc", "arc_challenge", "arc", 0, None, {}),
    ("arc", "arc_challenge", "arc", 3, "arc-train.jsonl", {"drawn": True}),
    ("arc", "arc_challenge", "arc", 25, "arc-train.jsonl", {"drawn": True}),
    ("truthfulqa", "truthfulqa_mc2", "truthfulqa", 0, None, {"split": "validation"}),
    ("gsm8k", "gsm8k", "gsm8k", 0, None, {}),
    ("gsm8k", "gsm8k", "gsm8k", 5, "gsm8k-train.jsonl", {"drawn": True}),
    ("gsm8k-cot", "gsm8k_cot", "gsm8k", 8, "gsm8k-cot-examples.jsonl", {}),
    ("gpqa", "leaderboard_gpqa_main", "gpqa-ordered", 0, None, {"process_docs": None, "test_split": "test"}),
    ("musr", "leaderboard_musr_murder_mysteries", "musr", 0, None, {"test_split": "test"}),
    ("bbh", "leaderboard_bbh_boolean_expressions", "boolean_expressions", 3, "examples-boolean_expressions.yaml", {}),
    ("bbh", "leaderboard_bbh_object_counting", "object_counting", 3, "examples-object_counting.yaml", {}),
    ("bbh", "leaderboard_bbh_snarks", "snarks", 3, "examples-snarks.yaml", {}),
]  # fmt: skip


def native(args, name, data, shots, examples, chat, window):
    with tempfile.TemporaryDirectory() as tmp:
        cmd = [args.radpo, "eval", "tasks", name, "--model", args.model, "--data", str(data), "--shots", str(shots), "--items", tmp + "/items.jsonl",
               "--max-length", str(window - 1), "--max-tokens", str(args.max_tokens)]  # fmt: skip
        if examples:
            cmd += ["--fewshot", str(examples)]
        if chat:
            cmd += ["--chat"]
        out = json.loads(subprocess.run(cmd, check=True, capture_output=True, text=True).stdout)
        return out["metrics"], [json.loads(line) for line in open(tmp + "/items.jsonl")]


def harness(args, task, chat, window):
    got = lm_eval.simple_evaluate(
        model="local-completions",
        model_args={"model": Path(args.model).name, "base_url": f"http://127.0.0.1:{PORT}/v1/completions", "tokenizer_backend": "huggingface", "tokenizer": args.model,
                    "max_length": window, "max_gen_toks": args.max_tokens, "max_retries": 1},  # fmt: skip
        tasks=[task], apply_chat_template=chat, fewshot_as_multiturn=chat, log_samples=True, bootstrap_iters=0,
    )  # fmt: skip
    (metrics,), (rows,) = got["results"].values(), got["samples"].values()
    return metrics, rows


def compare(rows, own, task):
    """Returns the largest difference of a log-likelihood and how many items differ otherwise."""
    largest, differ = 0.0, 0
    if task.OUTPUT_TYPE == "generate_until":
        by = {(r["doc_id"], r["filter"]): r for r in rows}
        for o in own:
            strict, flexible = by[o["doc_id"], "strict-match"], by[o["doc_id"], "flexible-extract"]
            same = strict["resps"][0][0] == o["text"] and strict["filtered_resps"][0] == o["strict"] and flexible["filtered_resps"][0] == o["flexible"]
            same &= strict["arguments"][0][0] == o["context"] if isinstance(strict["arguments"], list) else True
            same &= strict["exact_match"] == o["values"]["exact_match/strict-match"] and flexible["exact_match"] == o["values"]["exact_match/flexible-extract"]
            differ += not same
        return largest, differ
    by = {r["doc_id"]: r for r in rows}
    for o in own:
        theirs = by[o["doc_id"]]
        ll = [r[0][0] if isinstance(r[0], (list, tuple)) else r[0] for r in theirs["resps"]]
        largest = max([largest] + [abs(float(a) - b) for a, b in zip(ll, o["loglikelihoods"], strict=True)])
        values = {"mc2": theirs["acc"]} if "mc2" in o["values"] else {k: theirs[k] for k in ("acc", "acc_norm") if k in theirs}
        differ += any(abs(v - o["values"][k]) > 1e-5 for k, v in values.items())
    return largest, differ


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--radpo", default="bin/radpo")
    p.add_argument("--model", default="cmd/radpo/testdata/folders/policy")
    p.add_argument("--max-tokens", type=int, default=32)
    args = p.parse_args()
    args.radpo, args.model = os.path.abspath(args.radpo), os.path.abspath(args.model)
    assert lm_eval.__version__ == "0.4.13"
    window = json.load(open(args.model + "/config.json"))["max_position_embeddings"]
    server = subprocess.Popen([args.radpo, "serve", args.model, "--listen", f"127.0.0.1:{PORT}"], stderr=subprocess.DEVNULL)
    failed = False
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health")
                break
            except OSError:
                time.sleep(0.1)
        print(f"{'task':36} {'shots':>5} {'chat':5} {'items':>5} {'largest |Δll|':>14} {'items that differ':>18}  metrics and errors")
        for name, task_name, data, shots, examples, more in CASES:
            data, examples = DATA / f"{data}.jsonl", examples and DATA / examples
            for chat in (False, True):
                task = build(task_name, data, shots, examples, **more)
                theirs, rows = harness(args, task, chat, window)
                ours, own = native(args, name, data, shots, examples, chat, window)
                largest, differ = compare(rows, own, task)
                names = {"acc,none": "mc2"} if name == "truthfulqa" else {k: k.replace(",none", "") for k in theirs if k in ("acc,none", "acc_norm,none")} | {
                    k: "exact_match/" + k.split(",")[1] for k in theirs if k.startswith("exact_match,")}  # fmt: skip
                same = all(abs(theirs[k] - ours[n]["value"]) < 1e-5 for k, n in names.items()) and len(rows) >= len(own) > 0
                failed |= not same or differ > 0 or largest > 1e-3
                print(f"{task_name:36} {shots:5} {str(chat):5} {len(own):5} {largest:14.2e} {differ:18}  {'equal' if same else 'differ'}", flush=True)
    finally:
        server.terminate()
    raise SystemExit(failed)


main()
