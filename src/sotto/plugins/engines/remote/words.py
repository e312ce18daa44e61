"""The words of a text that another server wrote, each with the time at which it was said.

Servers tell the times of words, or of segments, or none. All go one way: pieces whose times were
told are looked for in the text, and between them time runs by letters, over those frames of the
window in which there is sound.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import FRAMES_PER_SECOND
from sotto.plugins.engines.remote.answer import Answer, Timed
from sotto.plugins.engines.tokenizer import UNSPACED
from sotto.transcript.words import Word

USUAL = 0.9
"""Probability of a word of which it is not told: certain enough for the guards to believe it, and
not enough for it to be committed before it was heard twice (`Traits.sure` of the engine)."""
QUIET = 2.5
"""Powers of ten below the loudest frame from which on there is no sound: 25 dB."""
REACH = 40
"""Letters of the text among which a piece is looked for: it follows the one before."""
_SPACED_SCRIPTS = 0x0E00
"""The first character of Thai: before it lie scripts that put spaces between words."""


@dataclass(frozen=True)
class _Run:
    """Letters of the text, by their numbers, from `first` to before `last`, said in that time."""

    first: int
    last: int
    start: int
    """Frames since the window began."""
    end: int
    probability: float | None = None


def timed_words(answer: Answer, mel: Mel, language: str) -> list[Word]:
    """The words with their leading spaces; their times lie in the window, one after the other."""
    texts = split(answer.text, language)
    letters = [_letters(text) for text in texts]
    if not any(letters):
        letters = [text.strip() for text in texts]
    clock = _Clock(mel)
    runs = _runs("".join(letters), answer.pieces, clock)
    firsts, lasts = [run.first for run in runs], [run.last for run in runs]
    words: list[Word] = []
    place, at = 0, 0
    for text, own in zip(texts, letters, strict=True):
        first, place = place, place + len(own)
        within = runs[bisect_right(lasts, first) : bisect_left(firsts, place)]
        start = clock.start(within[0], first) if within else at
        end = clock.end(within[-1], place) if within else at
        start = max(start, at)
        at = max(end, start)
        words.append(Word(text, start, at, _probability(within)))
    return words


def split(text: str, language: str) -> list[str]:
    """The words, each with the space before it; the first has one where the language writes them.

    In languages that are written without spaces each character is a word, with the marks and the
    closing punctuation that belong to it; words of other scripts among them stay whole.
    """
    if language not in UNSPACED:
        return [f" {word}" for word in text.split()]
    words: list[str] = []
    for before, letter in pairwise(f" {text}"):
        if letter.isspace():
            continue
        if words and not before.isspace() and _goes_on(before, letter):
            words[-1] += letter
        else:
            words.append(f" {letter}" if words and before.isspace() else letter)
    return words


def _goes_on(before: str, letter: str) -> bool:
    kind = unicodedata.category(letter)
    if kind[0] == "M" or (kind[0] == "P" and kind not in ("Ps", "Pi")):
        return True
    if unicodedata.category(before) in ("Ps", "Pi"):
        return True
    return ord(before) < _SPACED_SCRIPTS and ord(letter) < _SPACED_SCRIPTS


def _letters(text: str) -> str:
    """What of it is said: letters, their marks, numbers."""
    return "".join(letter for letter in text if unicodedata.category(letter)[0] in "LMN")


def _runs(letters: str, pieces: Sequence[Timed], clock: _Clock) -> list[_Run]:
    """All letters in runs, one after the other; between pieces that were found time is shared."""
    runs: list[_Run] = []
    place, at = 0, clock.first
    for piece in pieces:
        own = _letters(piece.text) or "".join(piece.text.split())
        found = letters.find(own, place, place + REACH + len(own)) if own else -1
        if found < 0:
            continue
        start = max(clock.frame(piece.start), at if runs else 0)
        end = max(clock.frame(piece.end), start)
        if found > place:
            runs.append(_Run(place, found, min(at, start), start))
        place, at = found + len(own), end
        runs.append(_Run(found, place, start, end, piece.probability))
    if place < len(letters):
        runs.append(_Run(place, len(letters), at, max(clock.last, at)))
    return runs


def _probability(runs: Sequence[_Run]) -> float:
    told = [run.probability for run in runs if run.probability is not None]
    return sum(told) / len(told) if told else USUAL


class _Clock:
    """Letters → frames of one window."""

    def __init__(self, mel: Mel) -> None:
        loudness = mel.max(axis=1)
        sounds = loudness > loudness.max() - QUIET
        places = np.flatnonzero(sounds)
        self.first, self.last = int(places[0]), int(places[-1]) + 1
        """Of the frames with sound; the frame after the last one."""
        self._frames = len(mel)
        self._heard: NDArray[np.int64] = np.concatenate([[0], np.cumsum(sounds)])
        """int64[n + 1]: frames with sound before each."""

    def frame(self, seconds: float) -> int:
        """The nearest one of the window."""
        return round(min(max(seconds * FRAMES_PER_SECOND, 0.0), float(self._frames)))

    def start(self, run: _Run, letter: int) -> int:
        """Where a word begins that begins with this letter, or before the run."""
        if letter <= run.first:
            return run.start
        return int(np.searchsorted(self._heard, self._sound(run, letter), "right")) - 1

    def end(self, run: _Run, letter: int) -> int:
        """Where a word ends that ends before this letter, or after the run."""
        if letter >= run.last:
            return run.end
        return int(np.searchsorted(self._heard, self._sound(run, letter), "left"))

    def _sound(self, run: _Run, letter: int) -> float:
        """Frames with sound before the letter: as many of the run's as it has letters before."""
        before, after = self._heard[run.start], self._heard[run.end]
        return float(before + (after - before) * (letter - run.first) / (run.last - run.first))
