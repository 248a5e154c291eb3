"""Writes tiny DeBERTa-v2 encoders with heads, and what transformers'
DebertaV2Model and two linear layers make of a few sequences in float32. Rows
are right-padded with id 0; positions of padding are not to be compared.

internal/model/testdata/encoders/NAME, PairRM as in llm-blender/PairRM-hf:

    ids [B,L], lengths [B]   sequences of up to 150 tokens: past every bucket
    at [B,3]                 where source and candidates begin
    hidden [B,L,D]           last hidden state, of the padded batch
    logits [B]               positive when the first candidate is better

ranker/testdata/pairrm, in the layout of llm-blender/PairRM, with a tokenizer:

    cases.json               source, first and second candidate of each row
    ids [N,L], lengths [N]   the whole input, by tokenizers.Tokenizer
    at [N,3], logits [N]

ranker/testdata/encoder, a DebertaV2ForSequenceClassification with one label and
the same tokenizer, on source and first candidate of each case as a text pair:

    ids [N,L], lengths [N], score [N]

    python tools/golden/deberta.py
"""

import collections
import json
import math
import shutil

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import DebertaV2Config, DebertaV2ForSequenceClassification, DebertaV2Model

import record

ENCODERS = record.ROOT / "internal/model/testdata/encoders"
RANKER = record.ROOT / "ranker/testdata/pairrm"
CLASSIFIER = record.ROOT / "ranker/testdata/encoder"
SPECIALS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
PREFIXES = ["<|source|>", "<|candidate1|>", "<|candidate2|>", "<|candidate|>"]
LENGTHS = [150, 3, 97, 64, 150]
BASE = dict(
    vocab_size=120,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=32,
    max_relative_positions=-1,
    position_buckets=8,
    relative_attention=True,
    share_att_key=True,
    norm_rel_ebd="layer_norm",
    pos_att_type="p2c|c2p",
    position_biased_input=False,
    type_vocab_size=0,
    layer_norm_eps=1e-7,
    pad_token_id=0,
)
SHAPES = {
    "buckets": {},  # 4 exact distances a side, then 3 buckets up to 31, then clamps
    "wide": dict(position_buckets=32, max_position_embeddings=64, num_hidden_layers=3, pos_att_type=["c2p", "p2c"]),
    "plain": dict(position_buckets=-1, max_relative_positions=20, num_attention_heads=2, norm_rel_ebd="none", num_hidden_layers=1),
}


class PairRM(torch.nn.Module):
    """As in LLM-Blender's pair_ranker: dropout is off."""

    def __init__(self, config, tasks):
        super().__init__()
        self.pretrained_model = DebertaV2Model(config)
        width = config.hidden_size
        drop = torch.nn.Dropout
        self.head_layer = torch.nn.Sequential(
            drop(0.05), torch.nn.Linear(2 * width, width), torch.nn.Tanh(), drop(0.05), torch.nn.Linear(width, tasks)
        )

    def forward(self, ids, at):
        hidden = self.pretrained_model(ids, attention_mask=(ids != 0).long()).last_hidden_state
        source, first, second = hidden[torch.arange(len(ids))[:, None], at].unbind(1)
        score = lambda candidate: self.head_layer(torch.cat([source, candidate], -1))
        return hidden, (score(first) - score(second)).mean(-1)


def randomise(model, seed):
    """Weights that neither drown nor copy what comes in."""
    g = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=g)
        if "LayerNorm.weight" in name:
            p.copy_(1 + 0.2 * noise)
        elif p.dim() == 2 and "embeddings" not in name:
            p.copy_(1.5 * noise / p.shape[1] ** 0.5)
        else:
            p.copy_((0.2 if "bias" in name else 1) * noise)
    return model.eval()


def padded(rows):
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for row, line in zip(rows, ids):
        line[: len(row)] = torch.as_tensor(row)
    return ids, torch.tensor([len(r) for r in rows])


def sequences():
    return padded([record.ids(60 + i, BASE["vocab_size"], n) for i, n in enumerate(LENGTHS)])


def folder(path, model, config):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    weights = {n: p.detach().contiguous() for n, p in model.named_parameters()}
    weights["pretrained_model.embeddings.position_ids"] = torch.arange(config.pop("position_ids", 4))[None]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    (path / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def encoder(name, seed, shape):
    tasks = 2 if name == "wide" else 1
    model = randomise(PairRM(DebertaV2Config(**BASE | shape), tasks), seed)
    config = BASE | shape | {"architectures": ["DebertaV2PairRM"], "model_type": "deberta-v2", "hidden_act": "gelu", "n_tasks": tasks}
    if name == "wide":
        config["vocab_size"] = 128100  # as before the embedding was cut: the tensor says the truth
    folder(ENCODERS / name, model, config)
    ids, lengths = sequences()
    at = torch.stack([0 * lengths, lengths // 3, lengths - 1])
    hidden, logits = model(ids, at.T)
    for i, n in enumerate(LENGTHS):  # the mask hides padding
        alone, logit = model(ids[i : i + 1, :n], at.T[i : i + 1])
        torch.testing.assert_close(alone[0], hidden[i, :n], rtol=1e-5, atol=2e-6)
    record.write(ENCODERS / name / "golden.safetensors", {"ids": ids, "lengths": lengths, "at": at.T, "hidden": hidden, "logits": logits})
    print(name, "logits", logits.tolist())


SOURCE = "Tell me of the fox. What does it eat, and where does it sleep?"
TEXTS = [
    "The fox eats mice, berries and eggs; it sleeps in a den in the wood.",
    "It eats.",
    "",
    "  A fox   eats what it finds.\nIt sleeps where it is dry:\n\n- a den\n- a hollow tree\n" + 12 * "and so on, ",
]
CASES = [(SOURCE, a, b) for a in TEXTS for b in TEXTS if a != b]
CASES += [(30 * "the fox sleeps in the wood. ", TEXTS[3], TEXTS[0])]  # the source loses its end
LIMITS = dict(source_maxlength=30, candidate_maxlength=16)


def pieces():
    """Characters and beginnings of words by how often they occur: the trainer
    of the tokenizers package differs from run to run."""
    words = ["▁" + w for text in [SOURCE, *TEXTS] for w in text.split()]
    count = collections.Counter(w[:n] for w in words for n in range(2, len(w) + 1))
    count.update(c for w in words for c in w)
    scored = [(p, math.log(n * len(p) ** 2 / 1000)) for p, n in sorted(count.items())]
    return [(t, 0.0) for t in SPECIALS] + scored


def tokenizer():
    """The pipeline of DeBERTa-v3's file, without its character map."""
    tok = Tokenizer(models.Unigram(pieces(), unk_id=3))
    tok.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tok.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tok.add_special_tokens([*SPECIALS, "[MASK]"])
    tok.add_tokens([AddedToken(p, normalized=True, special=False) for p in PREFIXES])
    around = lambda *texts: [p for t in texts for p in ("[CLS]", t, "[SEP]")]
    ids = [(t, tok.token_to_id(t)) for t in ("[CLS]", "[SEP]")]
    tok.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids)
    return tok


def segment(tok, text, limit):
    """Truncation on the right that keeps [CLS] and [SEP]."""
    tok.enable_truncation(limit)
    return tok.encode(text).ids


def inputs(tok, source, first, second):
    """tokenize_pair of the model card."""
    most = LIMITS["source_maxlength"] + 2 * LIMITS["candidate_maxlength"]
    parts = [segment(tok, PREFIXES[0] + source, LIMITS["source_maxlength"])]
    for prefix, text in zip(PREFIXES[1:3], (first, second)):
        parts.append(segment(tok, prefix + text, (most - len(parts[0])) // 2))
    ids = sum(parts, [])
    return ids, [ids.index(tok.token_to_id(p)) for p in PREFIXES[:3]]


def ranker():
    tok = tokenizer()
    shape = BASE | {"vocab_size": tok.get_vocab_size()}
    model = randomise(PairRM(DebertaV2Config(**shape), 1), 77)
    # A real ranker_config says only what is below; the rest makes the model tiny.
    tiny = {k: shape[k] for k in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings", "position_buckets")}
    config = LIMITS | tiny | {
        "ranker_type": "pairranker", "model_type": "deberta", "model_name": "microsoft/deberta-v3-large", "n_tasks": 1, "num_pos": 5,
        "num_neg": 5, "loss_type": "instructgpt", "sub_sampling_mode": "all_pair", "sub_sampling_ratio": 0.4, "reduce_type": "linear",
        "inference_mode": "bubble", "drop_out": 0.05, "fp16": True, "load_checkpoint": None, "cache_dir": None,
    }  # fmt: skip
    folder(RANKER, model, config)
    tok.save(str(RANKER / "tokenizer.json"))
    tok = Tokenizer.from_file(str(RANKER / "tokenizer.json"))
    rows, at = zip(*(inputs(tok, *c) for c in CASES))
    ids, lengths = padded(rows)
    at = torch.tensor(at)
    _, logits = model(ids, at)
    (RANKER / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")
    record.write(RANKER / "golden.safetensors", {"ids": ids, "lengths": lengths, "at": at, "logits": logits})
    print("ranker", tok.get_vocab_size(), "tokens,", lengths.tolist(), "long, logits", [round(x, 3) for x in logits.tolist()])


def classifier():
    tok = tokenizer()
    shape = BASE | {"vocab_size": tok.get_vocab_size(), "max_position_embeddings": 256}  # no text is longer
    shutil.rmtree(CLASSIFIER, ignore_errors=True)
    config = DebertaV2Config(**shape, num_labels=1, pooler_hidden_size=BASE["hidden_size"])
    randomise(DebertaV2ForSequenceClassification(config), 9).save_pretrained(CLASSIFIER)
    tok.save(str(CLASSIFIER / "tokenizer.json"))
    tok = Tokenizer.from_file(str(CLASSIFIER / "tokenizer.json"))
    model = DebertaV2ForSequenceClassification.from_pretrained(CLASSIFIER).eval()
    ids, lengths = padded([tok.encode(source, first).ids for source, first, _ in CASES])
    score = model(ids, attention_mask=(ids != 0).long()).logits[:, 0]
    record.write(CLASSIFIER / "golden.safetensors", {"ids": ids, "lengths": lengths, "score": score})
    print("classifier", lengths.tolist(), "long, score", [round(x, 3) for x in score.tolist()])


if __name__ == "__main__":
    with torch.no_grad():
        for seed, (name, shape) in enumerate(SHAPES.items()):
            encoder(name, 40 + seed, shape)
        ranker()
        classifier()
