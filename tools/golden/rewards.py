"""Writes ranker/testdata: two tiny reward models with what they make of a few
sequences, computed one by one in float32. Rows are right-padded with id 0:

    ids [N,L], lengths [N]    the sequences

armorm/ has the layout of RLHFlow/ArmoRM-Llama3-8B-v0.1, a Llama backbone in
bfloat16 and heads in float32. Its forward pass is written out below, as that
repository's own code does not run on transformers 5:

    pattern [P]               ids at whose last occurrence the gate reads
    gate_at [N]               that position
    hidden [N,D]              final-normed hidden state of the last token
    rewards [N,19]            raw attributes
    gating [N,19]             after softmax and logit_scale
    coefficients [N,19]       of each raw attribute: reward_transform_matrix · gating
    score [N]
    coarse_*                  hidden and closing, the hidden states that the heads
                              read, rewards, gating and score, all in bfloat16, as
                              transformers computes them with torch_dtype=bfloat16

classifier/ is a LlamaForSequenceClassification with one label:

    score [N]

    python tools/golden/rewards.py
"""

import json
import shutil

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForSequenceClassification, LlamaModel

import record

OUT = record.ROOT / "ranker/testdata"
VOCAB, WIDTH, OBJECTIVES, VERBOSITY = 160, 32, 19, 4
PATTERN = [9, 6, 78, 7, 27]  # stands for <|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n
GATE = {"gating_temperature": 2.5, "gating_hidden_dim": 48, "gating_n_hidden": 2}
BACKBONE = dict(
    vocab_size=VOCAB,
    hidden_size=WIDTH,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)


def sequences():
    """Prompt, pattern, response, end of turn; the last has two such turns."""
    draw = lambda seed, n: (100 + record.ids(seed, VOCAB - 100, n)).tolist()
    turn = lambda seed, p, r: draw(seed, p) + PATTERN + draw(seed + 1, r)
    rows = [[1] + turn(50 + 2 * i, 3 + 4 * i, 12 - 2 * i) + [9] for i in range(5)]
    return rows + [[1] + turn(70, 4, 6) + [9] + turn(72, 5, 3) + [9]]


def padded(rows):
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for row, line in zip(rows, ids):
        line[: len(row)] = torch.tensor(row)
    return ids, torch.tensor([len(r) for r in rows])


def gate_at(row):
    return max(i for i in range(len(row)) if row[i : i + len(PATTERN)] == PATTERN)


def armorm_weights():
    g = torch.Generator().manual_seed(21)
    noise = lambda *shape: torch.randn(shape, generator=g)
    backbone = record.randomise(LlamaModel(LlamaConfig(**BACKBONE)), 20).bfloat16()
    weights = {"model." + n: p.detach() for n, p in backbone.named_parameters()}
    transform = torch.eye(OBJECTIVES)
    transform[VERBOSITY] -= 0.3 * noise(OBJECTIVES).abs()
    transform[VERBOSITY, VERBOSITY] = 0
    weights |= {
        "regression_layer.weight": 0.05 * noise(OBJECTIVES, WIDTH),
        "reward_transform_matrix": transform,
        "gating.logit_scale": torch.tensor([1.3]),
    }
    sizes = [WIDTH] + GATE["gating_n_hidden"] * [GATE["gating_hidden_dim"]] + [OBJECTIVES]
    for i, (n, m) in enumerate(zip(sizes, sizes[1:])):
        weights[f"gating.layers.{i}.weight"] = 2 * noise(m, n) / n**0.5
        weights[f"gating.layers.{i}.bias"] = 0.2 * noise(m)
    return weights


def armorm_config():
    """As the real file is spelled, by transformers 4."""
    keep = LlamaConfig(**BACKBONE).to_dict()
    config = {k: keep[k] for k in [*BACKBONE, "model_type", "hidden_act", "attention_bias", "tie_word_embeddings"]}
    return config | GATE | {
        "architectures": ["LlamaForRewardModelWithGating"],
        "auto_map": {"AutoModelForSequenceClassification": "modeling_custom.LlamaForRewardModelWithGating"},
        "gating_token_pattern": PATTERN,
        "id2label": {str(i): f"LABEL_{i}" for i in range(OBJECTIVES)},
        "num_objectives": OBJECTIVES,
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "torch_dtype": "float32",
        "transformers_version": "4.41.2",
    }  # fmt: skip


def armorm_forward(weights, backbone, ids, last, gate):
    hidden = backbone(ids, attention_mask=(ids != 0).long()).last_hidden_state
    row = torch.arange(len(ids))
    return armorm_heads(weights, hidden[row, last], hidden[row, gate])


def armorm_heads(weights, at, closing):
    x = closing
    rewards = at @ weights["regression_layer.weight"].T
    layers = GATE["gating_n_hidden"] + 1
    for i in range(layers):
        x = F.linear(x, weights[f"gating.layers.{i}.weight"], weights[f"gating.layers.{i}.bias"])
        x = x.relu() if i < layers - 1 else x
    gating = (x / GATE["gating_temperature"]).softmax(-1) * weights["gating.logit_scale"][0]
    transform = weights["reward_transform_matrix"]
    score = (rewards @ transform * gating).sum(-1)
    return {"hidden": at, "closing": closing, "rewards": rewards, "gating": gating, "coefficients": gating @ transform.T, "score": score}


def one_by_one(forward, rows, *places):
    """Forward on each row alone; the padded batch must agree."""
    alone = [forward(torch.tensor([r]), *(p[i : i + 1] for p in places)) for i, r in enumerate(rows)]
    out = {k: torch.cat([a[k] for a in alone]) for k in alone[0]}
    for k, v in forward(padded(rows)[0], *places).items():
        torch.testing.assert_close(v, out[k], rtol=1e-4, atol=1e-5)
    return out


def armorm(folder, rows):
    save_file(armorm_weights(), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(armorm_config(), indent=2, sort_keys=True) + "\n")
    weights = {n: w.float() for n, w in load_file(folder / "model.safetensors").items()}
    backbone = LlamaModel(LlamaConfig(**BACKBONE)).eval()
    backbone.load_state_dict({n.removeprefix("model."): w for n, w in weights.items() if n.startswith("model.")})

    ids, lengths = padded(rows)
    gate = torch.tensor([gate_at(r) for r in rows])
    out = one_by_one(lambda *at: armorm_forward(weights, backbone, *at), rows, lengths - 1, gate)
    torch.testing.assert_close((out["rewards"] * out["coefficients"]).sum(-1), out["score"])
    coarse = armorm_heads({n: w.bfloat16() for n, w in weights.items()}, out["hidden"].bfloat16(), out["closing"].bfloat16())
    out |= {"coarse_" + n: v for n, v in coarse.items() if n != "coefficients"}
    out |= {"ids": ids, "lengths": lengths, "gate_at": gate, "pattern": torch.tensor(PATTERN)}
    record.write(folder / "golden.safetensors", out)
    print("score", out["score"].tolist(), "largest gate", out["gating"].max(-1).values.tolist())


def classifier(folder, rows):
    record.randomise(LlamaForSequenceClassification(LlamaConfig(**BACKBONE, num_labels=1)), 30).save_pretrained(folder)
    model = LlamaForSequenceClassification.from_pretrained(folder).eval()
    score = lambda ids: {"score": model(ids, attention_mask=(ids != 0).long()).logits[:, 0]}
    ids, lengths = padded(rows)
    out = one_by_one(score, rows) | {"ids": ids, "lengths": lengths}
    record.write(folder / "golden.safetensors", out)
    print("score", out["score"].tolist())


if __name__ == "__main__":
    for make in (armorm, classifier):
        folder = OUT / make.__name__
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with torch.no_grad():
            make(folder, sequences())
