"""Trials of speaker verification, and the rate at which both kinds of error are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 200
"""Of speakers with replacement, for an interval."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """How often a threshold errs either way; 0.5 is a coin."""

    eer: float
    low: float
    high: float
    """Its 95 % interval: speakers drawn anew."""
    same: int
    """Trials of one speaker."""
    different: int
    """Of two."""


def equal_error_rate(scores: Floats, same: NDArray[np.bool_], weights: Floats) -> float:
    """Where as many of one speaker are refused as of two are taken for one; higher scores are the
    same speaker. Trials count by their weights."""
    order = np.argsort(-scores, kind="stable")
    return _rate(scores[order], same[order], weights[order])


def rated(scores: Floats, speakers: Sequence[str]) -> Rate:
    """Of float64[n, n], each pair of clips once."""
    names, speaker = np.unique(speakers, return_inverse=True)
    first, second = np.triu_indices(len(speaker), 1)
    values = scores[first, second]
    order = np.argsort(-values, kind="stable")
    values, one, other = values[order], speaker[first][order], speaker[second][order]
    same = one == other
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weights = np.where(same, counts[one], counts[one] * counts[other]).astype(np.float64)
        if (weights * same).any() and (weights * ~same).any():
            drawn.append(_rate(values, same, weights))
    low, high = np.percentile(drawn, [2.5, 97.5])
    eer = _rate(values, same, np.ones(len(values)))
    return Rate(eer, float(low), float(high), int(same.sum()), int((~same).sum()))


def _rate(scores: Floats, same: NDArray[np.bool_], weights: Floats) -> float:
    """Of trials in the order of their scores, the highest first."""
    accepted = np.cumsum(weights * ~same)
    found = np.cumsum(weights * same)
    # A threshold lies between two scores that differ, or at either end.
    edges = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    wrong = np.concatenate([[0.0], accepted[edges] / accepted[-1]])
    missed = np.concatenate([[1.0], 1 - found[edges] / found[-1]])
    at = int(np.argmax(wrong >= missed))
    # Between the two thresholds around the crossing both rates are taken to be straight lines.
    gap_before, gap_after = missed[at - 1] - wrong[at - 1], wrong[at] - missed[at]
    part = gap_before / (gap_before + gap_after) if gap_before + gap_after else 0.0
    return float(wrong[at - 1] + part * (wrong[at] - wrong[at - 1]))
