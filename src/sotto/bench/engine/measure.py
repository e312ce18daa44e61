"""One engine with one checkpoint: more and more windows at once, as far as it is worth it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from sotto.bench.engine.cases import Case, Jobs
from sotto.bench.engine.ceiling import Asked, Ceiling, Peaks
from sotto.bench.engine.drive import END, Run, run
from sotto.bench.engine.memory import Used
from sotto.bench.engine.point import Point
from sotto.clock import Clock
from sotto.errors import EngineFailed, Overloaded
from sotto.interfaces.engine import DecodeJob, Engine
from sotto.plugins.engines.windows import audio_context, padded_length

MOST_ROUNDS = 5
"""Of each number of windows at once, as time allows; before them one that warms up."""
ALIKE = 0.05
"""Share by which more windows at once must hear faster, or they are not worth it."""
TURNS = 2
"""Times that each window's place is taken, where windows differ: so that some enter as others
leave."""

Memory: TypeAlias = Callable[[], Used]


@dataclass(frozen=True)
class Trial:
    """An engine that is loaded, and all that is needed to measure it."""

    engine: Engine
    jobs: Jobs
    ceiling: Ceiling
    peaks: Peaks
    clock: Clock
    memory: Memory
    made_up: bool
    """Whether the checkpoint says as many words as it is asked for."""

    def points(self, case: Case, most: int, seconds: float) -> Iterator[Point]:
        """1, 2, 4 … windows at once, while that brings more, and while there is room and time.

        Raises EngineFailed where not even one window is decoded.
        """
        deadline = self.clock.monotonic() + seconds
        done: list[Point] = []
        at_once = 1
        while at_once <= most and grows(done) and self._has_time(done, at_once, deadline):
            try:
                point = self._measure(case, at_once, deadline)
            except (EngineFailed, Overloaded, MemoryError):
                if not done:
                    raise
                return
            if point is None:
                return
            done.append(point)
            yield point
            at_once *= 2

    def _has_time(self, done: Sequence[Point], at_once: int, deadline: float) -> bool:
        """For a round that warms up and one that counts."""
        if not done:
            return True
        longest = TURNS * 2 * at_once / done[-1].windows_a_second
        return self.clock.monotonic() + longest < deadline

    def _measure(self, case: Case, at_once: int, deadline: float) -> Point | None:
        """None where the engine takes fewer windows at once."""
        jobs = self.jobs.of(case, windows(case, at_once))
        runs = self._rounds(jobs, at_once, deadline)
        if runs[0].most < at_once:
            return None
        took, tokens = median(one.seconds for one in runs), runs[0].tokens
        words = [case.words[job.id % len(case.words)] for job in jobs]
        asked = Asked(at_once, self._frames(jobs[0]), sum(tokens) / len(tokens) - END)
        return Point(
            case=case.name,
            at_once=at_once,
            windows=len(jobs),
            took=took,
            rounds=len(runs),
            tokens=sum(tokens),
            as_asked=[count - END for count in tokens] == words if self.made_up else None,
            step=self._step(case, took, tokens[0], at_once, deadline) if case.is_even else None,
            least=self.ceiling.least(asked, self.peaks),
            memory=self.memory(),
        )

    def _rounds(self, jobs: Sequence[DecodeJob], at_once: int, deadline: float) -> list[Run]:
        run(self.engine, jobs, at_once, self.clock)  # warms up
        done = [run(self.engine, jobs, at_once, self.clock)]
        while len(done) < MOST_ROUNDS and self.clock.monotonic() + done[0].seconds < deadline:
            done.append(run(self.engine, jobs, at_once, self.clock))
        return done

    def _step(
        self, case: Case, took: float, tokens: int, at_once: int, deadline: float
    ) -> float | None:
        """Seconds of one token more: what windows take that differ in nothing but the words."""
        runs = self._rounds(self.jobs.of(case.few, at_once), at_once, deadline)
        fewer = tokens - runs[0].tokens[0]
        longer = took - median(one.seconds for one in runs)
        return longer / fewer if fewer > 0 and longer > 0 else None

    def _frames(self, job: DecodeJob) -> int:
        """That the encoder reads of a window."""
        traits = self.engine.traits
        return padded_length(len(job.mel), audio_context(job, traits), traits.n_mels)


def windows(case: Case, at_once: int) -> int:
    """In a round: as many as are in at once, or some times that where they differ."""
    if case.is_even:
        return at_once
    return at_once * max(TURNS, -(-len(case.words) // at_once))


def grows(points: Sequence[Point]) -> bool:
    """Whether one of the last two brought more than all before them: one may be an accident."""
    if len(points) <= 2:
        return True
    before = max(point.windows_a_second for point in points[:-2])
    return max(point.windows_a_second for point in points[-2:]) > (1 + ALIKE) * before
