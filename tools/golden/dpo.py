"""Writes dpo/testdata: a tiny policy, 20 pairs and ten optimiser steps on them.

    policy/              model folder; also the reference
    pairs.jsonl          {prompt_ids, chosen_ids, rejected_ids} of unequal lengths
    plain.safetensors    DPO
    decay.safetensors    DPO with weight decay 0.1 on all but norms
    smooth.safetensors   cDPO, label_smoothing 0.3

Each run takes the pairs in order, twice, four a step in two micro-batches. In
its file are one value a step (F64 [10]) under TRL's metric names, grad_norm
being the norm before clipping and learning_rate the one that the step used;
param.<name>, the parameters after the last step; and ref_chosen, ref_rejected
[20], the reference's log-probabilities. All arithmetic is float32.

The numbers are those of the plain PyTorch loop below. TRL's DPOTrainer makes
the same runs, and the script stops if it disagrees; cDPO is the formula alone,
as TRL ignores label_smoothing in its sigmoid loss.

    python tools/golden/dpo.py
"""

import copy
import json
import shutil
import tempfile

import torch
import torch.nn.functional as F
from datasets import Dataset
from tokenizers import Tokenizer, models
from torch.utils.data import SequentialSampler
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, get_cosine_schedule_with_warmup
from trl import DPOConfig, DPOTrainer

import record

OUT = record.ROOT / "dpo/testdata"
VOCAB, ROWS, STEPS, MICRO = 96, 20, 10, 2
BETA, LR, CLIP = 0.1, 1e-3, 1.0
RUNS = {
    "plain": dict(smoothing=0.0, decay=0.0),
    "decay": dict(smoothing=0.0, decay=0.1),
    "smooth": dict(smoothing=0.3, decay=0.0),
}
METRICS = ["loss", "grad_norm", "learning_rate"] + [
    "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected"
]  # fmt: skip


def policy():
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return record.randomise(LlamaForCausalLM(config), 11).train()


def pairs():
    lengths = record.ids(12, 100, ROWS, 3).tolist()
    rows = []
    for i, (p, c, r) in enumerate(lengths):
        draw = lambda part, n: record.ids(1000 + 3 * i + part, VOCAB, n).tolist()
        rows.append({
            "prompt_ids": [1] + draw(0, 2 + p % 9),
            "chosen_ids": draw(1, 1 + c % 12) + [2],
            "rejected_ids": draw(2, 1 + r % 12) + [2],
        })  # fmt: skip
    return rows


def logps(model, rows, side):
    """Summed log-probability of each row's response, [B]."""
    sequences = [r["prompt_ids"] + r[side + "_ids"] for r in rows]
    width = max(map(len, sequences))
    ids = torch.tensor([s + [0] * (width - len(s)) for s in sequences])
    place = torch.arange(width)
    first = torch.tensor([[len(r["prompt_ids"])] for r in rows])
    last = torch.tensor([[len(s)] for s in sequences])
    logits = model(ids, attention_mask=(place < last).long()).logits[:, :-1]
    token = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    return (token * ((place >= first) & (place < last))[:, 1:]).sum(1)


def groups(model, decay):
    """Norms and biases do not decay, as in transformers' trainer."""
    spared = lambda name: "norm" in name or name.endswith("bias")
    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if not spared(n)], "weight_decay": decay},
        {"params": [p for n, p in named if spared(n)], "weight_decay": 0.0},
    ]


def loop(start, rows, smoothing, decay):
    model, ref = copy.deepcopy(start), copy.deepcopy(start).requires_grad_(False)
    opt = torch.optim.AdamW(groups(model, decay), lr=LR, betas=(0.9, 0.999), eps=1e-8)
    schedule = get_cosine_schedule_with_warmup(opt, STEPS // 10, STEPS)
    history = {m: [] for m in METRICS}
    for step in range(STEPS):
        at = step * 2 * MICRO % ROWS
        seen = []
        for part in (rows[at : at + MICRO], rows[at + MICRO : at + 2 * MICRO]):
            chosen, rejected = logps(model, part, "chosen"), logps(model, part, "rejected")
            good = BETA * (chosen - logps(ref, part, "chosen"))
            bad = BETA * (rejected - logps(ref, part, "rejected"))
            z = good - bad
            loss = -(1 - smoothing) * F.logsigmoid(z) - smoothing * F.logsigmoid(-z)
            (loss.mean() / 2).backward()
            seen.append(torch.stack([loss, good, bad, (good > bad).float(), z, chosen, rejected]).detach())
        loss, *rest = torch.cat(seen, 1).double().mean(1).tolist()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item()
        values = [loss, norm, schedule.get_last_lr()[0], *rest]
        for name, value in zip(METRICS, values, strict=True):
            history[name].append(value)
        opt.step()
        schedule.step()
        opt.zero_grad()
    return model, history


class GivenIds(DPOTrainer):
    """TRL's trainer on ids as they are, in file order."""

    def _prepare_dataset(self, dataset, *args):
        return dataset

    def _get_train_sampler(self, *args):
        return SequentialSampler(self.train_dataset)


def trl(start, rows, decay):
    words = Tokenizer(models.WordLevel({f"<{i}>": i for i in range(VOCAB)}, unk_token="<0>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<0>", eos_token="<2>")
    with tempfile.TemporaryDirectory() as folder:
        args = DPOConfig(
            output_dir=folder,
            beta=BETA,
            learning_rate=LR,
            lr_scheduler_type="cosine",
            warmup_steps=STEPS // 10,
            max_steps=STEPS,
            per_device_train_batch_size=MICRO,
            gradient_accumulation_steps=2,
            max_grad_norm=CLIP,
            weight_decay=decay,
            adam_beta1=0.9,
            adam_beta2=0.999,
            adam_epsilon=1e-8,
            optim="adamw_torch",
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = GivenIds(
            copy.deepcopy(start), copy.deepcopy(start), args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
        )
        trainer.train()
    logs = [entry for entry in trainer.state.log_history if "grad_norm" in entry]
    return trainer.model, {m: [float(entry[m]) for entry in logs] for m in METRICS}


def difference(got, want):
    """The largest error over the largest value."""
    got, want = torch.as_tensor(got), torch.as_tensor(want)
    return ((got - want).abs().max() / want.abs().max()).item()


def check(name, start, rows, model, history, decay):
    peer, seen = trl(start, rows, decay)
    off = {m: difference(seen[m], history[m]) for m in METRICS}
    mine = dict(model.named_parameters())
    off["parameters"] = max(difference(p, mine[n]) for n, p in peer.named_parameters())
    print(name, {k: f"{v:.1e}" for k, v in off.items()})
    if max(off.values()) > 1e-5:
        raise SystemExit(f"{name}: TRL disagrees")
    return off


if __name__ == "__main__":
    shutil.rmtree(OUT / "policy", ignore_errors=True)
    OUT.mkdir(parents=True, exist_ok=True)
    start, rows = policy(), pairs()
    start.save_pretrained(OUT / "policy")
    record.tidy(OUT / "policy")
    (OUT / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    with torch.no_grad():
        refs = {"ref_" + side: logps(start, rows, side) for side in ("chosen", "rejected")}
    for name, run in RUNS.items():
        model, history = loop(start, rows, **run)
        off = check(name, start, rows, model, history, run["decay"]) if run["smoothing"] == 0 else "not compared"
        tensors = {m: torch.tensor(v, dtype=torch.float64) for m, v in history.items()} | refs
        tensors |= {"param." + n: p for n, p in model.named_parameters()}
        record.write(OUT / (name + ".safetensors"), tensors, **run, beta=BETA, trl_difference=off)
        print(name, {m: [round(x, 6) for x in v] for m, v in history.items()})
