"""Long utterances cut into what a reader can follow: two lines of 42 columns, seven seconds.

The limits are those of common subtitling guidelines; a wide (CJK) character takes two columns,
as UAX #11 has it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sotto.audio.format import frames
from sotto.transcript.words import Segment, Transcript, Word

COLUMNS = 42
"""Of each of two lines."""
LONGEST = frames(7.0)  # 700
SHORTEST = 1
"""Frames: a cue must not be empty."""

UNSPACED = frozenset({"zh", "ja", "yue", "th", "lo", "km", "my", "bo"})
"""Languages that write no spaces: a line may end at any word."""

_SENTENCE_ENDS = tuple(".?!…。？！")
_CLAUSE_ENDS = tuple(",;:،、，；：—")
_CLOSING = "\"'”’)]»」』"


@dataclass(frozen=True)
class Cue:
    """What is shown at once. Times are frames."""

    start: int
    end: int
    text: str
    """One line, or two with a line feed between them."""


@dataclass(frozen=True)
class _Unit:
    """Words between which no line may end."""

    text: str
    """With its leading space, if it has one."""
    start: int
    end: int


def cues(transcript: Transcript) -> list[Cue]:
    """The transcript's cues: in order, none empty, none before the end of the one before it."""
    groups = [group for segment in transcript.segments for group in _groups(_units(segment))]
    result: list[Cue] = []
    free = 0
    for index, group in enumerate(groups):
        start = max(group[0].start, free)
        end = min(max(unit.end for unit in group), start + LONGEST)
        if index + 1 < len(groups):
            following = groups[index + 1][0].start
            end = min(end, following) if following > start else end
        free = max(end, start + SHORTEST)
        result.append(Cue(start, free, "\n".join(_lines(group))))
    return result


def width(text: str) -> int:
    """Columns of a text."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _units(segment: Segment) -> list[_Unit]:
    """Words joined where no line may end between them, as in `don` `'t`."""
    units: list[_Unit] = []
    for word in segment.words:
        plain = " ".join(word.text.split())
        if not plain:
            continue
        text = f" {plain}" if word.text[0].isspace() else plain
        if units and _glued(units[-1], word, text, segment.language):
            last = units.pop()
            units.append(_Unit(last.text + text, last.start, max(last.end, word.end)))
        else:
            units.append(_Unit(text, word.start, word.end))
    return units


def _glued(last: _Unit, word: Word, text: str, language: str) -> bool:
    if text.startswith(" "):
        return False
    if language in UNSPACED and any(character.isalnum() for character in text):
        return False
    fits = width(last.text + text) <= COLUMNS
    return fits and max(last.end, word.end) - last.start <= LONGEST


def _groups(units: list[_Unit]) -> Iterator[list[_Unit]]:
    """The units of each cue."""
    while units:
        most = _how_many_fit(units)
        count = most if most == len(units) else _best_break(units, most)
        yield units[:count]
        units = units[count:]


def _how_many_fit(units: list[_Unit]) -> int:
    """As many of the first units as one cue can show; at least one."""
    count = 1
    while count < len(units) and _fits(units[: count + 1]):
        count += 1
    return count


def _fits(units: Sequence[_Unit]) -> bool:
    if max(unit.end for unit in units) - units[0].start > LONGEST:
        return False
    if _width(units) <= COLUMNS:
        return True
    first = 1  # as much as goes into the first line leaves the least for the second
    while first < len(units) and _width(units[: first + 1]) <= COLUMNS:
        first += 1
    return max(_width(units[:first]), _width(units[first:])) <= COLUMNS


def _best_break(units: list[_Unit], most: int) -> int:
    """How many units to show: up to a sentence's end, else a clause's, else the longest gap.

    Not fewer than a third of what fits, so that no cue flashes by.
    """

    def worth(count: int) -> tuple[int, int, int]:
        gap = units[count].start - units[count - 1].end
        return _strength(units[count - 1].text), gap, count

    return max(range((most + 2) // 3, most + 1), key=worth)


def _strength(text: str) -> int:
    """How well a line may end after a text."""
    bare = text.rstrip(_CLOSING)
    return 2 * bare.endswith(_SENTENCE_ENDS) + bare.endswith(_CLAUSE_ENDS)


def _lines(units: Sequence[_Unit]) -> list[str]:
    """One line, or two of like length."""
    if _width(units) <= COLUMNS or len(units) == 1:
        return [_text(units)]

    def unevenness(cut: int) -> tuple[int, int]:
        widths = _width(units[:cut]), _width(units[cut:])
        return max(*widths, COLUMNS), abs(widths[0] - widths[1])

    cut = min(range(1, len(units)), key=unevenness)
    return [_text(units[:cut]), _text(units[cut:])]


def _text(units: Sequence[_Unit]) -> str:
    return "".join(unit.text for unit in units).strip()


def _width(units: Sequence[_Unit]) -> int:
    return width(_text(units))
