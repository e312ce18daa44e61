"""What a histogram of the metrics knows of all that it was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from prometheus_client import Histogram


@dataclass(frozen=True)
class Distribution:
    """How many values lay in which bucket."""

    buckets: tuple[tuple[float, int], ...]
    """Upper bound → values at or below it, and above the bound before; the last is infinite."""
    total: float
    """Of all values."""

    @property
    def count(self) -> int:
        """Values."""
        return sum(count for _, count in self.buckets)

    @property
    def mean(self) -> float | None:
        """None where there is no value yet."""
        return self.total / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """The value below which that share of all lies; None where there is none yet.

        Interpolated as Prometheus' `histogram_quantile` does: values are taken to lie evenly in
        their bucket, the first bucket begins at 0, and of the last only its beginning is known.
        """
        rank, below, lower = share * self.count, 0, 0.0
        for upper, count in self.buckets:
            if count and below + count >= rank:
                if upper == float("inf"):
                    return lower
                return lower + (upper - lower) * (rank - below) / count
            below, lower = below + count, upper
        return None


def distributions(histogram: Histogram, label: str) -> dict[str, Distribution]:
    """One for each value of a label; of values of other labels, their sum."""
    cumulative: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    totals: dict[str, float] = defaultdict(float)
    for name, labels, value in _samples(histogram):
        of = labels.get(label, "")
        if name.endswith("_bucket"):
            cumulative[of][float(labels["le"])] += value
        elif name.endswith("_sum"):
            totals[of] += value
    return {of: Distribution(_alone(found), totals[of]) for of, found in cumulative.items()}


def distribution(histogram: Histogram) -> Distribution:
    """One of all values, whatever their labels."""
    return distributions(histogram, "").get("", Distribution((), 0.0))


def _alone(cumulative: Mapping[float, float]) -> tuple[tuple[float, int], ...]:
    """Of each bucket alone."""
    ordered = [(0.0, 0.0), *sorted(cumulative.items())]
    return tuple((upper, round(both - below)) for (_, below), (upper, both) in pairwise(ordered))


def _samples(histogram: Histogram) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for family in histogram.collect():
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
