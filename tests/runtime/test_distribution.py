from __future__ import annotations

import math

import pytest
from prometheus_client import CollectorRegistry, Histogram

from sotto.runtime.distribution import Distribution, distribution, distributions

BOUNDS = (0.1, 0.2, 0.4, math.inf)


def made(values: dict[tuple[str, str], list[float]]) -> Histogram:
    histogram = Histogram(
        "it", "It.", ["model", "priority"], registry=CollectorRegistry(), buckets=BOUNDS
    )
    for labels, observed in values.items():
        for value in observed:
            histogram.labels(*labels).observe(value)
    return histogram


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ((0, 10, 0, 0), 0.5, 0.15),
        ((0, 10, 0, 0), 1.0, 0.2),
        ((4, 0, 4, 0), 0.5, 0.1),
        ((4, 0, 4, 0), 0.75, 0.3),
        ((10, 0, 0, 0), 0.95, 0.095),
        ((1, 0, 0, 9), 0.5, 0.4),
        ((0, 0, 0, 0), 0.5, None),
        ((0, 0, 3, 0), 0.0, 0.2),
    ],
)
def test_quantiles_are_interpolated_as_prometheus_does(counts, share, value) -> None:
    found = Distribution(tuple(zip(BOUNDS, counts, strict=True)), 0.0).quantile(share)
    assert found == (None if value is None else pytest.approx(value))


def test_each_model_has_its_own_and_priorities_are_added() -> None:
    histogram = made({
        ("a", "final"): [0.05, 0.3],
        ("a", "partial"): [0.15],
        ("b", "final"): [9.0],
    })  # fmt: skip
    by_model = distributions(histogram, "model")
    assert by_model["a"].buckets == ((0.1, 1), (0.2, 1), (0.4, 1), (math.inf, 0))
    assert by_model["a"].mean == pytest.approx(0.5 / 3)
    assert by_model["b"].buckets[-1] == (math.inf, 1)
    assert distribution(histogram).count == 4


def test_nothing_measured_is_no_number() -> None:
    nothing = distribution(made({}))
    assert (nothing.count, nothing.mean, nothing.quantile(0.5)) == (0, None, None)
