"""What one client was told, held against what an unbroken run told of the same sound. Pure.

Words are aligned by their text and their time: one that is lost here and one that is doubled a
minute later are two differences, and not a shift of all between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sotto.client import Event, Final

NEAR = 1.0
"""Seconds between two words that may be the same one."""
BY_TIME = 1e-3
"""Of an error, for each second between two words: of equal alignments the nearest words."""


@dataclass(frozen=True)
class Word:
    """Of a final."""

    text: str
    start: float
    """Seconds of sound; so the end."""
    end: float


class Kind(StrEnum):
    """What is different."""

    LOST = "lost"
    DOUBLED = "doubled"
    """Told, and not by the unbroken run."""
    CHANGED = "changed"


@dataclass(frozen=True)
class Difference:
    """Of one word."""

    kind: Kind
    at: float
    """Seconds of sound."""
    expected: str | None
    got: str | None


@dataclass(frozen=True)
class Match:
    """Places of one word in both; None where one has none."""

    expected: int | None
    got: int | None


def words(events: Iterable[Event]) -> list[Word]:
    """Of all finals, in the order in which they were told."""
    finals = (event for event in events if isinstance(event, Final))
    return [
        Word(word.text.strip(), word.start, word.end)
        for final in finals
        for word in final.words or ()
    ]


def differences(
    expected: Sequence[Word], got: Sequence[Word], near: float = NEAR
) -> list[Difference]:
    """The fewest that explain one by the other."""
    return [one for match in align(expected, got, near) for one in _told(match, expected, got)]


def shifts(expected: Sequence[Word], got: Sequence[Word]) -> list[float]:
    """Seconds by which the words that both have begin earlier or later."""
    return [
        abs(expected[match.expected].start - got[match.got].start)
        for match in align(expected, got)
        if match.expected is not None
        and match.got is not None
        and expected[match.expected].text == got[match.got].text
    ]


def align(expected: Sequence[Word], got: Sequence[Word], near: float = NEAR) -> list[Match]:
    """The alignment with the fewest differences, and of these the one of the nearest words.

    Wagner and Fischer, The string-to-string correction problem, 1974; what is alike at both ends
    is taken off first.
    """
    first, last = 0, 0
    shortest = min(len(expected), len(got))
    while first < shortest and _is_same(expected[first], got[first], near):
        first += 1
    while last < shortest - first and _is_same(expected[-1 - last], got[-1 - last], near):
        last += 1
    head = [Match(place, place) for place in range(first)]
    ends = len(expected) - last, len(got) - last
    tail = [Match(ends[0] + place, ends[1] + place) for place in range(last)]
    return [*head, *_middle(expected[first : ends[0]], got[first : ends[1]], near, first), *tail]


def _middle(expected: Sequence[Word], got: Sequence[Word], near: float, offset: int) -> list[Match]:
    costs = _costs(expected, got, near)
    matches: list[Match] = []
    i, j = len(expected), len(got)
    while i or j:
        if (
            i
            and j
            and costs[i][j] == costs[i - 1][j - 1] + _cost(expected[i - 1], got[j - 1], near)
        ):
            i, j = i - 1, j - 1
            matches.append(Match(offset + i, offset + j))
        elif i and costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
            matches.append(Match(offset + i, None))
        else:
            j -= 1
            matches.append(Match(None, offset + j))
    return matches[::-1]


def _costs(expected: Sequence[Word], got: Sequence[Word], near: float) -> list[list[float]]:
    """The least of the first i words of one (row) and the first j of the other (column)."""
    costs = [[float(j) for j in range(len(got) + 1)]]
    for i, word in enumerate(expected, 1):
        above, row = costs[-1], [float(i)]
        for j, other in enumerate(got):
            both = above[j] + _cost(word, other, near)
            row.append(min(above[j + 1] + 1, row[j] + 1, both))
        costs.append(row)
    return costs


def _cost(one: Word, other: Word, near: float) -> float:
    """Of taking two words for the same one; more than for two where they cannot be."""
    apart = abs(one.start - other.start)
    if apart > near:
        return 3.0
    return (one.text != other.text) + apart * BY_TIME


def _is_same(one: Word, other: Word, near: float) -> bool:
    return one.text == other.text and abs(one.start - other.start) <= near


def _told(match: Match, expected: Sequence[Word], got: Sequence[Word]) -> Iterator[Difference]:
    one = None if match.expected is None else expected[match.expected]
    other = None if match.got is None else got[match.got]
    if one is not None and other is not None:
        if one.text != other.text:
            yield Difference(Kind.CHANGED, one.start, one.text, other.text)
    elif one is not None:
        yield Difference(Kind.LOST, one.start, one.text, None)
    elif other is not None:
        yield Difference(Kind.DOUBLED, other.start, None, other.text)
