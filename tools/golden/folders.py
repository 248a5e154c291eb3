"""Writes cmd/radpo/testdata/folders: what a user of transformers has on disk,
at tiny size, and what transformers makes of it.

    policy/         LlamaForCausalLM with its tokenizer and Llama 3's chat template
    classifier/     LlamaForSequenceClassification with one label
    armorm/         the layout of RLHFlow/ArmoRM-Llama3-8B-v0.1, with a larger tokenizer
    prompts.jsonl   {prompt}: texts and lists of messages by turns
    prompts.parquet the same conversations as lists of messages, by datasets
    expected.jsonl  {messages, ids, text, plain_ids, response_ids, logprobs, responses,
                    answer_ids, scores}: the conversation as the template renders it,
                    its last text alone, the policy's 16 most probable ids after it
                    with their log-probabilities, and two answers: what the template
                    puts behind the prompt for each, and the classifier's scores

    python tools/golden/folders.py
"""

import json
import shutil

import record  # first: it pins threads

import torch
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaModel,
    PreTrainedTokenizerFast,
)

import rewards

OUT = record.ROOT / "cmd/radpo/testdata/folders"
SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEMPLATE = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
    " + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
    "{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
QUESTIONS = [f"What is {a} {verb} {b}?" for a, b in [(1, 2), (3, 5), (8, 13)] for verb in ["plus", "times", "over", "minus"]]
ANSWERS = ["It is three.", "I do not know, but here is a long guess."]


def tokenizer(vocabulary):
    tok = Tokenizer(models.BPE(ignore_merges=True))
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tok.decoder = decoders.ByteLevel()
    words = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIALS), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tok.train_from_iterator([TEMPLATE + " assistant user system "] + QUESTIONS + ANSWERS * 4, words)
    tok.add_special_tokens(SPECIALS)
    bos = SPECIALS[0]
    tok.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, tok.token_to_id(bos))])
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token=bos, eos_token="<|eot_id|>", pad_token="<|end_of_text|>")
    fast.chat_template = TEMPLATE
    assert len(fast) == vocabulary, len(fast)
    return fast


def config(tok, **more):
    base = dict(
        vocab_size=len(tok),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=tok.bos_token_id,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
    )
    return LlamaConfig(**base | more)


def policy(tok):
    model = record.randomise(LlamaForCausalLM(config(tok, tie_word_embeddings=True)), 40).eval()
    model.generation_config = GenerationConfig(
        bos_token_id=tok.bos_token_id, eos_token_id=[tok.eos_token_id, tok.pad_token_id], pad_token_id=tok.pad_token_id,
        do_sample=True, temperature=0.6, top_p=0.9,
    )  # fmt: skip
    model.save_pretrained(OUT / "policy")
    tok.save_pretrained(OUT / "policy")
    return model


def classifier(tok):
    model = record.randomise(LlamaForSequenceClassification(config(tok, num_labels=1)), 41).eval()
    model.save_pretrained(OUT / "classifier")
    tok.save_pretrained(OUT / "classifier")
    return model


def armorm(tok):
    """As tools/golden/rewards.py has it, with a backbone of this vocabulary."""
    weights = {n: w for n, w in rewards.armorm_weights().items() if not n.startswith("model.")}
    backbone = record.randomise(LlamaModel(config(tok)), 42).bfloat16()
    weights |= {"model." + n: p.detach() for n, p in backbone.named_parameters()}
    folder = OUT / "armorm"
    tok.save_pretrained(folder)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    spelled = rewards.armorm_config() | {k: v for k, v in config(tok).to_dict().items() if k.endswith("_token_id") or k == "vocab_size"}
    spelled |= {"max_position_embeddings": 512, "intermediate_size": 48}
    del spelled["gating_token_pattern"]  # the real file has none: it is Llama 3's
    (folder / "config.json").write_text(json.dumps(spelled, indent=2, sort_keys=True) + "\n")
    record.tidy(folder)


def turns(text, system=None):
    return ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": text}]


def prompts():
    rows = [turns(q, "Be brief." if i % 3 == 0 else None) for i, q in enumerate(QUESTIONS)]
    Dataset.from_list([{"prompt": r} for r in rows]).to_parquet(OUT / "prompts.parquet")
    mixed = [{"prompt": r if len(r) > 1 else r[0]["content"]} for r in rows]
    (OUT / "prompts.jsonl").write_text("".join(json.dumps(r) + "\n" for r in mixed))
    return rows


def expected(tok, model, scorer, conversations):
    plain = GenerationConfig(do_sample=False, max_new_tokens=16, pad_token_id=tok.pad_token_id, eos_token_id=tok.eos_token_id)
    for messages in conversations:
        text = tok.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tok(text, add_special_tokens=False, return_tensors="pt").input_ids
        made = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=plain)
        logits = model(made).logits[0, ids.shape[1] - 1 : -1].log_softmax(-1)
        new = made[0, ids.shape[1] :]
        scores, answers = [], []
        for answer in ANSWERS:
            whole = tok.apply_chat_template(messages + [{"role": "assistant", "content": answer}], tokenize=False)
            assert whole.startswith(text)
            answers.append(tok(whole[len(text) :], add_special_tokens=False).input_ids)
            row = tok(whole, add_special_tokens=False, return_tensors="pt").input_ids
            scores.append(scorer(row, attention_mask=torch.ones_like(row)).logits.item())
        yield {
            "messages": messages, "text": text, "ids": ids[0].tolist(), "response_ids": new.tolist(),
            "plain_ids": tok(messages[-1]["content"]).input_ids, "logprobs": logits.gather(1, new[:, None])[:, 0].tolist(),
            "responses": ANSWERS, "answer_ids": answers, "scores": scores,
        }  # fmt: skip


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with torch.no_grad():
        tok = tokenizer(320)
        model, scorer = policy(tok), classifier(tok)
        armorm(tokenizer(340))
        rows = expected(tok, model, scorer, prompts()[:5])
        (OUT / "expected.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    for folder in OUT.glob("*/"):
        record.tidy(folder)
