"""Writes internal/tokenizer/testdata/variants.jsonl.gz: ids by Hugging Face's
tokenizers for pipelines that the mini tokenizers do not have as they are.

    pip install tokenizers==0.22.2
    python tools/golden/tokenizer_vectors.py internal/tokenizer/testdata
    python tools/golden/tokenizer_vectors.py DIR FAMILY COUNT SEED > vectors.jsonl

The first form starts a variant with {"variant", "base", "patch"}: patch
replaces top-level sections of the base tokenizer.json, "model" key by key;
its vectors follow. The second writes vectors of random text for the
tokenizer DIR/FAMILY.tokenizer.json.gz as it is.
"""

import base64
import gzip
import json
import random
import sys
from pathlib import Path

from tokenizers import Tokenizer

META = "\u2581"
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\u00a0", "\u3000", "\u2028", "\x0b", "\x85", "\u200b", " \n  \n "]
WORDS = """the The of and don't I'll WE'VE he'd x'S 'tis it\u2019s naïve São Zürich Việt tiếng привет мир γειά こんにちは 世界 한국어 مرحبا שלום
नमस्ते हिन्दी ไทย ქართული Straße ŉ ǅ ſ 'ſ 'ſt İi ﬁ Å Ǻ Ω ｆｕｌｌ function(){ return; } #include <stdio.h> C:\\path //x == != ... --- ((()))
1 22 333 4444 123456789 3.14 1,000 ٣٤٥ ४५६ Ⅷ ½ ² 𝟗𝟘 _ a_b $x @me #tag %20 & * ~ ` ^ | [UNK] [CLS] <s> </s> <unk> [INST] [/INST]
<|begin_of_text|> <|eot_id|> <|eot_id <|im_start|> <|im_end|> <|source|> <|candidate1|> <|candidate <start_of_turn> <end_of_turn> <bos> <0x0A> """.split()
MARKS = ["\u0301", "\u0300", "\u0323", "\u0345", "\u093c", "\u094d", "\u3099", "\u200d", "\ufe0f", "\u20e3", "\u1dfa", "\U0001e944", "\u0f71\u0f72"]
JAMO = ["\u1100", "\u1161", "\u11a8", "\u11a7", "\uac00", "\ud55c", "\ua960", "\ud7b0"]
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1ef\U0001f1f5", "\U0001f44d\U0001f3fd", "1\ufe0f\u20e3", "\U0001fae8"]
BROKEN = [b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\x80", b"\xe2\x28\xa1"]


def point(rng):
    while True:
        c = rng.choice([rng.randrange(0x80), rng.randrange(0x800), rng.randrange(0x10000), rng.randrange(0x110000), rng.randrange(0x1E000)])
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def text(rng):
    """One random text as bytes, at times not UTF-8."""
    n, out = rng.choice([1, 2, 3, 5, 8, 20, 60]), b""
    pools = rng.sample([SPACES, WORDS, WORDS, MARKS, JAMO, EMOJI, None, None, [META], [" "]], rng.randint(1, 5))
    broken = rng.random() < 0.04
    for _ in range(n):
        if broken and rng.random() < 0.3:
            out += rng.choice(BROKEN)
        pool = rng.choice(pools)
        piece = rng.choice(pool) if pool else point(rng)
        if rng.random() < 0.05:
            piece *= rng.choice([2, 3, 30, 70])
        out += piece.encode()
    return out


def vector(tok, raw, extra):
    s = raw.decode("utf-8", "replace")
    ids = tok.encode(s, add_special_tokens=False).ids
    row = {"text": s} if s.encode() == raw else {"b64": base64.b64encode(raw).decode()}
    row["ids"] = ids
    dec = tok.decode(ids, skip_special_tokens=False)
    if dec != s:
        row["dec"] = dec
    if extra:
        row["ids_special"] = tok.encode(s).ids
        tok.encode_special_tokens = True
        row["ids_plain"] = tok.encode(s, add_special_tokens=False).ids
        tok.encode_special_tokens = False
    return row


SPACED = {"type": "Replace", "pattern": {"String": " "}, "content": META}
UNSPACED = {"type": "Replace", "pattern": {"String": META}, "content": " "}
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def metaspace(scheme, split):
    return {"type": "Metaspace", "replacement": META, "prepend_scheme": scheme, "split": split}


def byte_level(prefix, regex):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def split(pattern, behavior, invert):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def sequence(field, *parts):
    return {"type": "Sequence", field: list(parts)}


def added(i, content, **flags):
    row = {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return row | flags


VARIANTS = {
    "mistral-prepend": ("mini-spm", {
        "normalizer": sequence("normalizers", {"type": "Prepend", "prepend": META}, SPACED), "pre_tokenizer": None}),
    "gemma": ("mini-spm", {
        "normalizer": SPACED,
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        "decoder": sequence("decoders", UNSPACED, {"type": "ByteFallback"}, {"type": "Fuse"})}),
    "metaspace-always-split": ("mini-spm", {"pre_tokenizer": metaspace("always", True)}),
    "metaspace-never": ("mini-spm", {"pre_tokenizer": metaspace("never", False)}),
    "prepend-added": ("mini-spm", {
        "normalizer": sequence("normalizers", {"type": "Prepend", "prepend": META}, SPACED), "pre_tokenizer": None,
        "added_tokens": [added(0, "<unk>", special=True), added(1, "<s>", special=True), added(2, "</s>", special=True, rstrip=True),
                         added(3, "[INST]", normalized=True), added(4, "[/INST]", lstrip=True, rstrip=True)]}),
    "gpt2": ("mini-bytelevel", {"pre_tokenizer": byte_level(False, True), "model": {"ignore_merges": False}}),
    "gpt2-prefix": ("mini-bytelevel", {"pre_tokenizer": byte_level(True, True), "model": {"ignore_merges": False}}),
    "gpt2-split": ("mini-bytelevel", {
        "pre_tokenizer": sequence("pretokenizers", split(GPT2, "Removed", True), byte_level(False, False))}),
    "qwen2-nfc": ("mini-bytelevel", {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": sequence("pretokenizers", split(QWEN2, "Isolated", False), byte_level(False, False)),
        "added_tokens": [added(1501, "<|begin_of_text|>", special=True), added(1502, "e\u0301", normalized=True),
                         added(1503, "<|eot_id|>", special=True, lstrip=True)]}),
    "unigram-first": ("mini-unigram", {"normalizer": None, "pre_tokenizer": metaspace("first", True),
                                       "decoder": metaspace("never", True)}),
}


def load(folder, family):
    return json.loads(gzip.decompress((Path(folder) / f"{family}.tokenizer.json.gz").read_bytes()))


def patched(spec, patch):
    model = spec["model"] | patch.get("model", {})
    return Tokenizer.from_str(json.dumps(spec | patch | {"model": model}))


def variants(folder):
    rng = random.Random(7)
    rows = []
    for name, (base, patch) in VARIANTS.items():
        rows.append({"variant": name, "base": base, "patch": patch})
        tok = patched(load(folder, base), patch)
        rows += [vector(tok, text(rng), True) for _ in range(120)]
    data = "".join(json.dumps(r, ensure_ascii=True) + "\n" for r in rows).encode()
    (Path(folder) / "variants.jsonl.gz").write_bytes(gzip.compress(data, 9, mtime=0))


def main():
    if len(sys.argv) == 2:
        return variants(sys.argv[1])
    folder, family, count, seed = sys.argv[1:]
    rng = random.Random(int(seed))
    tok = Tokenizer.from_str(json.dumps(load(folder, family)))
    for _ in range(int(count)):
        print(json.dumps(vector(tok, text(rng), True)))


if __name__ == "__main__":
    main()
