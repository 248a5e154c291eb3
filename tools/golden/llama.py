"""Writes internal/model/testdata: tiny random Llama models as transformers
saves them, each with golden.safetensors:

    ids [2,24]        two sequences
    logits [2,24,V]   in f32, of the weights as saved
    logits_bf16       of transformers' own run in bfloat16 (bf16 models only)
    loss              mean cross-entropy of predicting ids[:,1:]
    grad.<name>       its gradient in f32
    prompt, greedy    8 ids, and the 64 most probable ones after them

    python tools/golden/llama.py
"""

import copy
import json
import shutil

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

import record

OUT = record.ROOT / "internal/model/testdata"
VOCAB = 128
SHAPES = {
    "tied": dict(num_key_value_heads=4, tie_word_embeddings=True),
    "biased": dict(hidden_size=48, num_key_value_heads=2, head_dim=16, attention_bias=True, mlp_bias=True),
    "llama3": dict(
        num_key_value_heads=1,
        rope_parameters=dict(
            rope_type="llama3",
            rope_theta=1000.0,
            factor=4.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=64,  # keeps one frequency, blends one, divides two
        ),
    ),
    "sharded": dict(
        num_key_value_heads=2,
        num_hidden_layers=3,
        rms_norm_eps=1e-2,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0),
    ),
}


def build(seed, **shape):
    base = dict(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        bos_token_id=1,
        eos_token_id=[2, 3],
        pad_token_id=0,
    )
    return record.randomise(LlamaForCausalLM(LlamaConfig(**base | shape)), seed).eval()


def spell4(folder):
    """Rewrites config.json as transformers 4 spelled it."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config |= {"torch_dtype": config.pop("dtype"), "rope_theta": rope.pop("rope_theta"), "transformers_version": "4.57.0"}
    config["rope_scaling"] = {"type": rope.pop("rope_type"), **rope}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def greedy(model):
    """A prompt whose continuation varies and is nowhere nearly a tie."""
    for seed in range(1000):
        prompt = record.ids(seed, VOCAB, 1, 8)
        plain = GenerationConfig(do_sample=False, max_new_tokens=64, pad_token_id=0, output_scores=True, return_dict_in_generate=True)
        out = model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=plain)
        best = torch.stack([s[0].topk(2).values for s in out.scores])
        margin = (best[:, 0] - best[:, 1]).min().item()
        made = out.sequences[0, 8:]
        if margin > 0.01 and len(set(made.tolist())) >= 12:
            return prompt[0], made, margin
    raise SystemExit("no prompt without a near tie")


def golden(folder, source):
    """Runs what was saved, so that the files are what is held to."""
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = record.ids(1, VOCAB, 2, 24)
    out = model(ids, labels=ids)
    assert torch.equal(out.logits, source(ids).logits), "the folder is not the model"
    out.loss.backward()
    prompt, made, margin = greedy(model)
    tensors = {"ids": ids, "logits": out.logits, "loss": out.loss, "prompt": prompt, "greedy": made}
    tensors |= {"grad." + name: p.grad for name, p in model.named_parameters()}
    if folder.name.endswith("-bf16"):
        half = LlamaForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
        tensors["logits_bf16"] = half(ids).logits
    record.write(folder / "golden.safetensors", tensors, attention=model.config._attn_implementation, greedy_margin=margin)


if __name__ == "__main__":
    for seed, (name, shape) in enumerate(SHAPES.items()):
        model = build(seed, **shape)
        for suffix, dtype in {"": torch.float32, "-bf16": torch.bfloat16}.items():
            folder = OUT / (name + suffix)
            shutil.rmtree(folder, ignore_errors=True)
            with torch.no_grad():
                for p in model.parameters():
                    p.copy_(p.to(dtype))
            copy.deepcopy(model).to(dtype).save_pretrained(folder, max_shard_size="60KB" if name == "sharded" else "1GB")
            if name == "sharded":
                spell4(folder)
            golden(folder, model)
            print(folder.name, "ok")
