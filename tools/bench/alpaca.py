"""Prints how long AlpacaEval 2's length-controlled win rate takes here and in
the alpaca_eval package, on the same annotations in one run.

    pip install alpaca_eval==0.6.6
    python tools/bench/alpaca.py ../shared/data/alpaca_eval

The folder holds annotations.csv, instructions.csv and gamed_baseline.csv. Both
sides choose C by cross-validation and fit, from annotations in memory; ours is
BenchmarkAlpaca of eval, one function call like theirs, without a bootstrap.
"""

import logging
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import pandas as pd  # noqa: E402
from alpaca_eval.metrics import glm_winrate  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5
MODEL = "FuseChat-Gemma-2-9B-Instruct"


def gamed_table(folder):
    """The file df_gamed.csv that the package would download."""
    difficulty = pd.read_csv(folder / "instructions.csv").set_index("index")["instruction_difficulty"]
    g = pd.read_csv(folder / "gamed_baseline.csv")
    delta = g["len_1"] - g["len_2"]
    return pd.DataFrame({
        "model": g["variant"], "preference": g["preference_surrogate"], "index": g["index"],
        "std_delta_len": delta / delta.groupby(g["variant"]).transform("std"),
        "instruction_difficulty": g["index"].map(difficulty), "not_gamed_baseline": False,
    })


def annotations(folder, model):
    rows = pd.read_csv(folder / "annotations.csv")
    rows = rows[rows["model"] == model].reset_index(drop=True)
    return pd.DataFrame({
        "instruction": rows["index"].astype(str), "output_1": rows["len_1"].map("x".__mul__), "output_2": rows["len_2"].map("x".__mul__),
        "generator_1": "gpt4_1106_preview", "generator_2": model, "annotator": "weighted_alpaca_eval_gpt4_turbo", "preference": rows["preference"],
    }).rename_axis("index")


def main():
    folder = Path(sys.argv[1])
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        gamed_table(folder).to_csv(scratch / "df_gamed.csv", index=False)
        glm_winrate.hf_hub_download = lambda **_: str(scratch / "df_gamed.csv")
        rows = annotations(folder, MODEL)
        binary = scratch / "eval.test"
        subprocess.check_call([ROOT / "tools/libtorch", "go", "test", "-c", "-o", binary, "./eval"], cwd=ROOT)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            text = subprocess.check_output([binary, "-test.run=^$", "-test.bench=^BenchmarkAlpaca$"], cwd=ROOT / "eval", text=True)
            ours.append(float(re.search(r"([\d.]+) ns/op", text)[1]) / 1e9)
            start = time.perf_counter()
            metrics = glm_winrate.get_length_controlled_winrate(rows.copy(), save_weights_dir=None)
            theirs.append(time.perf_counter() - start)
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"{MODEL}: ours {1000 * a:.1f} ms; alpaca_eval {1000 * b:.0f} ms (LC {metrics['length_controlled_winrate']:.4f}); ratio {b / a:.1f}")


main()
