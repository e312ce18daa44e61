"""Shapes to measure with, made once: the same folder for all engines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sotto.bench.engine.cases import RATE
from sotto.bench.engine.process import Broken, apart
from sotto.bench.shapes.sizes import Slots, shape_of
from sotto.errors import BadOption

HALVES = "float16"
"""How the weights are written: any engine makes of them what it computes with."""
MAKING = 1_800.0
"""Seconds that it may take: of 1.5 billion numbers each is drawn."""


def made(name: str, folder: Path, tell: Callable[[str], None]) -> Path:
    """The shape in a folder of its own in there; made, if it is not there yet. Raises BadOption.

    In a process of its own, for it takes memory for every weight more than once.
    """
    shape_of(name)  # a wrong name is told before the work
    output = (folder / f"{name}-{HALVES}").resolve()
    if output.is_dir():
        return output
    tell(f"making the shape {name}")
    for what in apart(partial(_make, name, output), MAKING):
        if isinstance(what, Broken):
            raise BadOption("shape", f"cannot make the shape {name}: {what.why}")
    return output


def _make(name: str, output: Path, tell: Callable[[None], None]) -> None:
    from transformers.utils.logging import disable_progress_bar

    from sotto.bench.shapes.make import Making, make

    disable_progress_bar()  # which would stand beside what the command tells
    make(Making(name, shape_of(name), Slots(float(RATE)), quantization=HALVES), output)
