"""A simulated machine that behaves as a measured one did with the fewest and the most streams.

What lies between is the test: `sotto plan --validate` shows both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sotto.audio.format import FRAMES_PER_SECOND, frames
from sotto.bench.plan.habits import Certainty, Habits, certainty
from sotto.bench.plan.machines import Curve
from sotto.bench.plan.measured import Lag, Measured, Step
from sotto.bench.plan.outcome import Outcome
from sotto.bench.plan.scene import Cluster, Run
from sotto.bench.plan.shapes import SIZES
from sotto.bench.plan.simulate import Simulation

MARGIN = frames(2.56) / FRAMES_PER_SECOND
"""Seconds that the encoder is given beyond a window, of a checkpoint not trained for short ones."""
WORDS = 0.5
"""What a second of sound costs to be decoded, by what it costs to be encoded."""
ROUNDS = 6
SECONDS = 90.0


@dataclass(frozen=True)
class Fit:
    """What a simulated cluster is made of."""

    curve: Curve
    certain: Certainty
    habits: Habits
    exact: bool

    def run(self, streams: int, engines: int, doors: int = 0, seconds: float = SECONDS) -> Run:
        """So many streams on so many of these machines."""
        cluster = Cluster(engines, doors, self.curve, self.exact)
        return Run(streams, cluster, self.certain, self.habits, seconds=seconds)

    def slower(self, times: float) -> Fit:
        """A model that has so much more to do."""
        curve = self.curve
        scaled = replace(
            curve, fixed=curve.fixed * times, sound=curve.sound * times, words=curve.words * times
        )
        return replace(self, curve=scaled)


def fit(measured: Measured) -> Fit:
    """Its curve from how long batches took at both ends, its certainty from the lags at the first.

    Each round simulates both ends and moves each figure by what is missing.
    """
    whisper = measured.made_up or measured.model in SIZES
    first, last = measured.steps[0], measured.steps[-1]
    margin = MARGIN if whisper else 0.0
    curve = Curve(0.0, _batch(first) / (3 + margin), 0.0, margin)
    aim = _trusted(measured)
    wanted = aim
    habits = Habits(speech=measured.talk)
    found = Fit(curve, certainty(wanted, _batch(first)), habits, exact=not whisper)
    for _ in range(ROUNDS):
        low, high = _play(found, first), _play(found, last)
        wanted = _towards(wanted, aim, low.lag, habits.longest)
        certain = certainty(wanted, _batch(first))
        found = replace(
            found, certain=certain, curve=_curve(found.curve, (first, low), (last, high))
        )
    return found


def _trusted(measured: Measured) -> Lag:
    """Lags with the fewest streams, but the least p99 of all steps: that of one is a few words, and
    of made-up ones some are counted as others, seconds away."""
    lag = measured.steps[0].lag
    return replace(lag, p99=max(min(step.lag.p99 for step in measured.steps), lag.p95))


def _batch(step: Step) -> float:
    """Seconds that one took, on average."""
    return step.decode_seconds / step.batches


def _play(found: Fit, step: Step) -> Outcome:
    return Simulation(found.run(step.streams, 1)).play()


def _towards(wanted: Lag, measured: Lag, simulated: Lag | None, most: float) -> Lag:
    """`most`: seconds that no word waits for, since its utterance is over by then."""
    if simulated is None:
        return wanted
    p50 = max(wanted.p50 + measured.p50 - simulated.p50, 0.0)
    p95 = max(wanted.p95 + measured.p95 - simulated.p95, p50)
    p99 = wanted.p99 + measured.p99 - simulated.p99
    return Lag(p50, p95, max(min(p99, most), p95))


def _curve(curve: Curve, low: tuple[Step, Outcome], high: tuple[Step, Outcome]) -> Curve:
    """The line through both ends: seconds of a batch over its windows' load."""
    points = []
    for step, outcome in (low, high):
        size = step.jobs / step.batches
        points.append((size * outcome.load, _batch(step)))
    (x0, y0), (x1, y1) = points
    sound = (y1 - y0) / (x1 - x0) if x1 - x0 > 0.1 * x0 else y0 / x0
    sound = min(sound, y0 / x0)
    return replace(curve, fixed=max(y0 - sound * x0, 0.0), sound=sound, words=WORDS * sound)
