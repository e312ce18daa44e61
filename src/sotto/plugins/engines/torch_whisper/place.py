"""Where a checkpoint runs: device, kind of numbers, and how many windows fit at once."""

from __future__ import annotations

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch

from sotto.errors import ModelUnavailable
from sotto.plugins.engines.torch_whisper.cache import Sizes, memory_of_a_row
from sotto.plugins.engines.torch_whisper.checkpoint import Weights

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""By the name of the compute type."""
SLOTS_ON_CPU = 16
MOST_SLOTS = 512
FILLED = 0.6
"""Of a GPU's free memory, once the weights are there, that rows may take: what is encoded at a
time, and the recorded steps, need some too."""
BUDGET_ON_CPU = 3_000
BUDGET = 48_000
"""Frames that are encoded between two steps of those that run: 16 windows of 30 s."""
MOST_THREADS = 8
SMALL = 8_000_000
"""Weights below which a second thread only waits."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where and how a checkpoint runs."""

    device: torch.device
    dtype: torch.dtype
    slots: int
    budget: int
    """Frames that may be encoded in one step."""

    def current(self) -> AbstractContextManager[object]:
        """In it, what torch does without being told where happens there."""
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    def bring(self, weights: Weights) -> Weights:
        """The weights as they are there."""
        there = {
            name: tensor.to(self.device, self.dtype) for name, tensor in weights.tensors.items()
        }
        return replace(weights, tensors=there)


def find_place(
    weights: Weights, *, device: str, compute_type: str, threads: int, slots: int | None
) -> Place:
    """What suits a checkpoint. Raises ModelUnavailable."""
    numbers = sum(tensor.numel() for tensor in weights.tensors.values())
    where = _device(device)
    dtype = _dtype(compute_type, where)
    if where.type == "cpu":
        torch.set_num_threads(threads or _threads(numbers))
        return Place(where, dtype, slots or SLOTS_ON_CPU, BUDGET_ON_CPU)
    return Place(where, dtype, slots or _fitting(Sizes.of(weights), numbers, where, dtype), BUDGET)


def _device(device: str) -> torch.device:
    found = torch.cuda.is_available()
    if found:
        log.info("CUDA device found")
    try:
        where = torch.device(("cuda" if found else "cpu") if device == "auto" else device)
    except RuntimeError as error:
        raise ModelUnavailable(f"expected cpu, cuda or cuda:N, got {device}: {error}") from error
    if where.type not in ("cpu", "cuda"):
        raise ModelUnavailable(f"expected cpu, cuda or cuda:N, got {device}")
    if where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count():
        raise ModelUnavailable(f"expected a CUDA device for {device}, got none")
    return where


def _dtype(compute_type: str, device: torch.device) -> torch.dtype:
    if compute_type == "default":
        return torch.float32 if device.type == "cpu" else torch.float16
    if compute_type not in DTYPES:
        raise ModelUnavailable(
            f"expected a compute type of {', '.join(DTYPES)} for this engine, got {compute_type}"
        )
    return DTYPES[compute_type]


def _threads(weights: int) -> int:
    return 1 if weights < SMALL else min(os.cpu_count() or 1, MOST_THREADS)


def _fitting(sizes: Sizes, weights: int, device: torch.device, dtype: torch.dtype) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    rows = FILLED * (free - weights * dtype.itemsize) / memory_of_a_row(sizes, dtype)
    if rows < 1:
        raise ModelUnavailable(f"expected room for one window on {device}, got {free >> 20} MB")
    return min(int(rows), MOST_SLOTS)
