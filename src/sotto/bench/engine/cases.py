"""Which windows an engine is given, so that all engines decode the same number of tokens.

A checkpoint of `make-shape` says a word, which is a token, for each third of a second in which it
is loud; so a hum of k thirds of a second at the start of a window is k words, whoever decodes it. A
checkpoint that hears real speech is given real speech, and says what it will.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import TypeAlias

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, SAMPLE_RATE, Samples, seconds
from sotto.bench.clips import spectrogram
from sotto.interfaces.engine import DecodeJob, Priority, Traits
from sotto.transcript.options import DecodeOptions

RATE = 3
"""Words that a made-up checkpoint says in a second."""
PITCH = 120.0
"""Hertz, of a voice that hums."""
HARMONICS = 8
LOUDNESS = 0.2


@dataclass(frozen=True)
class Case:
    """Windows of one length."""

    name: str
    frames: int
    words: tuple[int, ...]
    """How many are said in each, in turn."""
    about: str
    """For people."""

    @property
    def mean(self) -> float:
        """Words of a window."""
        return sum(self.words) / len(self.words)

    @property
    def is_even(self) -> bool:
        """Whether all windows say as many words."""
        return len(set(self.words)) == 1

    @property
    def few(self) -> Case:
        """The same windows, in which a single word is said."""
        return replace(self, words=(1,))


CASES = {
    case.name: case
    for case in (
        Case("look", 304, (9,), "windows of 3 s, as an open utterance has them; 9 words in each"),
        Case("file", 3_000, (90,), "windows of 30 s, as a long file has them; 90 words in each"),
        Case("mixed", 1_008, tuple(range(1, 31)), "windows of 10 s, with 1 to 30 words"),
    )
}

Sound: TypeAlias = Callable[[int, int], Samples]
"""So many frames, in which so many words are said."""


def hum(frames: int, words: int) -> Samples:
    """Loud for so many words at the start, and then silent."""
    time = np.arange(frames * HOP) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * PITCH * k * time) / k for k in range(1, HARMONICS + 1))
    loud: Samples = (LOUDNESS * voice * (time < words / RATE)).astype(np.float32)
    return loud


def speech(samples: Samples) -> Sound:
    """Real speech, again and again, for as long as so many words might take; then silence."""

    def sound(frames: int, words: int) -> Samples:
        length = frames * HOP
        whole = np.resize(samples, length)
        whole[min(round(words / RATE * SAMPLE_RATE), length) :] = 0.0
        return whole

    return sound


@dataclass(frozen=True)
class Jobs:
    """Makes the jobs of cases for a checkpoint."""

    traits: Traits
    sound: Sound
    options: DecodeOptions

    def of(self, case: Case, count: int) -> list[DecodeJob]:
        """So many windows, the first ones of the case again after its last one."""
        mels = {words: self._mel(case.frames, words) for words in set(case.words)}
        languages = self.traits.languages
        language = "en" if "en" in languages else languages[0]  # fixed, as in most looks
        return [
            DecodeJob(
                id=number,
                mel=mels[words],
                options=self.options,
                priority=Priority.FINAL,  # for which all room is there
                language=language,
            )
            for number, words in enumerate(islice(cycle(case.words), count))
        ]

    def _mel(self, frames: int, words: int) -> Mel:
        return spectrogram(self.sound(frames, words), self.traits.n_mels)[:frames]


def described(cases: Sequence[Case]) -> list[str]:
    """A line for each."""
    return [f"{case.name}: {case.about} ({seconds(case.frames):g} s)" for case in cases]
