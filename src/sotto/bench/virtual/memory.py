"""The collector of garbage, kept away from what stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settled_memory() -> Iterator[None]:
    """All that is there by now stays, so that nobody looks for garbage in it again and again.

    With torch and its like imported each such look stops all streams for 0.1 s: of 500 streams
    whose engine took 20 ms, messages were 110 ms late (p99), and 19 ms without.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
