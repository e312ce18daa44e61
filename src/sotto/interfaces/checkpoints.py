"""Where model files come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with bytes that are there and bytes in all."""


class CheckpointSource(Protocol):
    """Finds checkpoints by name on this machine, and fetches those that are elsewhere."""

    def find(self, name: str) -> Path | None:
        """The folder of a checkpoint that is on this machine, else None."""
        ...

    def pull(self, name: str, progress: Progress | None = None) -> Path:
        """The checkpoint's folder, downloaded where it was not here.

        Raises UnknownModel where nothing has that name, ModelUnavailable where it cannot be
        reached.
        """
        ...
