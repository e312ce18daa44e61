"""How far what was heard is from what was said: words, characters, and which went wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_ASIDES = re.compile(r"[<\[][^>\]]*[>\]]|\([^)]*\)")
"""What is not said but noted: [laughter], <noise>, (inaudible)."""
_APOSTROPHES = re.compile(r"['’ʼ]")

Normalizer: TypeAlias = Callable[[str], str]
"""A text as its words, with single spaces; what is no difference is made equal."""


def normalize(text: str) -> str:
    """Lower case, without punctuation, symbols and asides in brackets, with single spaces.

    As Whisper's basic normalizer, but an apostrophe joins (don't → dont) and the marks of scripts
    that write vowels by them are kept. Numbers, contractions and spellings stay as they are.
    """
    plain = _APOSTROPHES.sub("", _ASIDES.sub(" ", unicodedata.normalize("NFKC", text).lower()))
    spaced = (" " if unicodedata.category(sign)[0] in "PS" else sign for sign in plain)
    return " ".join("".join(spaced).split())


@dataclass(frozen=True)
class Pair:
    """A word that was said, and what was heard of it; None on a side that has none."""

    said: str | None
    heard: str | None


@dataclass(frozen=True)
class Alignment:
    """Two texts side by side."""

    pairs: tuple[Pair, ...]

    @property
    def hits(self) -> int:
        """Words heard as they were said."""
        return sum(pair.said == pair.heard for pair in self.pairs)

    @property
    def substitutions(self) -> int:
        """Words heard as others."""
        return len(self.pairs) - self.hits - self.deletions - self.insertions

    @property
    def deletions(self) -> int:
        """Words that were not heard."""
        return sum(pair.heard is None for pair in self.pairs)

    @property
    def insertions(self) -> int:
        """Words that nobody said."""
        return sum(pair.said is None for pair in self.pairs)

    @property
    def errors(self) -> int:
        """The edit distance."""
        return len(self.pairs) - self.hits


def align(said: Sequence[str], heard: Sequence[str]) -> Alignment:
    """The alignment with the fewest errors, and of these one with the most hits.

    So the counts are one's own: swapping the texts swaps deletions and insertions and nothing
    else. Wagner and Fischer, The string-to-string correction problem, 1974.
    """
    error = _error(said, heard)
    costs = np.empty((len(said) + 1, len(heard) + 1), np.int64)
    for number, row in enumerate(_rows(said, heard)):
        costs[number] = row
    pairs: list[Pair] = []
    i, j = len(said), len(heard)
    while i or j:
        same = i > 0 and j > 0 and said[i - 1] == heard[j - 1]
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (-1 if same else error):
            i, j = i - 1, j - 1
            pairs.append(Pair(said[i], heard[j]))
        elif i and costs[i, j] == costs[i - 1, j] + error:
            i -= 1
            pairs.append(Pair(said[i], None))
        else:
            j -= 1
            pairs.append(Pair(None, heard[j]))
    return Alignment(tuple(reversed(pairs)))


def distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest errors, without the alignment and its memory."""
    last: NDArray[np.int64] = np.zeros(1, np.int64)
    for row in _rows(said, heard):
        last = row
    return -(-int(last[-1]) // _error(said, heard))  # rounded up: hits made it less


def _error(said: Sequence[str], heard: Sequence[str]) -> int:
    """What an error costs where a hit costs -1: more than all hits can make good."""
    return min(len(said), len(heard)) + 1


def _rows(said: Sequence[str], heard: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """The least cost of the first i words said (row) and the first j heard (column)."""
    error = _error(said, heard)
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in heard], np.int64)
    all_inserted = np.arange(len(heard) + 1, dtype=np.int64) * error
    row = all_inserted
    yield row
    for word in said:
        change = np.where(ids == numbers.get(word, -1), -1, error)
        best = row + error
        best[1:] = np.minimum(best[1:], row[:-1] + change)
        # An insertion follows the best of any earlier column: a running minimum.
        row = np.minimum.accumulate(best - all_inserted) + all_inserted
        yield row


@dataclass(frozen=True)
class Score:
    """Counts over utterances; they add up."""

    words: int = 0
    """That were said."""
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    characters: int = 0
    """That were said, with the spaces between words."""
    character_errors: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.characters + other.characters,
            self.character_errors + other.character_errors,
        )

    @property
    def errors(self) -> int:
        """Words that are wrong, missing or too many."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer(self) -> float | None:
        """Errors by words said; None where nothing was said. It can be more than 1."""
        return self.errors / self.words if self.words else None

    @property
    def cer(self) -> float | None:
        """The same for characters."""
        return self.character_errors / self.characters if self.characters else None


def compare(said: str, heard: str, plain: Normalizer = normalize) -> Alignment:
    """The words of two texts, both normalized, aligned."""
    return align(plain(said).split(), plain(heard).split())


def score(said: str, heard: str, plain: Normalizer = normalize) -> Score:
    """The counts of one utterance, both texts normalized."""
    reference, hypothesis = plain(said), plain(heard)
    alignment = align(reference.split(), hypothesis.split())
    return Score(
        words=len(reference.split()),
        substitutions=alignment.substitutions,
        deletions=alignment.deletions,
        insertions=alignment.insertions,
        characters=len(reference),
        character_errors=distance(reference, hypothesis),
    )
