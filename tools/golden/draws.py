"""Writes internal/torch/testdata/draws.safetensors: the distributions that transformers draws from.

    logits [CASES,V]     of the model
    settings [CASES,6]   temperature, top-p, top-k, min-p, repetition penalty, tokens that may not end yet (0 or 1)
    seen [CASES,SEEN]    ids of prompt and response
    biased [CASES,2]  bias [CASES,2]   ids and what is added to their logits
    probs [CASES,V]      after the processors that generate() makes of the settings, in its order

The first cases have one setting each; the others draw all of them. END is the id that ends a response.

    python tools/golden/draws.py
"""

import random

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

import record

V, SEEN, END = 96, 6, 7
OFF = dict(temperature=1.0, top_p=1.0, top_k=0, min_p=0.0, repetition_penalty=1.0, min_new_tokens=0, bias=0.0)
ALONE = [
    dict(), dict(temperature=0.01), dict(temperature=5.0), dict(top_p=1e-9), dict(top_p=0.5), dict(top_p=0.999), dict(top_k=1), dict(top_k=40),
    dict(top_k=95), dict(min_p=1.0), dict(min_p=0.1), dict(repetition_penalty=1.3), dict(repetition_penalty=0.7), dict(bias=4.0), dict(bias=-100.0),
    dict(min_new_tokens=1), dict(temperature=0.01, top_p=0.9, min_p=0.5), dict(temperature=5.0, top_k=3, repetition_penalty=2.0, bias=100.0),
]


def mixed(r):
    """All settings at once, each of them off now and then."""
    some = dict(
        temperature=r.choice([0.3, 0.7, 1.0, 1.4, 5.0]), top_p=r.choice([0.3, 0.6, 0.9, 0.99]), top_k=r.choice([3, 7, 20, 50, 96, 500]),
        min_p=r.choice([1e-4, 0.02, 0.1, 0.3]), repetition_penalty=r.choice([0.5, 0.9, 1.1, 2.0, 10.0]), min_new_tokens=r.choice([0, 1]),
        bias=r.choice([-100.0, -1.5, 0.5, 8.0]),
    )
    return {k: OFF[k] if r.random() < 0.2 else v for k, v in some.items()}


def probs(model, logits, seen, biased, s):
    c = {k: v for k, v in s.items() if k != "bias" and v != OFF[k]}
    if s["bias"]:
        c["sequence_bias"] = [[[b], w * s["bias"]] for b, w in zip(biased, (1.0, -0.5))]
    # Its own default of 50 likeliest tokens counts where nothing is said.
    config = GenerationConfig(do_sample=True, **{"top_k": 0} | c)
    config._eos_token_tensor = torch.tensor([END])
    model.generation_config = config
    steps = model._get_logits_processor(config, input_ids_seq_length=SEEN, device="cpu")
    return torch.softmax(steps(torch.tensor([seen]), logits[None].double()), -1)[0]


if __name__ == "__main__":
    torch.manual_seed(4)
    r = random.Random(4)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=V, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1))
    out = {k: [] for k in ("logits", "settings", "seen", "biased", "bias", "probs")}
    for s in [OFF | a for a in ALONE] + [mixed(r) for _ in range(60)]:
        s = {k: torch.tensor(v, dtype=torch.float32).item() if isinstance(v, float) else v for k, v in s.items()}
        logits = 3 * torch.randn(V)
        seen = [r.randrange(1, V) for _ in range(SEEN)]
        biased = [seen[0], seen[0] % (V - 1) + 1]
        out["logits"].append(logits)
        out["settings"].append(torch.tensor([s["temperature"], s["top_p"], s["top_k"], s["min_p"], s["repetition_penalty"], s["min_new_tokens"]]))
        out["seen"].append(torch.tensor(seen))
        out["biased"].append(torch.tensor(biased))
        out["bias"].append(torch.tensor([s["bias"], -0.5 * s["bias"]]))
        out["probs"].append(probs(model, logits, seen, biased, s).float())
    record.write(record.ROOT / "internal/torch/testdata/draws.safetensors", {k: torch.stack(v) for k, v in out.items()}, end=END)
