"""Writes eval/testdata/arenahard.json: Arena-Hard's arithmetic on random
verdicts of three models, restated here from the definitions: Bradley-Terry by
scikit-learn's logistic regression, with style control as v0.1 has it (L2, C = 1,
every game twice) and as v2 has it (no penalty), the optimum of each to 1e-12.

    judgments   {uid, model, labels of both games; null: none}
    styles      {model: {uid: [tokens, headers, lists, bold]}}, the baseline's under "base"
    expected    {rules: {model: {win_rate, elo, style_win_rate, style_length_only}}}

    python tools/golden/arenahard.py      # numpy 2.4.6, scikit-learn 1.9.1
"""

import json
import math
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

OUT = Path(__file__).parents[2] / "eval/testdata/arenahard.json"
MODELS = ["alpha", "beta", "gamma"]
LABELS = ["A>>B", "A>B", "A=B", "B>A", "B>>A"]
SCORE = {"A>>B": [1.0] * 3, "A>B": [1.0], "A=B": [0.5], "B>A": [0.0], "B>>A": [0.0] * 3}


def made(rng):
    judgments, styles = [], {"base": {}}
    for q in range(60):
        styles["base"][f"q{q}"] = [int(v) for v in rng.poisson([300, 3, 6, 4])]
    for m, model in enumerate(MODELS):
        styles[model] = {}
        for q in range(60):
            styles[model][f"q{q}"] = [int(v) for v in rng.poisson([200 + 100 * m, 1 + 2 * m, 4 + m, 2 + 3 * m])]
            strength = 0.8 * (m - 1) + rng.normal()
            labels = []
            for game in range(2):
                level = int(np.clip(round(2 - strength + rng.normal()), 0, 4))  # 0: the model much better
                label = LABELS[level] if game == 1 else LABELS[4 - level]
                labels.append(None if rng.random() < 0.03 else label)
            judgments.append({"uid": f"q{q}", "model": model, "labels": labels})
    return judgments, styles


def battles(judgments, rules):
    out = []
    for j in judgments:
        first, second = j["labels"]
        if rules == "v2" and (first is None or second is None):
            continue
        if first is not None:
            out += [(j["model"], j["uid"], 1 - s) for s in SCORE[first]]
        if second is not None:
            out += [(j["model"], j["uid"], s) for s in SCORE[second]]
    return out


def fit(x, y, **how):
    """Targets of 0.5 are a win and a loss: every game stands twice."""
    twice = np.concatenate([x, x])
    target = np.concatenate([np.where(y > 0, 1, 0), np.where(y < 1, 0, 1)])
    lr = LogisticRegression(fit_intercept=False, tol=1e-12, max_iter=10000, solver="newton-cg", **how)
    lr.fit(twice, target)
    return lr.coef_[0]


def features(games, styles, rules, columns):
    rows = []
    for model, uid, _ in games:
        m, b = (np.array(styles[who][uid], float) for who in (model, "base"))
        if rules == "v0.1":
            row = (m - b) / (m + b + 1)
        else:
            dm, db = m / (m[0] + 1), b / (b[0] + 1)
            row = (dm - db) / (dm + db + 1)
            row[0] = (m[0] - b[0]) / (m[0] + b[0])
        rows.append(row[columns])
    rows = np.array(rows)
    return (rows - rows.mean(0)) / rows.std(0, ddof=0 if rules == "v0.1" else 1)


def styled(games, styles, rules, columns):
    y = np.array([s for _, _, s in games])
    z = features(games, styles, rules, columns)
    if rules == "v0.1":
        x = np.zeros((len(games), 4))
        for i, (model, _, _) in enumerate(games):
            x[i, MODELS.index(model)], x[i, 3] = math.log(10), -math.log(10)
        w = fit(np.hstack([x, z]), y, C=1.0)
        logit = math.log(10) * (w[:3] - w[3])
    else:
        x = np.array([[float(model == other) for other in MODELS] for model, _, _ in games])
        w = fit(np.hstack([x, z]), y, C=np.inf)
        logit = w[:3]
    k = len(columns)
    return 100 / (1 + np.exp(-logit)), w[-k:]


def expected(judgments, styles, rules):
    games = battles(judgments, rules)
    y = np.array([s for _, _, s in games])
    # Bradley-Terry, unpenalised and without style
    x = np.array([[math.log(10) * (model == other) for other in MODELS] for model, _, _ in games])
    elo = 400 * fit(x, y, C=np.inf)
    both, weights = styled(games, styles, rules, [0, 1, 2, 3])
    length, _ = styled(games, styles, rules, [0])
    out = {}
    for m, model in enumerate(MODELS):
        out[model] = {
            "win_rate": 100 / (1 + 10 ** (-elo[m] / 400)), "elo": 1000 + elo[m], "style_win_rate": both[m],
            "style": list(weights), "style_length_only": length[m],
        }  # fmt: skip
    return out


judgments, styles = made(np.random.default_rng(0))
OUT.write_text(json.dumps({
    "judgments": judgments, "styles": styles, "expected": {r: expected(judgments, styles, r) for r in ("v0.1", "v2")},
}) + "\n")  # fmt: skip
