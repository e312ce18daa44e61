"""What a soak is to be, and what was found; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sotto.bench.streams.client import Arrival
from sotto.bench.streams.dialect import Committed, Final, Observation, TakenBack
from sotto.bench.streams.plan import Spoken, Talk, Track, plan

HOUR = 3600
WARM_UP, HALF = 0.1, 0.5
"""Shares of the sound after which it is asked whether memory grows."""


@dataclass(frozen=True)
class Plan:
    """How much, and in what form."""

    hours: float = 2.0
    """Of sound, of all sessions that talk."""
    streams: int = 24
    """That talk at once."""
    idle: int = 8
    """That are connected beside them, and say nothing."""
    talk: Talk = field(default_factory=lambda: Talk(warm_up=0.0))
    """The habits of a session, and its length."""
    seed: int = 0

    def tracks(self, clips: Sequence[Spoken]) -> Iterator[Track]:
        """What is said: first the session that lasts as long as all others side by side."""
        own = self.talk.seconds
        longest = max(self.hours * HOUR / self.streams, own)
        yield plan(
            clips, replace(self.talk, counted=longest - own + self.talk.counted), self.seed, 0
        )
        others = round((self.hours * HOUR - longest) / own)
        for number in range(1, others + 1):
            yield plan(clips, self.talk, self.seed, number)


@dataclass(frozen=True)
class Sample:
    """One look at the server."""

    hours: float
    """Of sound that was heard by then."""
    rss: int
    """Bytes."""


@dataclass(frozen=True)
class Account:
    """What sessions were told, held against what they said."""

    sessions: int = 0
    utterances: int = 0
    """That were said."""
    said: int = 0
    """Words."""
    finals: int = 0
    words: int = 0
    """That were committed."""
    taken_back: int = 0
    """Of them, words that the final has otherwise or not at all, or that it alone has."""
    lost: int = 0
    """Of them, words for which no final came."""

    def __add__(self, other: Account) -> Account:
        return Account(
            self.sessions + other.sessions,
            self.utterances + other.utterances,
            self.said + other.said,
            self.finals + other.finals,
            self.words + other.words,
            self.taken_back + other.taken_back,
            self.lost + other.lost,
        )


@dataclass(frozen=True)
class Result:
    """Of the whole soak."""

    hours: float
    """Of sound that the server heard, that of idle sessions with it."""
    seconds: float
    """In which it did."""
    speed: float
    """Seconds of sound a second."""
    cores: float
    """Of the server's processor time, each second."""
    rss_first: int
    """Bytes, after the warm-up."""
    rss_last: int
    rss_most: int
    growth: float
    """Bytes for each hour of sound, by least squares over what came after the warm-up."""
    growth_late: float
    """The same over the second half: whether it comes to rest. Until then there are steps, where
    more or longer windows are decoded at once than ever before."""
    told: Account
    visits: int
    """Idle sessions that came and went."""
    failures: tuple[str, ...]
    """Of sessions that ended before their time."""
    left_open: int
    """Sessions that the server counts when all are gone."""
    errors: dict[str, float]
    """Code → errors that the server counted, but of those who hung up without a word."""
    samples: tuple[Sample, ...]


def account(track: Track, arrivals: Sequence[Arrival]) -> Account:
    """One session."""
    finals = words = taken_back = open_words = 0
    for one in _observations(arrivals):
        match one:
            case Committed(text):
                words += len(text.split())
                open_words += len(text.split())
            case Final():
                finals, open_words = finals + 1, 0
            case TakenBack(different):
                taken_back += different
            case _:
                pass
    said = len(track.words)
    return Account(1, len(track.utterances), said, finals, words, taken_back, open_words)


def _observations(arrivals: Sequence[Arrival]) -> Iterator[Observation]:
    return (one for arrival in arrivals for one in arrival.heard)


def settled(samples: Sequence[Sample], share: float = WARM_UP) -> list[Sample]:
    """Those after that share of the sound."""
    whole = samples[-1].hours
    return [sample for sample in samples if sample.hours >= share * whole]


def growth(samples: Sequence[Sample]) -> float:
    """The slope of bytes over hours, by least squares; 0 where all are of one time."""
    hours = np.array([sample.hours for sample in samples])
    size = np.array([float(sample.rss) for sample in samples])
    apart = hours - hours.mean()
    square = float(apart @ apart)
    return float(apart @ size) / square if square else 0.0
