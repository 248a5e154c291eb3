"""Writes eval/tasks/testdata: small files of rows in the published data sets'
columns, made up here, and tasks.json, what lm-evaluation-harness makes of them.
Each entry has

    task, subset, data, examples, shots     what was asked of the harness
    items      of each row: context, messages (the conversation that --apply_chat_template
               renders), continuations with and without a template, and, for
               random log-likelihoods or made-up answers, the harness's values
    sem        the harness's standard error of each metric over these items

    python tools/golden/tasks.py
"""

import json
import os
import random
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval
from lm_eval.api.metrics import mean_stderr
from lm_eval.tasks import TaskManager

OUT = Path(__file__).parents[2] / "eval/tasks/testdata"
RNG = random.Random(0)
MANAGER = TaskManager()
WORDS = "red green blue stone river cloud seven three apple table Größe 北京 naïve lamp under over quick the of a".split()


def text(low, high):
    return " ".join(RNG.choice(WORDS) for _ in range(RNG.randint(low, high)))


def arc(n):
    for i in range(n):
        k = RNG.choice([3, 4, 5])
        labels = list("ABCDE" if i % 3 else "12345")[:k]
        yield {"id": f"Made_{i}", "question": text(3, 9) + "?", "choices": {"text": [text(1, 4) for _ in range(k)], "label": labels}, "answerKey": RNG.choice(labels)}


def truthful(n):
    for _ in range(n):
        k = RNG.randint(2, 5)
        labels = [1] + [RNG.randint(0, 1) for _ in range(k - 2)] + [0]
        yield {"question": text(3, 9) + "?", "mc1_targets": {"choices": ["a"], "labels": [1]}, "mc2_targets": {"choices": [text(2, 6) + "." for _ in range(k)], "labels": labels}}


def gsm(n):
    for _ in range(n):
        number = RNG.choice(["7", "1,234", "-5", "$12", "0.5", "18"])
        yield {"question": text(5, 12) + "?", "answer": f"{text(3, 8)} <<1+1=2>>2.\n#### {number}"}


def cot(n):
    for _ in range(n):
        yield {"question": text(5, 12) + "?", "target": f"{text(3, 8)}. The answer is {RNG.randint(1, 99)}."}


def gpqa(n):
    for i in range(n):
        row = {"Question": text(5, 12) + "?", "Correct Answer": f" {text(1, 3)} [title] {i}", "Incorrect Answer 1": text(1, 3) + " [a] b\n",
               "Incorrect Answer 2": text(1, 2) + "  two", "Incorrect Answer 3": text(1, 3)}
        if i == 1:
            row["Incorrect Answer 3"] = None
        yield row


def musr(n):
    for i in range(n):
        choices = [text(1, 3) + f" {k}" for k in range(RNG.choice([2, 3, 5]))]
        if i == 0:
            choices = ["O'Brien", 'the "boss"', "both's \"x\"\n"]
        gold = RNG.randrange(len(choices))
        yield {"narrative": text(15, 30) + ".\n\n" + text(5, 9), "question": text(4, 8) + "?", "choices": repr(choices), "answer_index": gold, "answer_choice": choices[gold]}


def bbh(n, targets):
    for i in range(n):
        yield {"input": text(4, 10) + "\nOptions:\n(A) x\n(B) y", "target": "Monsters, Inc" if i == 2 else RNG.choice(targets)}


def write(name, rows):
    path = OUT / name
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    return path


ANSWERS = [
    "so 3 + 4 = 7\n#### 7", "#### 1,234.", "It is $12.", "The answer is 18.", "The answer is -5. And 3", "nothing here", "", "... #### 0.5 then #### 9",
    "The answer is 18", "1,234", "#### -5", "the number is 7.", "$ 12,00 . ,", "#### .\nThe answer is 7!", "no. 0.5.", "#### \u0667 18",
]  # fmt: skip


def values(task, doc, item):
    if task.OUTPUT_TYPE == "multiple_choice":
        ll = [-RNG.uniform(1, 40) for _ in item["choices"]]
        item["loglikelihoods"] = ll
        got = task.process_results(doc, [(x, False) for x in ll])
        if "mc2_targets" in doc:
            got = {"mc2": float(got["acc"])}
        else:
            got = {k: float(got[k]) for k in ("acc", "acc_norm") if k in got}
        item["values"] = got
        return
    item["marks"] = []
    for answer in ANSWERS:
        mark = {"text": answer, "values": {}}
        for f in task._filters:
            (found,) = f.filters[0]().apply([[answer]], [doc])
            mark[f.name] = found[0]
            mark["values"]["exact_match/" + f.name] = float(task.process_results(doc, [found[0]])["exact_match"])
        item["marks"].append(mark)


def entry(name, harness, subset, data, shots, examples=None, split="test", fewshot_split=None, **over):
    files = {split: str(data)}
    if examples and fewshot_split:
        files[fewshot_split] = str(examples)
    spec = {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": files}, "num_fewshot": shots, **over}
    task = MANAGER._factory.build(MANAGER._entry(harness), overrides=spec, registry=MANAGER._index)
    task.set_fewshot_seed(1234)
    items, scores = [], {}
    docs = list(task.eval_docs)
    contexts = [task.fewshot_context(d, shots) for d in docs]
    task.set_fewshot_seed(1234)
    for doc, context in zip(docs, contexts):
        chat = []
        task.fewshot_context(doc, shots, apply_chat_template=True, fewshot_as_multiturn=True, chat_template=lambda m, add_generation_prompt: chat.extend(m) or "x")
        item = {"context": context, "messages": chat}
        if task.OUTPUT_TYPE == "multiple_choice":
            item["choices"] = task.doc_to_choice(doc)
            for key, chat_template in (("continuations", False), ("continuations_chat", True)):
                requests = task.construct_requests(doc, "x", apply_chat_template=chat_template, metadata=(harness, 0, 1))
                item[key] = [r.args[1] for r in requests]
        values(task, doc, item)
        for k, v in item.get("values", {}).items():
            scores.setdefault(k, []).append(v)
        items.append(item)
    return docs, {"task": name, "subset": subset, "data": Path(data).name, "examples": examples and Path(examples).name, "shots": shots, "items": items,
                  "sem": {k: float(mean_stderr(v)) for k, v in scores.items()}}  # fmt: skip


def main():
    assert lm_eval.__version__ == "0.4.13"
    OUT.mkdir(parents=True, exist_ok=True)
    out = []

    def add(*args, **kw):
        docs, e = entry(*args, **kw)
        out.append(e)
        return docs

    train, test = write("arc-train.jsonl", arc(40)), write("arc.jsonl", arc(12))
    for shots in (0, 3, 25):
        add("arc", "arc_challenge", "arc", test, shots, train, fewshot_split="train", validation_split=None)
    add("truthfulqa", "truthfulqa_mc2", "truthfulqa", write("truthfulqa.jsonl", truthful(6)), 0, split="validation")
    train, test = write("gsm8k-train.jsonl", gsm(30)), write("gsm8k.jsonl", gsm(6))
    add("gsm8k", "gsm8k", "gsm8k", test, 5, train, fewshot_split="train")
    samples = list(cot(8))
    shown = write("gsm8k-cot-examples.jsonl", samples)
    add("gsm8k-cot", "gsm8k_cot", "gsm8k", test, 8, shown, fewshot_config={"sampler": "first_n", "samples": samples})
    raw = write("gpqa.jsonl", gpqa(5))
    random.seed(0)
    docs = add("gpqa", "leaderboard_gpqa_main", "gpqa-ordered", raw, 0, split="train")
    out[-1]["data"] = write("gpqa-ordered.jsonl", docs).name
    add("musr", "leaderboard_musr_murder_mysteries", "musr", write("musr.jsonl", musr(6)), 0, test_split="test")
    for subset, targets in (("boolean_expressions", ["False", "True"]), ("object_counting", ["0", "7", "18"]), ("snarks", ["(A)", "(B)"])):
        samples = [{"input": text(3, 6), "target": RNG.choice(targets)} for _ in range(3)]
        shown = OUT / f"examples-{subset}.yaml"
        quoted = "".join(f"  - input: {json.dumps(s['input'], ensure_ascii=False)}\n    target: '{s['target']}'\n" for s in samples)
        shown.write_text("task: made_up\nfewshot_config:\n  sampler: first_n\n  samples:\n" + quoted)
        add("bbh", f"leaderboard_bbh_{subset}", subset, write(f"{subset}.jsonl", bbh(5, targets)), 3, shown, fewshot_config={"sampler": "first_n", "samples": samples})
    (OUT / "tasks.json").write_text(json.dumps({"lm_eval": lm_eval.__version__, "seed": 1234, "tasks": out}, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
