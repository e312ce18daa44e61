"""Which threads and which batches serve a checkpoint best on this machine: `sotto tune-machine`.

The checkpoint is loaded with 1, 2, 4 … threads, and decodes windows of three lengths in batches of
1, 2, 4 … 32, until two sizes in a row bring no more. The windows are cut from speech; none has a
forced prefix, so each costs what a final costs. Nothing else is done meanwhile, other than on a
server, where the front end and the event loop want the cores too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import geometric_mean, median
from typing import Any, TypeAlias

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import Samples, seconds
from sotto.bench.clips import spectrogram
from sotto.clock import Clock
from sotto.errors import EngineFailed
from sotto.interfaces.engine import DecodeJob, Engine, Priority
from sotto.streaming.policies import CADENCE
from sotto.transcript.options import DecodeOptions

DECIDING = 304
"""Frames, of windows as an open utterance has them: those by which `max_batch` is chosen."""
LENGTHS = (80, DECIDING, 1008)
"""Frames: 0.8, 3 and 10 s, as multiples of BUCKET."""
BATCHES = (1, 2, 4, 8, 16, 32)
ALIKE = 0.05
"""Share of the throughput that is worth neither more threads nor larger batches."""
LEAST_ROUNDS, MOST_ROUNDS = 3, 15
"""Of a batch, in the first turn; and in each turn after it."""
SHARES = (3, 1, 1)
"""Of the time, for each turn."""
ENGINES_OWN = 0
"""Threads, in the settings: as many as the engine takes by itself."""

Load: TypeAlias = Callable[[int], Engine]
"""The checkpoint with so many threads."""


@dataclass(frozen=True)
class Point:
    """What one batch took."""

    threads: int
    """0: as many as the engine takes by itself."""
    frames: int
    """Of each window."""
    batch: int
    """Windows."""
    took: float
    """Seconds for all of them, the median of the rounds."""
    rounds: int = 1

    @property
    def throughput(self) -> float:
        """Windows a second."""
        return self.batch / self.took

    def json(self) -> dict[str, Any]:
        """Times in seconds."""
        return {
            "threads": self.threads,
            "window": seconds(self.frames),
            "batch": self.batch,
            "took": self.took,
            "took_a_window": self.took / self.batch,
            "windows_a_second": self.throughput,
            "rounds": self.rounds,
        }


@dataclass(frozen=True)
class Choice:
    """Two settings of an engine."""

    threads: int
    max_batch: int

    def point(self, points: Sequence[Point]) -> Point:
        """The largest batch of DECIDING windows that it allows, of those that were measured."""
        own = (p for p in points if (p.threads, p.frames) == (self.threads, DECIDING))
        return max((p for p in own if p.batch <= self.max_batch), key=lambda p: p.batch)


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    cores: int
    in_force: Choice
    options: DecodeOptions
    seconds: float
    """In which all is done, but for one loading and one batch of 1 at least with each count."""

    @property
    def counts(self) -> list[int]:
        """Of threads: 1, 2, 4 … all cores, and what is in force, first."""
        doubled = (2**power for power in range(self.cores.bit_length()))
        return list(dict.fromkeys([self.in_force.threads, *doubled, self.cores]))


@dataclass(frozen=True)
class Result:
    """What was measured, and what follows from it."""

    points: tuple[Point, ...]
    choice: Choice
    in_force: Choice

    @property
    def ratio(self) -> float:
        """The throughput of the choice by that of what is in force."""
        before, after = self.in_force.point(self.points), self.choice.point(self.points)
        return after.throughput / before.throughput

    def json(self) -> dict[str, Any]:
        """For a document."""
        return {
            "points": [point.json() for point in self.points],
            "choice": asdict(self.choice),
            "in_force": asdict(self.in_force),
            "ratio": self.ratio,
        }


def choose(points: Sequence[Point]) -> Choice:
    """The settings that serve best.

    `threads`: the fewest whose throughput is within 5 % of the best, so that cores are left for the
    front end and the event loop. The throughput of a count is the geometric mean over the lengths
    of windows, each in the batch that suits it best.

    `max_batch`, of 3 s windows with those threads: the smallest within 5 % of the best throughput
    that takes no longer than an open utterance waits for its next look (0.32 s); if there is none,
    the largest that takes no longer; if there is none, 1.
    """
    counted = [point for point in points if point.threads != ENGINES_OWN]
    best = {count: _throughput(counted, count) for count in {p.threads for p in counted}}
    threads = min(count for count, own in best.items() if _is_alike(own, max(best.values())))
    own = [p for p in counted if (p.threads, p.frames) == (threads, DECIDING)]
    most = max(point.throughput for point in own)
    quick = [point for point in own if point.took <= seconds(CADENCE)]
    good = [point.batch for point in quick if _is_alike(point.throughput, most)]
    largest = max((point.batch for point in quick), default=1)
    return Choice(threads, min(good, default=largest))


def measure(
    load: Load, sound: Samples, plan: Plan, clock: Clock, tell: Callable[[str], None]
) -> Result:
    """Each count of threads in its turn, and then all of them again: A B C, A B C, A B C.

    So what disturbs the machine for a while is not one count's alone. Raises ModelUnavailable,
    EngineFailed.
    """
    end = clock.monotonic() + plan.seconds
    trials = [Trial(threads, plan.in_force) for threads in plan.counts]
    turns = [(share, trial) for share in SHARES for trial in trials]
    for place, (share, trial) in enumerate(turns):
        if place >= len(trials) and clock.monotonic() >= end:
            break
        tell(f"threads: {trial.name} ({place + 1} of {len(turns)})")
        engine = load(trial.threads)
        try:
            loaded = Loaded(engine, spectrogram(sound, engine.traits.n_mels), plan.options, clock)
            now = clock.monotonic()
            trial.run(loaded, now + (end - now) * share / sum(part for part, _ in turns[place:]))
        finally:
            engine.close()
    points = tuple(point for trial in trials for length in LENGTHS for point in trial.of(length))
    return Result(points, choose(points), plan.in_force)


@dataclass(frozen=True, eq=False)
class Loaded:
    """An engine, and what it is given to decode."""

    engine: Engine
    mel: Mel
    options: DecodeOptions
    clock: Clock

    def time(self, length: int, batch: int) -> float:
        """Seconds that it takes for a batch. Raises EngineFailed."""
        jobs = self._jobs(length, batch)
        began = self.clock.monotonic()
        self.engine.decode(jobs)
        return self.clock.monotonic() - began

    def _jobs(self, length: int, batch: int) -> list[DecodeJob]:
        """Windows that begin evenly all over the sound, which goes on from its start at its end."""
        sound = np.tile(self.mel, (1 + -(-length // len(self.mel)), 1))
        starts = [number * len(self.mel) // batch for number in range(batch)]
        languages = self.engine.traits.languages
        language = "en" if "en" in languages else languages[0]  # fixed, as in most looks
        return [
            DecodeJob(
                id=number,
                mel=sound[start : start + length],
                options=self.options,
                priority=Priority.PARTIAL,
                language=language,
            )
            for number, start in enumerate(starts)
        ]


class Trial:
    """What each batch took with a count of threads."""

    def __init__(self, threads: int, in_force: Choice) -> None:
        self.threads = threads
        self._in_force = in_force
        self._took: dict[tuple[int, int], list[float]] = {}
        """Frames of each window and windows → seconds of each round."""

    @property
    def name(self) -> str:
        """For people."""
        return "as the engine takes them" if self.threads == ENGINES_OWN else str(self.threads)

    def of(self, length: int) -> list[Point]:
        """What was measured of windows of this length, the smaller batches first."""
        return [
            Point(self.threads, length, batch, median(took), len(took))
            for (own, batch), took in sorted(self._took.items())
            if own == length
        ]

    def run(self, loaded: Loaded, deadline: float) -> None:
        """One turn: the first finds the batches that are worth it, those after it decode all of
        these, round by round, while there is time.

        Raises EngineFailed where not even a batch of 1 is decoded.
        """
        now = loaded.clock.monotonic
        if not self._took:
            for left in range(len(LENGTHS), 0, -1):
                self._explore(loaded, LENGTHS[-left], now() + (deadline - now()) / left)
            return
        loaded.time(LENGTHS[-1], 1)  # warms up
        for _ in range(MOST_ROUNDS):
            for (length, batch), took in self._took.items():
                if now() + median(took) <= deadline:
                    took.append(loaded.time(length, batch))

    def _explore(self, loaded: Loaded, length: int, deadline: float) -> None:
        for batch in BATCHES:
            if grows(self.of(length)):
                self._add(loaded, length, batch, deadline)
        most = self._in_force.max_batch
        if self.threads == self._in_force.threads and (length, most) not in self._took:
            self._add(loaded, length, most, deadline)

    def _add(self, loaded: Loaded, length: int, batch: int, deadline: float) -> None:
        """One more, but for one that would end too late, or that the engine breaks on where it
        did not break on a smaller one, as where memory is short."""
        now, before = loaded.clock.monotonic, self.of(length)
        if before and now() + (1 + LEAST_ROUNDS) * batch / before[-1].throughput > deadline:
            return
        try:
            loaded.time(length, batch)  # warms up
            took = [loaded.time(length, batch)]
            while len(took) < LEAST_ROUNDS and now() < deadline:
                took.append(loaded.time(length, batch))
        except EngineFailed:
            if not before:
                raise
        else:
            self._took[length, batch] = took


def grows(points: Sequence[Point]) -> bool:
    """Whether one of the last two batches brought 5 % more than all before them: one that is slow
    may be an accident, two are not."""
    if len(points) <= 2:
        return True
    before = max(point.throughput for point in points[:-2])
    return not _is_alike(before, max(point.throughput for point in points[-2:]))


def _throughput(points: Sequence[Point], threads: int) -> float:
    """Windows a second, over all lengths."""
    own = [point for point in points if point.threads == threads]
    best = [max(p.throughput for p in own if p.frames == f) for f in {p.frames for p in own}]
    return geometric_mean(best)


def _is_alike(throughput: float, best: float) -> bool:
    return throughput >= (1 - ALIKE) * best
