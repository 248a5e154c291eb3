"""Writes internal/nn/testdata/rope.safetensors: inverse frequencies [K/2] of
rotary embeddings as transformers computes them, of published settings at full
size and of each kind of scaling.

    python tools/golden/rope.py
"""

import record  # first: it pins threads

from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

OUT = record.ROOT / "internal/nn/testdata"
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
SETTINGS = {
    "llama-3": (128, dict(rope_type="default", rope_theta=500000.0)),
    "llama-3.1": (128, LLAMA3 | dict(factor=8.0)),
    "llama-3.2": (64, LLAMA3 | dict(factor=32.0)),
    "linear": (80, dict(rope_type="linear", rope_theta=10000.0, factor=4.0)),
}


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, (width, rope) in SETTINGS.items():
        config = LlamaConfig(hidden_size=4 * width, num_attention_heads=4, head_dim=width, rope_parameters=rope, max_position_embeddings=131072)
        tensors[name] = LlamaRotaryEmbedding(config).inv_freq
    record.write(OUT / "rope.safetensors", tensors)
