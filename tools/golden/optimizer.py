"""Writes internal/torch/testdata/optim.safetensors: PyTorch's optimizers.

    start [N]  grads [STEPS,N]
    NAME [STEPS,N]      the weights after each step
    codes.signed, codes.unsigned [256]   the dynamic tree of 8-bit optimizers (arXiv:2110.02861), from its definition

NAME and its settings are in SETTINGS below; all float32.

    python tools/golden/optimizer.py
"""

import torch

import record

N, STEPS = 70, 5
SETTINGS = {
    "adamw": (torch.optim.AdamW, dict(lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)),
    "sgd": (torch.optim.SGD, dict(lr=1e-2, weight_decay=0.1)),
    "sgd-momentum": (torch.optim.SGD, dict(lr=1e-2, momentum=0.9)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.1)),
    "rmsprop-momentum": (torch.optim.RMSprop, dict(lr=1e-2, alpha=0.9, eps=1e-8, momentum=0.9)),
}


def tree(signed):
    """0, 1 and, for every number of leading zeros, the middles of even cuts of [0.1, 1]."""
    codes = [0.0, 1.0]
    for i in range(7):
        ends = torch.linspace(0.1, 1, (2**i if signed else 2 ** (i + 1)) + 1, dtype=torch.float64)
        middles = 10.0 ** (i - 6) * (ends[:-1] + ends[1:]) / 2
        codes += middles.tolist() + ((-middles).tolist() if signed else [])
    return torch.tensor(sorted(codes)).float()


if __name__ == "__main__":
    g = torch.Generator().manual_seed(9)
    start, grads = torch.randn(N, generator=g), torch.randn(STEPS, N, generator=g)
    out = {"start": start, "grads": grads, "codes.signed": tree(True), "codes.unsigned": tree(False)}
    for name, (kind, settings) in SETTINGS.items():
        w = start.clone().requires_grad_()
        opt = kind([w], **settings)
        seen = []
        for grad in grads:
            w.grad = grad.clone()
            opt.step()
            seen.append(w.detach().clone())
        out[name] = torch.stack(seen)
    record.write(record.ROOT / "internal/torch/testdata/optim.safetensors", out, settings={k: v for k, (_, v) in SETTINGS.items()})
