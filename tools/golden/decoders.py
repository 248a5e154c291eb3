"""Writes internal/model/testdata: tiny random language models as transformers
saves them, each with golden.safetensors:

    ids [2,24]        two sequences, longer than any sliding window
    logits [2,24,V]   in f32, of the weights as saved
    logits_bf16       of transformers' own run in bfloat16 (bf16 models only)
    loss              mean cross-entropy of predicting ids[:,1:]
    grad.<name>       its gradient in f32
    lengths [2]       of a batch of the first tokens of each, padded with id 0
    left, right       logits of its tokens [N,V], one after another, when it is
                      padded on the left and on the right
    prompt, greedy    8 ids, and the 64 most probable ones after them, with a
                      cache and without

    python tools/golden/decoders.py [name ...]
"""

import copy
import json
import shutil
import sys

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers import Gemma2Config, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

import record

OUT = record.ROOT / "internal/model/testdata"
VOCAB = 128
LENGTHS = [9, 13]
SPELLED4 = ["sharded", "sharded-bf16", "mistral-bf16", "qwen2-bf16", "gemma2-bf16"]  # config.json as transformers 4 spelled it
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
    "mistral": dict(config=MistralConfig, num_key_value_heads=2, head_dim=16, sliding_window=7),
    "qwen2": dict(
        config=Qwen2Config, num_key_value_heads=2, tie_word_embeddings=True,
        use_sliding_window=True, sliding_window=7, max_window_layers=1,
    ),
    "gemma2": dict(
        config=Gemma2Config, num_key_value_heads=2, head_dim=16, sliding_window=7,
        query_pre_attn_scalar=12, attn_logit_softcapping=3.0, final_logit_softcapping=5.0,
    ),
    "qwen3": dict(
        config=Qwen3Config, num_key_value_heads=2, head_dim=12, tie_word_embeddings=True,
        use_sliding_window=True, sliding_window=7, max_window_layers=1,
    ),
}  # fmt: skip


def build(seed, config=LlamaConfig, **shape):
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
    model = AutoModelForCausalLM.from_config(config(**base | shape), attn_implementation="eager")
    return record.randomise(model, seed).eval()


def spell4(folder):
    """Rewrites config.json as transformers 4 spelled it."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config.pop("layer_types", None)
    config |= {"torch_dtype": config.pop("dtype"), "rope_theta": rope.pop("rope_theta"), "transformers_version": "4.57.0"}
    config["rope_scaling"] = {"type": rope.pop("rope_type"), **rope}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def greedy(model):
    """A prompt whose continuation varies and is nowhere nearly a tie."""
    for seed in range(1000):
        prompt = record.ids(seed, VOCAB, 1, 8)
        plain = GenerationConfig(do_sample=False, max_new_tokens=64, pad_token_id=0, output_scores=True, return_dict_in_generate=True)
        uncached = copy.deepcopy(plain)
        uncached.use_cache = False
        out = model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=plain)
        best = torch.stack([s[0].topk(2).values for s in out.scores])
        margin = (best[:, 0] - best[:, 1]).min().item()
        made = out.sequences[0, 8:]
        if margin > 0.01 and len(set(made.tolist())) >= 12:
            again = model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=uncached)
            assert torch.equal(again.sequences, out.sequences), "the cache changes the tokens"
            return prompt[0], made, margin
    raise SystemExit("no prompt without a near tie")


def padded(model, ids, left):
    """Logits of the first LENGTHS tokens of each row as one padded batch."""
    real = torch.zeros(len(ids), max(LENGTHS), dtype=torch.int64)
    for row, n in zip(real, LENGTHS):
        row[len(row) - n :] = 1 if left else row[len(row) - n :]
        row[:n] = row[:n] if left else 1
    batch = torch.zeros_like(real)
    batch[real == 1] = torch.cat([row[:n] for row, n in zip(ids, LENGTHS)])
    positions = (real.cumsum(-1) - 1).clamp(min=0)
    return model(batch, attention_mask=real, position_ids=positions).logits[real == 1]


def golden(folder, source):
    """Runs what was saved, so that the files are what is held to."""
    load = lambda dtype: AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
    model = load(torch.float32)
    ids = record.ids(1, VOCAB, 2, 24)
    out = model(ids, labels=ids)
    assert torch.equal(out.logits, source(ids).logits), "the folder is not the model"
    out.loss.backward()
    prompt, made, margin = greedy(model)
    tensors = {"ids": ids, "logits": out.logits, "loss": out.loss, "prompt": prompt, "greedy": made}
    tensors |= {"grad." + name: p.grad for name, p in model.named_parameters()}
    with torch.no_grad():
        tensors |= {"lengths": torch.tensor(LENGTHS), "left": padded(model, ids, True), "right": padded(model, ids, False)}
        if folder.name.endswith("-bf16"):
            tensors["logits_bf16"] = load(torch.bfloat16)(ids).logits
    record.write(folder / "golden.safetensors", tensors, attention="eager", greedy_margin=margin)


if __name__ == "__main__":
    for seed, (name, shape) in enumerate(SHAPES.items()):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        model = build(seed, **shape)
        for suffix, dtype in {"": torch.float32, "-bf16": torch.bfloat16}.items():
            folder = OUT / (name + suffix)
            shutil.rmtree(folder, ignore_errors=True)
            with torch.no_grad():
                for p in model.parameters():
                    p.copy_(p.to(dtype))
            copy.deepcopy(model).to(dtype).save_pretrained(folder, max_shard_size="60KB" if name == "sharded" else "1GB")
            if folder.name in SPELLED4:
                spell4(folder)
            golden(folder, model)
            print(folder.name, "ok")
