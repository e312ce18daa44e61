"""Who speaks when, and when what he says is certain. Pure, and the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from sotto.bench.plan.measured import Lag
from sotto.streaming.policies import CADENCE

LOOK = CADENCE / 100
"""Seconds of new sound between two looks at an open utterance."""
PAUSE = 0.15
"""Seconds after an utterance's last word until a pause is seen, and looked at."""
OVER = 0.75
"""Seconds after it until the utterance is over: `vad.silence`, and the detector's own delay."""
PRE_ROLL = 0.3


@dataclass(frozen=True)
class Habits:
    """Those of `sotto bench streams`, measured on its own utterances."""

    speech: float = 0.4
    """Share of the time in which a stream speaks."""
    words: tuple[int, int] = (3, 9)
    """In an utterance: at least, at most."""
    word: float = 0.77
    """Seconds from the end of a word to that of the next one, on average."""
    uneven: float = 0.4
    """By which share of that it is longer or shorter, at the most."""
    shortest_pause: float = 1.0

    @property
    def cycle(self) -> float:
        """Seconds from utterance to utterance, on average."""
        return sum(self.words) / 2 * self.word / self.speech

    @property
    def longest(self) -> float:
        """Seconds of the longest utterance, about."""
        return self.words[1] * self.word

    def count(self, chance: random.Random) -> int:
        """Words of one utterance."""
        return chance.randint(*self.words)

    def pause(self, chance: random.Random, spoken: float) -> float:
        """Seconds of silence after an utterance of so many seconds.

        Such that the share of speech comes out: a fixed part, and one drawn at random.
        """
        mean = spoken * (1 - self.speech) / self.speech
        return self.shortest_pause + chance.random() * 2 * max(mean - self.shortest_pause, 0.0)


@dataclass(frozen=True)
class Certainty:
    """How much sound has to follow a word before it is committed, if nothing waits.

    Read off the lags that were measured with the fewest streams: a lag is this, half a look's
    distance, and the decode itself.
    """

    points: tuple[tuple[float, float], ...]
    """(share of words, seconds), rising."""

    def draw(self, chance: random.Random) -> float:
        """Of one word; straight lines between the points."""
        share = chance.random()
        for (low, first), (high, last) in zip(self.points, self.points[1:], strict=False):
            if share <= high:
                return first + (last - first) * (share - low) / (high - low)
        return self.points[-1][1]

    @property
    def sure(self) -> float:
        """Of a word that is certain at first sight: so a pause is enough for it."""
        return self.points[1][1]


def certainty(lag: Lag, decode: float) -> Certainty:
    """From the lags of a machine with nothing to wait for, and the seconds of a decode there."""
    late = LOOK / 2 + decode
    middle = max(lag.p50 - late, 0.0)
    return Certainty(
        (
            (0.0, max(middle - LOOK / 2, 0.0)),
            (0.5, middle),
            (0.95, max(lag.p95 - late, middle)),
            (1.0, max(lag.p99 - late, middle)),
        )
    )


@dataclass(slots=True)
class Utterance:
    """What is said without a pause; times are seconds of the simulation."""

    start: float
    words: list[float]
    """When each ends."""
    needs: list[float]
    """Seconds of sound after each before it is certain."""
    committed: int = field(default=0)
    heard: bool = field(default=False)
    """Whether a result reached its end."""
    over: bool = field(default=False)
    """Whether it is known to be over."""

    @property
    def end(self) -> float:
        """Of its last word."""
        return self.words[-1]

    @property
    def tail(self) -> float:
        """When the last committed word ended."""
        return self.words[self.committed - 1] if self.committed else self.start


def utterance(habits: Habits, certain: Certainty, chance: random.Random, at: float) -> Utterance:
    """What somebody says who begins now."""
    words, end = [], at
    for _ in range(habits.count(chance)):
        end += habits.word * chance.uniform(1 - habits.uneven, 1 + habits.uneven)
        words.append(end)
    return Utterance(at, words, [certain.draw(chance) for _ in words])
