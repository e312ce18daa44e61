"""Which committed word is which said one; pure.

As `training/evaluation/scoring.py` aligns, with one condition more: a word cannot be heard before
it sounds, so a commit is never matched to a word that began later. Of alignments that are equally
good the one that gives the longer lags is taken: of `nine nine` of which one is heard, the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.hearing import Commit
from sotto.bench.streams.plan import Word


@dataclass(frozen=True)
class Link:
    """Places in what was said and what was committed; None on a side that has none."""

    said: int | None
    commit: int | None


Costs: TypeAlias = list[list[int]]
Pairing: TypeAlias = Callable[[int, int], int]
"""What it costs to take one commit for one word, by their places."""


def link(said: Sequence[Word], commits: Sequence[Commit]) -> list[Link]:
    """The fewest errors, of these the most hits, of these the longest lags."""
    error = min(len(said), len(commits)) + 1
    never = error * (len(said) + len(commits) + 1)

    def pairing(i: int, j: int) -> int:
        if commits[j].at * SAMPLE_RATE < said[i].start:
            return never
        return -1 if commits[j].word == said[i].text else error

    costs = _costs(len(said), len(commits), error, pairing)
    links: list[Link] = []
    i, j = len(said), len(commits)
    while i or j:
        if i and costs[i][j] == costs[i - 1][j] + error:
            i -= 1
            links.append(Link(i, None))
        elif i and j and costs[i][j] == costs[i - 1][j - 1] + pairing(i - 1, j - 1):
            i, j = i - 1, j - 1
            links.append(Link(i, j))
        else:
            j -= 1
            links.append(Link(None, j))
    return links[::-1]


def _costs(said: int, heard: int, error: int, pairing: Pairing) -> Costs:
    """The least cost of the first i words said (row) and the first j commits (column)."""
    costs = [[j * error for j in range(heard + 1)]]
    for i in range(said):
        above, row = costs[-1], [(i + 1) * error]
        for j in range(heard):
            row.append(min(above[j + 1] + error, row[j] + error, above[j] + pairing(i, j)))
        costs.append(row)
    return costs
