"""What the machine does at best, measured: products of large matrices, and long copies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from sotto.bench.engine.ceiling import Peaks

ROUNDS = 5
"""Of which the best counts: what disturbs a machine makes it slower, never faster."""
LAUNCHES = 2_000
LEAST_SIDE = 256
LONG = 0.02
"""Seconds of a product beside which starting it does not matter."""


@dataclass(frozen=True)
class Sizes:
    """Of what is measured with."""

    side: int
    """Of the largest matrices; smaller ones where they take long enough."""
    bytes: int
    """That are copied: more than any cache holds."""


ON_CPU = Sizes(2_048, 256 * 2**20)
ON_GPU = Sizes(8_192, 2 * 2**30)


def measure(device: str, dtype: str, threads: int, sizes: Sizes | None = None) -> Peaks:
    """With so many processor threads, where it is a CPU; 0: as many as torch takes.

    What is copied is read and written, so each byte counts twice.
    """
    where = torch.device(device)
    sizes = sizes or (ON_CPU if where.type == "cpu" else ON_GPU)
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        return Peaks(
            operations=_multiply(where, getattr(torch, dtype), sizes.side),
            bandwidth=2 * sizes.bytes / _copy(where, sizes.bytes),
            launch=_launch(where),
        )
    finally:
        torch.set_num_threads(before)


def _multiply(where: torch.device, dtype: torch.dtype, most: int) -> float:
    """Operations a second."""
    side, took = LEAST_SIDE, 0.0
    while took < LONG:
        a = torch.ones(side, side, device=where, dtype=dtype)
        b = a.clone()
        took = _best(where, partial(_product, a, b))
        if side * 2 > most:
            break
        side *= 2
    return 2 * len(a) ** 3 / took


def _product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # Whole numbers of 8 bits have no other product whose sums do not overflow.
    return torch._int_mm(a, b) if a.dtype == torch.int8 else torch.matmul(a, b)


def _copy(where: torch.device, size: int) -> float:
    source = torch.ones(size // 4, device=where)
    target = torch.empty_like(source)
    return _best(where, lambda: target.copy_(source))


def _launch(where: torch.device) -> float:
    number = torch.zeros(1, device=where)

    def many() -> None:
        for _ in range(LAUNCHES):
            number.add_(1.0)

    return _best(where, many) / LAUNCHES


def _best(where: torch.device, work: Callable[[], Any]) -> float:
    """Seconds; the first round is not counted."""
    best = math.inf
    for number in range(ROUNDS + 1):
        _wait(where)
        began = time.perf_counter()
        work()
        _wait(where)
        if number:
            best = min(best, time.perf_counter() - began)
    return best


def _wait(where: torch.device) -> None:
    if where.type == "cuda":
        torch.cuda.synchronize(where)
