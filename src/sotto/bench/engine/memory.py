"""How much an engine has taken: of the machine's memory, or of the device's."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from sotto.bench.usage import usage


@dataclass(frozen=True)
class Used:
    """Bytes."""

    taken: int | None
    """Since an engine began to be loaded; None where nobody tells. On a device they are those of
    all processes together, with what libraries keep there for themselves."""
    tensors: int | None = None
    """Of PyTorch's own tensors on the device, at the most; None: there are none."""


def watch(device: str) -> Callable[[], Used]:
    """Tells what was used since now; asked before an engine is loaded."""
    used = _on_device if device == "cuda" else _here
    before = used()

    def since() -> Used:
        now = used()
        taken = None if now is None or before is None else now - before
        return Used(taken, _tensors() if device == "cuda" else None)

    return since


def _tensors() -> int | None:
    import torch

    return torch.cuda.max_memory_allocated() or None


def _here() -> int | None:
    found = usage(os.getpid())
    return None if found is None else found.rss


def _on_device() -> int:
    import torch

    free, total = torch.cuda.mem_get_info()
    return total - free
