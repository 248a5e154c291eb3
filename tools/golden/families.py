"""Writes cmd/radpo/testdata/families: a tiny policy of each architecture beside
Llama for the tokenizer and template of cmd/radpo/testdata/folders/policy, with
sliding windows shorter than the prompts, and what transformers makes of it:

    expected.jsonl  {messages, ids, response_ids, logprobs}: the conversation as
                    the template renders it, the 16 most probable ids after it and
                    their log-probabilities

    python tools/golden/families.py
"""

import json
import shutil

import record  # first: it pins threads

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers import Gemma2Config, MistralConfig, Qwen2Config, Qwen3Config

import folders

OUT = record.ROOT / "cmd/radpo/testdata/families"
FAMILIES = {
    "mistral": (MistralConfig, dict(sliding_window=9)),
    "qwen2": (Qwen2Config, dict(use_sliding_window=True, sliding_window=9, max_window_layers=1, tie_word_embeddings=True)),
    "qwen3": (Qwen3Config, dict(tie_word_embeddings=True)),
    "gemma2": (Gemma2Config, dict(sliding_window=9, query_pre_attn_scalar=8)),
}


def build(tok, seed, kind, more):
    base = dict(
        vocab_size=len(tok),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        bos_token_id=tok.bos_token_id,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
    )
    model = AutoModelForCausalLM.from_config(kind(**base | more), attn_implementation="eager")
    return record.randomise(model, seed).eval()


def expected(tok, model):
    plain = GenerationConfig(do_sample=False, max_new_tokens=16, pad_token_id=tok.pad_token_id, eos_token_id=tok.eos_token_id)
    for question in folders.QUESTIONS[:3]:
        messages = folders.turns(question, "Be brief.")
        ids = tok.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True).input_ids
        made = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=plain)
        logits = model(made).logits[0, ids.shape[1] - 1 : -1].log_softmax(-1)
        new = made[0, ids.shape[1] :]
        yield {
            "messages": messages, "ids": ids[0].tolist(), "response_ids": new.tolist(),
            "logprobs": logits.gather(1, new[:, None])[:, 0].tolist(),
        }  # fmt: skip


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    tok = AutoTokenizer.from_pretrained(folders.OUT / "policy")
    for seed, (name, (kind, more)) in enumerate(FAMILIES.items()):
        model = build(tok, 60 + seed, kind, more)
        model.save_pretrained(OUT / name)
        with torch.no_grad():
            rows = expected(tok, model)
            (OUT / name / "expected.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        record.tidy(OUT / name)
