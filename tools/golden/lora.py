"""Writes internal/model/testdata/adapters: LoRA adapters by PEFT on the tiny
Llama of testdata/llama3.

    NAME/adapter_config.json, adapter_model.safetensors   as PEFT saves them
    NAME/golden.safetensors   ids; logits, the mean cross-entropy of next tokens
                              and its gradient by both factors; merged.<name>,
                              what the weights become

and dpo/testdata/lora: where training starts (start/), its metrics as dpo.py has
them, and what the factors are after ten steps.

    python tools/golden/lora.py
"""

import json
import shutil
from importlib.metadata import version

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

import dpo
import record

BASE = record.ROOT / "internal/model/testdata/llama3"
OUT = record.ROOT / "internal/model/testdata/adapters"
RUNS = {
    "attention": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "all-rs": dict(r=2, lora_alpha=6, target_modules="all-linear", use_rslora=True),
    "patterns": dict(
        r=3, lora_alpha=5, target_modules=r".*\.(q_proj|up_proj|down_proj)", exclude_modules=["layers.1.mlp.up_proj"],
        rank_pattern={"layers.0.self_attn.q_proj": 2, "q_proj": 4}, alpha_pattern={"down_proj": 9, r"layers\.\d\.mlp.*": 2},
    ),
    "head": dict(r=2, lora_alpha=6, target_modules=["q_proj", "lm_head"]),  # PEFT saves the head's own weight too
}


def save(model, folder):
    """PEFT's own save, without what changes from run to run."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = folder / "adapter_config.json"
    saved = json.loads(config.read_text()) | {"base_model_name_or_path": None}
    if isinstance(saved["target_modules"], list):
        saved["target_modules"].sort()  # a set in random order
    config.write_text(json.dumps(saved, indent=2) + "\n")
    record.tidy(folder)


def main(name, settings):
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(BASE), LoraConfig(task_type="CAUSAL_LM", **settings))
    g = torch.Generator().manual_seed(5)
    factors = {n: p for n, p in model.named_parameters() if "lora_" in n}
    with torch.no_grad():
        for p in factors.values():
            p.copy_(0.3 * torch.randn(p.shape, generator=g))
        if name == "head":  # as if more than the factors had been trained
            model.base_model.model.lm_head.base_layer.weight.mul_(1.5)
    ids = record.ids(6, model.config.vocab_size, 2, 9)
    logits = model(ids).logits
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    tensors = {"ids": ids, "logits": logits, "loss": loss}
    tensors |= {"grad." + n.replace(".default.weight", ".weight"): p.grad for n, p in factors.items()}
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    save(model, folder)
    merged = model.merge_and_unload()
    tensors |= {"merged." + n: p for n, p in merged.named_parameters() if "proj" in n}
    record.write(folder / "golden.safetensors", tensors, peft=version("peft"))
    print(name, loss.item())


def training():
    """Ten steps of DPO on the factors alone, from dpo/testdata/policy."""
    folder = dpo.OUT / "lora"
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(3)
    model = get_peft_model(dpo.policy(), LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=32, target_modules=["q_proj", "v_proj", "down_proj"]))
    with torch.no_grad():  # B starts at zero, which leaves A's gradient to chance
        for n, p in model.named_parameters():
            if "lora_B" in n:
                p.copy_(0.1 * torch.randn(p.shape))
    save(model, folder / "start")
    trained, history = dpo.loop(model, dpo.pairs(), smoothing=0.0, decay=0.0)
    tensors = {m: torch.tensor(v, dtype=torch.float64) for m, v in history.items()}
    tensors |= {"param." + n.replace(".default.weight", ".weight"): p for n, p in trained.named_parameters() if "lora_" in n}
    record.write(folder / "golden.safetensors", tensors, peft=version("peft"))
    print("training", history["loss"])


if __name__ == "__main__":
    training()
    for name, settings in RUNS.items():
        main(name, settings)
