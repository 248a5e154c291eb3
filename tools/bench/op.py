"""The price of one small operator in Python's torch: the peer of BenchmarkAdd
in internal/torch. Run both on one machine, one after the other, several times."""

import time

import torch

torch.set_num_threads(1)
x, y = torch.zeros(1, 256), torch.zeros(1, 256)
best = float("inf")
for _ in range(5):
    start = time.perf_counter()
    for _ in range(100_000):
        torch.add(x, y)
    best = min(best, (time.perf_counter() - start) / 100_000)
print(f"python torch {torch.__version__}: {best * 1e9:.0f} ns/add")
