"""Writes ranker/testdata: tiny reward models with what they make of a few
sequences, computed one by one in float32 and, as a check, in batches padded on
either side. Rows are right-padded with id 0:

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

qrm/ has the layout of nicolinho/QRM-Llama3.1-8B: quantiles of each objective,
and batch norms in the gate. It has the same tensors.

The others have a score [N] alone. classifier*/ are transformers' classes for
sequence classification with one label, on several bodies. score-mlp/ has the
head of infly/INF-ORM-Llama3.1-70B, value-head/ that of OpenRLHF with its
normalisation, v-head/ that of TRL's value head on a language model.

    python tools/golden/rewards.py
"""

import json
import shutil

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaModel
from transformers import Gemma2Config, MistralConfig, Qwen2Config

import record

OUT = record.ROOT / "ranker/testdata"
VOCAB, WIDTH, OBJECTIVES, VERBOSITY = 160, 32, 19, 4
PATTERN = [9, 6, 78, 7, 27]  # stands for <|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n
GATE = {"gating_temperature": 2.5, "gating_hidden_dim": 48, "gating_n_hidden": 2}
QUANTILES = 5
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


def padded(rows, left=False):
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for row, line in zip(rows, ids):
        line[len(line) - len(row) if left else 0 :][: len(row)] = torch.tensor(row)
    return ids


def gate_at(row):
    return max(i for i in range(len(row)) if row[i : i + len(PATTERN)] == PATTERN)


def attended(ids):
    """What a model wants of a batch padded on any side. No row holds id 0."""
    mask = (ids != 0).long()
    return dict(attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0))


def hidden_states(body, ids):
    """The final-normed hidden states of the last tokens and of the gates."""
    hidden, row = body(ids, **attended(ids)).last_hidden_state, torch.arange(len(ids))
    last = (ids != 0).long().cumsum(-1).argmax(-1)
    return hidden[row, last], hidden[row, torch.tensor([gate_at(r.tolist()) for r in ids])]


def one_by_one(forward, rows):
    """Forward on each row alone; padded batches must agree."""
    alone = [forward(torch.tensor([r])) for r in rows]
    out = {k: torch.cat([a[k] for a in alone]) for k in alone[0]}
    for left in (False, True):
        for k, v in forward(padded(rows, left)).items():
            torch.testing.assert_close(v, out[k], rtol=1e-4, atol=1e-5)
    return out | {"ids": padded(rows), "lengths": torch.tensor([len(r) for r in rows])}


def sizes():
    return [WIDTH] + GATE["gating_n_hidden"] * [GATE["gating_hidden_dim"]] + [OBJECTIVES]


def backbone(seed):
    body = record.randomise(LlamaModel(LlamaConfig(**BACKBONE)), seed).bfloat16()
    return {"model." + n: p.detach() for n, p in body.named_parameters()}


def noise(seed):
    g = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(shape, generator=g)


def objectives(draw, quantiles):
    transform = torch.eye(OBJECTIVES)
    transform[VERBOSITY] -= 0.3 * draw(OBJECTIVES).abs()
    transform[VERBOSITY, VERBOSITY] = 0
    return {
        "regression_layer.weight": 0.05 * draw(OBJECTIVES * quantiles, WIDTH),
        "reward_transform_matrix": transform,
        "gating.logit_scale": torch.tensor([1.3]),
    }


def armorm_gate(draw):
    for i, (n, m) in enumerate(zip(sizes(), sizes()[1:])):
        yield f"gating.layers.{i}.weight", 2 * draw(m, n) / n**0.5
        yield f"gating.layers.{i}.bias", 0.2 * draw(m)


def qrm_gate(draw):
    """Linear, ReLU and BatchNorm1d under a number each; linear at the end."""
    for i, (n, m) in enumerate(zip(sizes(), sizes()[1:])):
        yield f"gating.layers.{3 * i}.weight", 2 * draw(m, n) / n**0.5
        if i == GATE["gating_n_hidden"]:
            yield f"gating.layers.{3 * i}.bias", 0.2 * draw(m)
            continue
        norm = f"gating.layers.{3 * i + 2}."
        yield norm + "weight", 1 + 0.3 * draw(m)
        yield norm + "bias", 0.2 * draw(m)
        yield norm + "running_mean", 0.3 * draw(m)
        yield norm + "running_var", 0.2 + draw(m).square()
        yield norm + "num_batches_tracked", torch.tensor(7)


def config(architecture, auto, **more):
    """As the real files are spelled, by transformers 4."""
    keep = LlamaConfig(**BACKBONE).to_dict()
    out = {k: keep[k] for k in [*BACKBONE, "model_type", "hidden_act", "attention_bias", "tie_word_embeddings"]}
    return out | more | {
        "architectures": [architecture],
        "auto_map": {auto: "modeling_custom." + architecture},
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "torch_dtype": "float32",
        "transformers_version": "4.41.2",
    }  # fmt: skip


def gated_config(**more):
    return config(
        "LlamaForRewardModelWithGating", "AutoModelForSequenceClassification", **GATE, gating_token_pattern=PATTERN,
        num_objectives=OBJECTIVES, id2label={str(i): f"LABEL_{i}" for i in range(OBJECTIVES)}, **more,
    )  # fmt: skip


def save(folder, weights, config):
    """The folder, and its weights in float32 with the body that they make."""
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    weights = {n: w.float() for n, w in load_file(folder / "model.safetensors").items()}
    body = LlamaModel(LlamaConfig(**BACKBONE)).eval()
    body.load_state_dict({n.removeprefix("model."): w for n, w in weights.items() if n.startswith("model.")})
    return weights, body


def linear(weights, name, x):
    return F.linear(x, weights[name + ".weight"], weights.get(name + ".bias"))


def armorm_gating(weights, x):
    for i in range(GATE["gating_n_hidden"]):
        x = linear(weights, f"gating.layers.{i}", x).relu()
    return linear(weights, f"gating.layers.{i + 1}", x)


def qrm_gating(weights, x):
    for i in range(0, 3 * GATE["gating_n_hidden"], 3):
        x = linear(weights, f"gating.layers.{i}", x).relu()
        norm = {n: weights[f"gating.layers.{i + 2}.{n}"] for n in ("running_mean", "running_var", "weight", "bias")}
        x = F.batch_norm(x, **norm)
    return linear(weights, f"gating.layers.{i + 3}", x)


def gated(weights, at, closing, gating):
    rewards = linear(weights, "regression_layer", at).reshape(len(at), OBJECTIVES, -1).mean(-1)
    gate = (gating(weights, closing) / GATE["gating_temperature"]).softmax(-1) * weights["gating.logit_scale"][0]
    transform = weights["reward_transform_matrix"]
    score = (rewards @ transform * gate).sum(-1)
    return {"hidden": at, "closing": closing, "rewards": rewards, "gating": gate, "coefficients": gate @ transform.T, "score": score}


def write_gated(folder, rows, weights, config, gating):
    weights, body = save(folder, weights, config)
    out = one_by_one(lambda ids: gated(weights, *hidden_states(body, ids), gating), rows)
    torch.testing.assert_close((out["rewards"] * out["coefficients"]).sum(-1), out["score"])
    out |= {"gate_at": torch.tensor([gate_at(r) for r in rows]), "pattern": torch.tensor(PATTERN)}
    if gating is armorm_gating:
        coarse = gated({n: w.bfloat16() for n, w in weights.items()}, out["hidden"].bfloat16(), out["closing"].bfloat16(), gating)
        out |= {"coarse_" + n: v for n, v in coarse.items() if n != "coefficients"}
    record.write(folder / "golden.safetensors", out)
    print(folder.name, "score", out["score"].tolist(), "largest gate", out["gating"].max(-1).values.tolist())


def armorm(folder, rows):
    weights, draw = backbone(20), noise(21)
    weights |= objectives(draw, 1)
    weights |= dict(armorm_gate(draw))
    write_gated(folder, rows, weights, gated_config(), armorm_gating)


def qrm(folder, rows):
    weights, draw = backbone(22), noise(23)
    weights |= objectives(draw, QUANTILES)
    weights |= dict(qrm_gate(draw))
    write_gated(folder, rows, weights, gated_config(num_quantiles=QUANTILES), qrm_gating)


def write_scored(folder, rows, score):
    out = one_by_one(lambda ids: {"score": score(ids)}, rows)
    record.write(folder / "golden.safetensors", out)
    print(folder.name, "score", out["score"].tolist())


def sequence_classifier(seed, config=LlamaConfig, **shape):
    def make(folder, rows):
        model = AutoModelForSequenceClassification.from_config(config(**BACKBONE | shape, num_labels=1), attn_implementation="eager")
        record.randomise(model, seed).bfloat16().save_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        write_scored(folder, rows, lambda ids: model(ids, **attended(ids)).logits[:, 0])

    return make


def score_mlp(folder, rows):
    weights, draw = backbone(40), noise(41)
    weights |= {"score.0.weight": draw(WIDTH, WIDTH) / WIDTH**0.5, "score.0.bias": 0.2 * draw(WIDTH)}
    weights |= {"score.2.weight": draw(1, WIDTH), "score.2.bias": draw(1)}
    weights, body = save(folder, weights, config("INFORMForSequenceClassification", "AutoModelForSequenceClassification"))
    head = lambda x: linear(weights, "score.2", linear(weights, "score.0", x).relu())[:, 0]
    write_scored(folder, rows, lambda ids: head(hidden_states(body, ids)[0]))


def value_head(folder, rows):
    weights, draw = backbone(42), noise(43)
    weights |= {"value_head.weight": draw(1, WIDTH)}
    normal = dict(normalize_reward=True, mean=0.75, std=2.5)
    weights, body = save(folder, weights, config("RewardModel", "AutoModel", value_head_prefix="value_head", **normal))
    head = lambda x: (linear(weights, "value_head", x)[:, 0] - normal["mean"]) / normal["std"]
    write_scored(folder, rows, lambda ids: head(hidden_states(body, ids)[0]))


def v_head(folder, rows):
    weights, draw = backbone(44), noise(45)
    weights |= {"v_head.summary.weight": draw(1, WIDTH), "v_head.summary.bias": draw(1), "lm_head.weight": draw(VOCAB, WIDTH).bfloat16()}
    weights, body = save(folder, weights, config("LlamaForCausalLM", "AutoModel", vhead_layer_type="linear"))
    write_scored(folder, rows, lambda ids: linear(weights, "v_head.summary", hidden_states(body, ids)[0])[:, 0])


FOLDERS = {
    "armorm": armorm,
    "qrm": qrm,
    "classifier": sequence_classifier(30),
    "classifier-mistral": sequence_classifier(31, MistralConfig, head_dim=16, sliding_window=7),
    "classifier-qwen2": sequence_classifier(32, Qwen2Config),
    "classifier-gemma2": sequence_classifier(33, Gemma2Config, head_dim=16, sliding_window=7, query_pre_attn_scalar=12, attn_logit_softcapping=3.0),
    "score-mlp": score_mlp,
    "value-head": value_head,
    "v-head": v_head,
}  # fmt: skip

if __name__ == "__main__":
    for name, make in FOLDERS.items():
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with torch.no_grad():
            make(folder, sequences())
