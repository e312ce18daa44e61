"""What a simulation came to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sotto.bench.plan.measured import Lag

BIN = 5.0
"""Seconds, of which each is within the bound or above it."""


@dataclass(frozen=True)
class Outcome:
    """Of one run."""

    words: int
    lag: Lag | None
    """None where no word was committed."""
    above: float
    """Share of the time, in pieces of 5 s: what was said in them had a p95 lag above the bound."""
    reconnected: float
    """Share of the streams whose connection broke at least once."""
    deaths: int
    refused: int
    """Looks for which a queue had no room; the next one comes 0.32 s later."""
    finals: int
    jobs: float
    """A second."""
    mean_batch: float
    load: float
    """Seconds of sound that a window comes to, by what it costs (`Curve.load`)."""
    busy: float
    """Seconds that engines worked, each second."""


@dataclass
class Tally:
    """Counts while a simulation runs."""

    warm_up: float
    end: float
    """Seconds: what is said from the one to the other is counted."""
    bound: float
    withdrawn: int = 0
    refused: int = 0
    deaths: int = 0
    finals: int = 0
    reconnected: set[int] = field(default_factory=set)
    _lags: list[float] = field(default_factory=list)
    _bins: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    _jobs: int = 0
    _batches: int = 0
    _worked: float = 0.0
    _load: float = 0.0

    def word(self, now: float, ended: float) -> None:
        """It is committed now."""
        if self.warm_up <= ended < self.end:
            self._lags.append(now - ended)
            self._bins[int(ended // BIN)].append(now - ended)

    def batch(self, now: float, took: float, size: int, load: float) -> None:
        """It begins now."""
        if self.warm_up <= now < self.end:
            self._batches += 1
            self._jobs += size
            self._worked += took
            self._load += load * size

    def outcome(self, streams: int, seconds: float) -> Outcome:
        """Of all that was counted."""
        above = [quantile(lags, 0.95) > self.bound for lags in self._bins.values()]
        return Outcome(
            words=len(self._lags),
            lag=lag(self._lags),
            above=sum(above) / len(above) if above else 0.0,
            reconnected=len(self.reconnected) / streams,
            deaths=self.deaths,
            refused=self.refused,
            finals=self.finals,
            jobs=self._jobs / seconds,
            mean_batch=self._jobs / self._batches if self._batches else 0.0,
            load=self._load / self._jobs if self._jobs else 0.0,
            busy=self._worked / seconds,
        )


def lag(seconds: Sequence[float]) -> Lag | None:
    """None of none."""
    if not seconds:
        return None
    return Lag(quantile(seconds, 0.5), quantile(seconds, 0.95), quantile(seconds, 0.99))


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that so many are not above."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
