"""What is measured: an engine with a checkpoint; and the work on it, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sotto.bench.engine import memory
from sotto.bench.engine.cases import CASES, Jobs, hum, speech
from sotto.bench.engine.ceiling import Ceiling, Numbers, Peaks
from sotto.bench.engine.measure import Trial
from sotto.bench.engine.memory import Used
from sotto.bench.engine.point import Point
from sotto.bench.engine.sizes import parameters, read_sizes
from sotto.bench.shapes.sizes import NOTICE
from sotto.clock import SystemClock
from sotto.interfaces.engine import ContinuousEngine, Engine
from sotto.runtime.container import read_file
from sotto.transcript.options import DecodeOptions

HUGGING_FACE = "huggingface"
"""The name of what is no engine of ours."""
CLIP = "digits.flac"
"""Speech that ships, for checkpoints that hear speech."""
MOST_SLOTS = 4_096


@dataclass(frozen=True)
class Subject:
    """An engine with a checkpoint."""

    engine: str
    model: str
    """For people."""
    folder: Path
    device: str
    """cpu or cuda."""
    compute_type: str
    threads: int
    rate: float | None = None
    """Words a second that it says, where it is of `make-shape`."""

    @property
    def numbers(self) -> Numbers:
        """By which its ceiling is counted."""
        kind, on_gpu = self.compute_type, self.device == "cuda"
        if kind == "default":
            kind = "float16" if on_gpu else "float32"
            kind = "int8" if self.engine == "ctranslate2" and not on_gpu else kind
        if kind.startswith("int8"):
            return Numbers("int8", 1, 2 if on_gpu else 4)
        size = 4 if kind == "float32" else 2
        return Numbers(kind, size, size)


@dataclass(frozen=True)
class Plan:
    """How much of it is measured."""

    cases: tuple[str, ...]
    most: int
    """Windows at once."""
    seconds: float
    """For each case."""


@dataclass(frozen=True)
class Loaded:
    """What is known once a checkpoint is loaded."""

    seconds: float
    """That loading took."""
    parameters: int
    memory: Used
    """By its weights, and what was kept free for windows."""
    slots: int | None
    """Windows that it has room for; None: it takes batches, of any size."""


Load: TypeAlias = Callable[[Subject], Engine]


def measure_peaks(device: str, dtype: str, threads: int, tell: Callable[[Peaks], None]) -> None:
    """For a process of its own."""
    from sotto.bench.engine import peaks  # and torch with it, which not all engines need

    tell(peaks.measure(device, dtype, threads))


def measure(
    load: Load, subject: Subject, plan: Plan, best: Peaks, tell: Callable[[Loaded | Point], None]
) -> None:
    """First tells what was loaded, then each point as it is known.

    Raises ModelUnavailable; EngineFailed where not one window is decoded.
    """
    clock = SystemClock()
    sizes = read_sizes(subject.folder)
    used = memory.watch(subject.device)
    began = clock.monotonic()
    engine = load(subject)
    took = clock.monotonic() - began
    made_up = engine.traits.notice == NOTICE
    sound = hum if made_up else speech(np.concatenate(list(read_file(_clip()))))
    jobs = Jobs(engine.traits, sound, DecodeOptions())
    try:
        tell(Loaded(took, parameters(sizes), used(), _slots(engine, jobs)))
        ceiling = Ceiling(sizes, subject.numbers)
        trial = Trial(engine, jobs, ceiling, best, clock, used, made_up)
        for name in plan.cases:
            for point in trial.points(CASES[name], plan.most, plan.seconds):
                tell(point)
    finally:
        engine.close()


def _slots(engine: Engine, jobs: Jobs) -> int | None:
    """How many may join, of which none begins."""
    if not isinstance(engine, ContinuousEngine):
        return None
    inside = []
    for job in jobs.of(CASES["look"], MOST_SLOTS):
        if not engine.takes(job.priority):
            break
        engine.join(job)
        inside.append(job)
    for job in inside:
        engine.leave(job)
    return len(inside)


def _clip() -> Path:
    return Path(str(resources.files("sotto") / "assets" / CLIP))


def best_of(points: Sequence[Point], case: str, within: float | None = None) -> Point | None:
    """The number of windows at once that hears most, of those that took no longer than that."""
    own = [
        point for point in points if point.case == case and (within is None or point.took <= within)
    ]
    return max(own, key=lambda point: point.windows_a_second, default=None)
