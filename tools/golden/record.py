"""Where goldens go and what is written beside them."""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

# Sums must not depend on the number of cores.
os.environ["OMP_NUM_THREADS"] = "1"

import torch
from safetensors.torch import save_file
from transformers.utils import logging

logging.disable_progress_bar()
torch.set_num_threads(1)

ROOT = Path(__file__).parents[2]


def write(path, tensors, **facts):
    """Saves tensors, with what made them as metadata. It is a single entry, as
    the writer puts several in random order."""
    packages = ("torch", "transformers", "trl", "safetensors")
    facts |= {"command": "python tools/golden/" + Path(sys.argv[0]).name} | {p: version(p) for p in packages}
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, path, metadata={"made_by": json.dumps(facts)})
    tidy(path.parent)


def tidy(folder):
    """Gives files the usual permissions: safetensors makes them private."""
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)


def randomise(model, seed):
    """Large weights, so that logits differ clearly and a wrong norm shows."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = 0.2 * torch.randn(p.shape, generator=g)
            p.copy_(1 + noise if "norm" in name else noise)
    return model


def ids(seed, vocab, *shape):
    """Random token ids above the special ones."""
    return torch.randint(4, vocab, shape, generator=torch.Generator().manual_seed(seed))
