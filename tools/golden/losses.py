"""Writes dpo/testdata/losses.safetensors: every loss of dpo.Losses on six pairs
at several settings, with its gradient.

    chosen, rejected, ref_chosen, ref_rejected    summed log-probabilities [6]
    chosen_tokens, rejected_tokens                lengths [6]
    reward_chosen, reward_rejected                1-10 [6]
    tokens, spreads, ref_tokens                   per token, log p and log sum p^2 [sum of lengths], chosen and
                                                  rejected of each pair in turn: what ld_dpo and wpo see
    NAME.loss []  NAME.grad [2,6]                 the mean loss and its gradient by the log-probabilities

The metadata's cases maps NAME to its settings under dpo; kl and shift are those
of kto and bco. Where TRL has the loss, it is TRL's own code that computes it:
DPOTrainer._compute_loss, KTOTrainer._compute_loss (which averages over
responses, so twice its value is the mean over pairs), CPOTrainer.cpo_loss and
ORPOTrainer.odds_ratio_loss, on a stub of the trainer. The rest are the papers'
equations, written here.

    python tools/golden/losses.py
"""

from collections import defaultdict
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

import record

N = 6
LENGTHS = torch.tensor([[3, 7, 12, 5, 9, 1], [8, 4, 12, 2, 15, 6]])  # chosen, rejected
ONE = SimpleNamespace(
    device="cpu",
    gather_for_metrics=lambda x: x,
    gather=lambda x: x,
    unwrap_model=lambda m: m,
)


def data():
    g = torch.Generator().manual_seed(5)
    total = int(LENGTHS.sum())
    owner = torch.cat([torch.full((int(n),), i * 2 + side) for i in range(N) for side, n in enumerate(LENGTHS[:, i])])
    tokens = -2.5 * torch.rand(total, generator=g) - 0.05
    ref = tokens + 0.4 * torch.randn(total, generator=g) - 0.05
    spreads = -1.5 * torch.rand(total, generator=g) - 0.1
    rewards = torch.tensor([[9.1, 7.5, 3.0, 8.0, 6.4, 5.0], [4.2, 7.0, 6.5, 1.0, 6.4, 2.5]])
    return SimpleNamespace(owner=owner, tokens=tokens, ref=ref.clamp(max=-0.01), spreads=spreads, rewards=rewards)


D = data()


def grid(flat, fill=0.0):
    """Per-token values as [2N, width], chosen first, as TRL batches them."""
    out = torch.full((2 * N, int(LENGTHS.max())), fill)
    for side in range(2):
        for i in range(N):
            values = flat[D.owner == i * 2 + side]
            out[side * N + i, : len(values)] = values
    return out


def sums(flat):
    both = grid(flat).sum(1)
    return both[:N], both[N:]


Stub = SimpleNamespace  # a trainer's attributes


def nowhere():
    """Where a trainer logs to."""
    return defaultdict(lambda: defaultdict(list))


def dpo(chosen, rejected, *, loss, **c):
    """TRL's DPO losses. A leaf's gradient flows through the response's first
    token, which every loss counts in full."""
    mask = (torch.arange(LENGTHS.max()) < LENGTHS.reshape(-1, 1)).long()
    tokens = grid(D.tokens)
    leaves = torch.cat([chosen, rejected])
    first = (torch.arange(LENGTHS.max()) == 0).float()
    outputs = SimpleNamespace(
        log_probs=tokens + (leaves - leaves.detach())[:, None] * first,
        log_sum_sq_probs=grid(D.spreads),
        entropy=torch.zeros_like(tokens),
        mean_logits=torch.zeros_like(tokens),
        is_top1=torch.zeros_like(tokens).bool(),
    )
    ref = grid(D.ref)
    names = loss.split("+")
    trainer = Stub(
        model=Stub(training=True),
        accelerator=ONE,
        aux_loss_enabled=False,
        ld_alpha=c.get("ld_alpha"),
        precompute_ref_logps=True,
        f_divergence_type=c.get("f_divergence", "reverse_kl"),
        f_alpha_divergence_coef=c.get("f_alpha", 0.5),
        loss_types=names,
        loss_weights=c.get("loss_weights", [1.0] * len(names)),
        beta=c.get("beta", 0.1),
        label_smoothing=c.get("label_smoothing", 0.0),
        args=Stub(discopop_tau=c.get("discopop_tau", 0.05)),
        use_weighting=c.get("weighting") == "wpo",
        _metrics=nowhere(),
        _total_train_tokens=0,
        _tp_size=1,
    )
    width = LENGTHS.max() + 1
    inputs = {
        "input_ids": torch.zeros(2 * N, width, dtype=torch.long),
        "attention_mask": torch.ones(2 * N, width, dtype=torch.long),
        "completion_mask": torch.cat([torch.zeros(2 * N, 1, dtype=torch.long), mask], 1),
    }
    if trainer.ld_alpha is not None:  # TRL does the same to the reference
        shared = LENGTHS.min(0).values.repeat(2)
        ref = torch.where(mask.cumsum(1) <= shared[:, None], 1.0, trainer.ld_alpha) * ref
    inputs["ref_chosen_logps"], inputs["ref_rejected_logps"] = ref.sum(1).chunk(2)
    return DPOTrainer._compute_loss(trainer, lambda **_: outputs, inputs, False)


def kto(chosen, rejected, *, kl, beta, desirable_weight, undesirable_weight, **_):
    mask = torch.ones(2 * N, 2, dtype=torch.long)
    logps = torch.cat([chosen, rejected])
    outputs = SimpleNamespace(log_probs=logps[:, None], entropy=torch.zeros(2 * N, 1), mean_logits=torch.zeros(2 * N, 1))
    trainer = Stub(
        model=Stub(training=True),
        accelerator=ONE,
        aux_loss_enabled=False,
        calculate_KL=True,
        precompute_ref_logps=True,
        _compute_kl_logps=lambda model, batch: torch.full((2 * N,), kl),
        loss_type="kto",
        beta=beta,
        desirable_weight=desirable_weight,
        undesirable_weight=undesirable_weight,
        _metrics=nowhere(),
        _total_train_tokens=0,
        _tp_size=1,
    )
    batch = {
        "input_ids": torch.zeros(2 * N, 2, dtype=torch.long),
        "attention_mask": mask,
        "completion_mask": mask,
        "label": torch.tensor([True] * N + [False] * N),
        "ref_logps": torch.cat(sums(D.ref)),
        "ref_KL_logps": torch.zeros(2 * N),
    }
    return 2 * KTOTrainer._compute_loss(trainer, lambda **_: outputs, batch, False)


def cpo(chosen, rejected, *, loss, beta, label_smoothing=0.0, gamma=0.0, alpha=0.0, **_):
    trainer = Stub(alpha=0.0, loss_type="simpo" if loss == "simpo" else "sigmoid", simpo_gamma=gamma, beta=beta,
                   label_smoothing=label_smoothing, accelerator=ONE)  # fmt: skip
    if loss == "simpo":
        chosen, rejected = chosen / LENGTHS[0], rejected / LENGTHS[1]
    losses, _, _ = CPOTrainer.cpo_loss(trainer, chosen, rejected)
    return losses.mean() + alpha * nll(chosen)


def orpo(chosen, rejected, *, beta, **_):
    losses = ORPOTrainer.odds_ratio_loss(Stub(beta=beta, accelerator=ONE), chosen / LENGTHS[0], rejected / LENGTHS[1])[0]
    return nll(chosen) - losses.mean()


def nll(chosen, weight=1.0):
    """A mean over the tokens of all chosen responses."""
    return -(weight * chosen).sum() / LENGTHS[0].sum()


def ours(chosen, rejected, *, loss, beta=1.0, alpha=0.0, eta=1.0, lam=1.0, delta=1.0, shift=0.0, good=1.0, bad=0.1, **_):
    ref_chosen, ref_rejected = sums(D.ref)
    dw, dl = chosen - ref_chosen, rejected - ref_rejected
    m = dw - dl
    lw, ll = LENGTHS
    gap = D.rewards[0] - D.rewards[1]
    L = lambda z: -F.logsigmoid(z)
    kl = lambda p, q: (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()
    s = torch.sigmoid
    match loss:
        case "ipo_sum":
            return ((m - 1 / (2 * beta)) ** 2).mean()
        case "r_dpo":
            return L(beta * m + alpha * (lw - ll)).mean()
        case "dpop":
            return L(beta * (m - lam * (ref_chosen - chosen).clamp(min=0))).mean()
        case "dpo_sft":
            return L(beta * m).mean() + eta * nll(chosen)
        case "bco":
            return (L(beta * dw - shift) + L(-(beta * dl - shift))).mean()
        case "sppo":
            p = s(gap)
            return (0.5 * ((dw - (p - 0.5) / beta) ** 2 + (dl - (0.5 - p) / beta) ** 2)).mean()
        case "rpo_bwd_kl":
            return kl(s(eta * gap.double()), s(beta * m.double()))
        case "rpo_fwd_kl":
            return kl(s(beta * m.double()), s(eta * gap.double()))
        case "rpo_sq":
            return ((beta * m - eta * gap) ** 2).mean()
        case "slic":
            return ((delta - chosen + rejected).clamp(min=0) - lam * chosen).mean()
        case "rrhf":
            return ((rejected / ll - chosen / lw).clamp(min=0) - lam * chosen / lw).mean()
        case "csft":
            return nll(chosen)
        case "c_rlft":
            return nll(chosen, torch.where(gap >= 0, good, bad))
        case "dpa":
            return nll(chosen, (gap >= 0).float())
        case "cdpo":
            return ((1 - alpha) * L(beta * m) + alpha * L(-beta * m)).mean()
        case "cdpo_norm":
            z = beta * (dw / lw - dl / ll)
            return ((1 - alpha) * L(z) + alpha * L(-z)).mean()
    raise SystemExit(loss)


def cases():
    """(name, function, its arguments, the settings under dpo)"""

    def same(f, **c):
        if "sigmoid" in c["loss"].split("+"):
            c.setdefault("label_smoothing", 0.0)  # ours is the paper's 0.3, TRL has none
        return f, c, c

    for beta in (0.01, 0.1, 1.0):
        for loss in "sigmoid hinge ipo nca_pair bco_pair sppo_hard aot aot_unpaired apo_zero apo_down sigmoid_norm".split():
            yield same(dpo, loss=loss, beta=beta)
    for name, kind in (("sigmoid", "cdpo"), ("sigmoid_norm", "cdpo_norm")):
        for e in (0.1, 0.3):
            yield ours, dict(loss=kind, beta=0.1, alpha=e), dict(loss=name, beta=0.1, label_smoothing=e)
    for loss in ("robust", "exo_pair", "aot", "aot_unpaired"):
        for e in (1e-3, 0.1, 0.3):
            yield same(dpo, loss=loss, beta=0.1, label_smoothing=e)
    for tau in (0.05, 0.5):
        for beta in (0.05, 1.0):
            yield same(dpo, loss="discopop", beta=beta, discopop_tau=tau)
    for loss in ("sigmoid", "hinge", "ipo", "exo_pair", "discopop", "sigmoid_norm"):
        smoothing = {"label_smoothing": 0.1} if loss == "exo_pair" else {}
        for f in ("forward_kl", "js_divergence"):
            yield same(dpo, loss=loss, beta=0.1, f_divergence=f, **smoothing)
        for a in (0.3, 0.5, 1.0):
            yield same(dpo, loss=loss, beta=0.1, f_divergence="alpha_divergence", f_alpha=a, **smoothing)
    for loss in ("sigmoid", "ipo", "apo_zero", "aot"):  # with hinge TRL's own backward pass fails
        yield same(dpo, loss=loss, beta=0.1, weighting="wpo")
    for a in (0.0, 0.5, 1.0):
        yield dpo, dict(loss="sigmoid", beta=0.1, ld_alpha=a), dict(loss="ld_dpo", beta=0.1, alpha=a)
    yield same(dpo, loss="sft")
    yield same(dpo, loss="sigmoid+bco_pair+sft", beta=0.1, loss_weights=[0.8, 0.2, 1.0])
    for kl in (0.0, 1.7):
        for w in (1.0, 1.5):
            yield same(kto, loss="kto", beta=0.1, kl=kl, desirable_weight=w, undesirable_weight=1.0)
    for beta, gamma in ((2.0, 1.0), (10.0, 3.0), (2.5, 0.25)):
        yield same(cpo, loss="simpo", beta=beta, gamma=gamma)
    yield same(cpo, loss="simpo", beta=2.0, gamma=1.0, label_smoothing=0.1)
    for a, e in ((1.0, 0.0), (0.0, 0.0), (0.5, 0.1)):
        yield same(cpo, loss="cpo", beta=0.1, alpha=a, label_smoothing=e)
    for beta in (0.1, 1.0, 2.0):
        yield same(orpo, loss="orpo", beta=beta)
    for beta in (0.01, 0.5):
        yield same(ours, loss="ipo_sum", beta=beta)
        yield same(ours, loss="bco", beta=beta, shift=0.4)
        yield same(ours, loss="sppo", beta=beta)
        for x in (0.02, 0.5):
            yield same(ours, loss="r_dpo", beta=beta, alpha=x)
            yield same(ours, loss="dpo_sft", beta=beta, eta=x)
            for loss in ("rpo_bwd_kl", "rpo_fwd_kl", "rpo_sq"):
                yield same(ours, loss=loss, beta=beta, eta=x)
        for lam in (1.0, 50.0):
            yield ours, dict(loss="dpop", beta=beta, lam=lam), dict(loss="dpop", beta=beta) | {"lambda": lam}
    for lam, delta in ((0.1, 1.0), (1.0, 5.0)):
        yield ours, dict(loss="slic", lam=lam, delta=delta), dict(loss="slic", delta=delta) | {"lambda": lam}
        yield ours, dict(loss="rrhf", lam=lam), {"loss": "rrhf", "lambda": lam}
    for good, bad in ((1.0, 0.1), (2.0, 0.5)):
        yield ours, dict(loss="c_rlft", good=good, bad=bad), dict(loss="c_rlft", desirable_weight=good, undesirable_weight=bad)
    yield same(ours, loss="csft")
    yield same(ours, loss="dpa")


if __name__ == "__main__":
    chosen, rejected = sums(D.tokens)
    ref_chosen, ref_rejected = sums(D.ref)
    out = {
        "chosen": chosen, "rejected": rejected, "ref_chosen": ref_chosen, "ref_rejected": ref_rejected,
        "chosen_tokens": LENGTHS[0].float(), "rejected_tokens": LENGTHS[1].float(),
        "reward_chosen": D.rewards[0], "reward_rejected": D.rewards[1],
        "tokens": D.tokens, "ref_tokens": D.ref, "spreads": D.spreads,
    }  # fmt: skip
    facts = {}
    for f, arguments, settings in cases():
        name = "/".join(f"{k}={v}" if k != "loss" else v for k, v in settings.items())
        leaves = [x.clone().requires_grad_() for x in (chosen, rejected)]
        loss = f(*leaves, **arguments)
        grads = torch.autograd.grad(loss, leaves, allow_unused=True)
        grads = [torch.zeros(N) if x is None else x for x in grads]
        out[name + ".loss"], out[name + ".grad"] = loss.float(), torch.stack(grads)
        facts[name] = settings
    record.write(record.ROOT / "dpo/testdata/losses.safetensors", out, cases=facts)
