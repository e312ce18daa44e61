"""An engine whose answers can be told by hand: its sound is written, not spoken.

`speak` writes mel in which each frame says what is heard in it. Four bands carry that, as numbers
that float16 holds exactly; the others are 0:

    band 0   the word's number in VOCABULARY, from 1; 0 is silence
    band 1   how many frames of the word came before this one
    band 2   the word's length in frames, at most 2048
    band 3   the language's number in LANGUAGES, from 1
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sotto.audio.chunk import Mel, MelChunk
from sotto.errors import BadOption, EngineFailed, UnknownLanguage
from sotto.interfaces.engine import DecodeJob, HeardWord, Hypothesis, Traits
from sotto.transcript.languages import LANGUAGES
from sotto.transcript.options import AudioContext, Task
from sotto.transcript.words import Word

# fmt: off
VOCABULARY = (
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india",
    "juliett", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra",
    "tango", "uniform", "victor", "whiskey", "xray", "yankee", "zulu",
)
# fmt: on
WHOLE = 0.95
"""Probability of a word that lies in the window from its first frame to its last."""
FRAGMENT = 0.3
"""Probability of a word that the window's edge cuts: some of its letters are heard."""
HEARABLE = 0.25
"""Share of a word below which nothing of it is heard."""

_CODES = tuple(LANGUAGES)
_LETTERS = 100  # a token is the word's number + 100 × the letters kept, 0 for all of them,
_FROM_BACK = 5_000  # + 5000 if they are the last ones


def speak(
    words: Iterable[tuple[str, int, int]],
    length: int,
    *,
    language: str = "en",
    n_mels: int = 80,
) -> MelChunk:
    """`length` frames from frame 0 on, with words (of VOCABULARY) from a frame to before another.

    The probability of speech is 1 in words and 0 elsewhere.
    """
    mel = np.zeros((length, n_mels), np.float32)
    for text, start, end in words:
        mel[start:end, 0] = VOCABULARY.index(text) + 1
        mel[start:end, 1] = np.arange(end - start)
        mel[start:end, 2] = end - start
        mel[start:end, 3] = _CODES.index(language) + 1
    return MelChunk(0, mel, (mel[:, 0] > 0).astype(np.float32))


def broken(length: int, *, n_mels: int = 80) -> MelChunk:
    """Sound on which an OracleEngine fails, and with it the whole batch."""
    mel = np.full((length, n_mels), np.nan, np.float32)
    return MelChunk(0, mel, np.ones(length, np.float32))


class OracleEngine:
    """Hears what `speak` wrote, exactly; of words that the window cuts only a part.

    Where it `stops`, it ends at a job's `stop_at`, with as many letters as it heard of the word by
    then; and it is as sure of them as of whole words.
    """

    def __init__(self, traits: Traits | None = None, *, stops: bool = False) -> None:
        self._traits = traits or Traits(audio_context=AudioContext.EXACT)
        self._stops = stops
        self.batches: list[tuple[DecodeJob, ...]] = []
        """What `decode` was given, call by call."""
        self.closed = False

    @property
    def traits(self) -> Traits:
        """What it was made with; by default English, exact, without `translate`."""
        return self._traits

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """What is written. Raises EngineFailed on `broken` sound or when closed, or BadOption."""
        self.batches.append(tuple(jobs))
        if self.closed:
            raise EngineFailed("expected an open engine, got a closed one")
        for job in jobs:
            self._check(job)
        return [self._hear(job) for job in jobs]

    def close(self) -> None:
        """Refuse to decode from now on."""
        self.closed = True

    def _check(self, job: DecodeJob) -> None:
        if job.options.task is Task.TRANSLATE and not self._traits.translates:
            raise BadOption("task", "expected transcribe, got translate")
        if not self._possible(job):
            given = job.language or job.options.language or ", ".join(job.options.candidates)
            raise UnknownLanguage(given, f"one of {', '.join(self._traits.languages)}")
        if not np.isfinite(job.mel).all():
            raise EngineFailed("expected finite mel, got NaN")

    def _possible(self, job: DecodeJob) -> list[str]:
        fixed = job.language or job.options.language
        wanted = (fixed,) if fixed else job.options.candidates or self._traits.languages
        return [code for code in self._traits.languages if code in wanted]

    def _hear(self, job: DecodeJob) -> Hypothesis:
        seen = _read(job.mel)
        there = tuple(heard for word in seen if (heard := word.heard()))
        forced = tuple(
            _forced(token, there[index] if index < len(there) else None, len(job.mel))
            for index, token in enumerate(job.prefix)
        )
        tail, whole = _until(job.stop_at if self._stops else None, there[len(forced) :])
        language, probability = self._detect(job, seen)
        logprobs = [math.log(heard.word.probability) for heard in tail] + [0.0] * whole
        return Hypothesis(
            job=job.id,
            words=forced + tail,
            prefix_words=len(forced),
            language=language,
            language_probability=probability,
            avg_logprob=sum(logprobs) / len(logprobs),
            no_speech_prob=0.01 if there else 0.9,
            audio_context=job.audio_context
            or job.options.audio_context
            or self._traits.audio_context,
            temperature=job.options.temperature,
            is_whole=whole,
        )

    def _detect(self, job: DecodeJob, seen: list[_Seen]) -> tuple[str, float]:
        """The first word's language, and 0.9; where there is none, the likely one, and 0.3."""
        possible = self._possible(job)
        if len(possible) == 1:
            return possible[0], 1.0
        spoken = [word.language for word in seen if word.language in possible]
        if spoken:
            return spoken[0], 0.9
        likely = job.likely_language
        return (likely if likely in possible else possible[0]), 0.3


@dataclass(frozen=True)
class _Seen:
    """What of a word lies in a window."""

    number: int
    language: str
    start: int
    end: int
    skipped: int
    """Frames of it before the window."""
    length: int

    def heard(self) -> HeardWord | None:
        """The word or its fragment; None where too little of it is there."""
        share = (self.end - self.start) / self.length
        if share < HEARABLE:
            return None
        token = self.number
        if share < 1:
            word = VOCABULARY[self.number - 1]
            token += _LETTERS * min(max(round(share * len(word)), 1), len(word) - 1)
            token += _FROM_BACK if self.skipped else 0
        probability = WHOLE if share == 1 else FRAGMENT
        return HeardWord(Word(_text(token), self.start, self.end, probability), (token,))


def _read(mel: Mel) -> list[_Seen]:
    origin = np.arange(len(mel)) - mel[:, 1]
    changed = np.diff(mel[:, 0], prepend=0) != 0
    changed |= np.diff(origin, prepend=origin[0]) != 0  # the same word again, without a gap
    spoken = mel[:, 0] > 0
    starts = np.flatnonzero(changed & spoken)
    ends = np.flatnonzero(np.append(changed[1:], True) & spoken) + 1
    return [
        _Seen(
            number=int(mel[start, 0]),
            language=_CODES[int(mel[start, 3]) - 1],
            start=int(start),
            end=int(end),
            skipped=int(mel[start, 1]),
            length=int(mel[start, 2]),
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def _until(stop_at: int | None, tail: tuple[HeardWord, ...]) -> tuple[tuple[HeardWord, ...], bool]:
    """The words up to the one that is heard at that frame or later; whether there is no such word.

    What is left of that one ends right there, so that nothing but its place tells of the cut.
    """
    for place, heard in enumerate(tail):
        if stop_at is not None and heard.end > stop_at:
            return (*tail[:place], _half(heard, stop_at)), False
    return tail, True


def _half(heard: HeardWord, end: int) -> HeardWord:
    (token,) = heard.tokens
    word = heard.word
    if token < _FROM_BACK:
        letters = len(_text(token)) - 1
        share = (end - word.start) / (word.end - word.start)
        kept = max(round(share * letters), 1)
        if kept < letters:
            token = token % _LETTERS + _LETTERS * kept
    word = replace(word, text=_text(token), end=max(min(end, word.end), word.start))
    return HeardWord(word, (token,))


def _text(token: int) -> str:
    word = VOCABULARY[token % _LETTERS - 1]
    letters = token % _FROM_BACK // _LETTERS
    if not letters:
        return f" {word}"
    return f" {word[-letters:] if token >= _FROM_BACK else word[:letters]}"


def _forced(token: int, heard: HeardWord | None, frames: int) -> HeardWord:
    """A word of the forced prefix, at the place of the word that is really there."""
    start, end = (heard.word.start, heard.word.end) if heard else (frames, frames)
    probability = WHOLE if heard and heard.tokens == (token,) else FRAGMENT
    return HeardWord(Word(_text(token), start, end, probability), (token,))
