"""The recognizer: windows of mel in, hypotheses out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, runtime_checkable

from sotto.audio.chunk import Mel
from sotto.audio.format import WINDOW_FRAMES
from sotto.transcript.options import AudioContext, DecodeOptions
from sotto.transcript.words import Word

BUCKET = 16
"""Frames: windows whose length is a multiple of this need no padding to be batched exactly."""


class Priority(IntEnum):
    """Who goes first; the smaller, the sooner."""

    FINAL = 0
    PARTIAL = 1
    FILE = 2


@dataclass(frozen=True, eq=False)
class DecodeJob:
    """One window to decode, with all that the engine needs to know about it."""

    id: int
    """Unique within its session."""
    mel: Mel
    """float32[n ≤ 3000, n_mels], raw log10."""
    options: DecodeOptions
    priority: Priority
    language: str | None = None
    """Fixed for this job; None: detect, among `options.candidates`."""
    likely_language: str | None = None
    """What was spoken before; taken where detection is not sure."""
    prefix: tuple[int, ...] = ()
    """Tokens of committed words at the window's start: forced, not decoded again."""
    context: str = ""
    """What was said before the window."""
    audio_context: AudioContext | None = None
    """None takes the checkpoint's own."""
    stop_at: int | None = None
    """A frame of the window: an engine that knows where its decoder listens may stop with the first
    token after the prefix for which it listens there or later. None: all that is said is wanted."""
    replaces: bool = False
    """To run instead of the session's job that still waits; not at all if that has begun."""

    def __post_init__(self) -> None:
        if not 0 < len(self.mel) <= WINDOW_FRAMES:
            raise ValueError(f"expected 1 to {WINDOW_FRAMES} frames, got {len(self.mel)}")


@dataclass(frozen=True)
class HeardWord:
    """A word of a hypothesis; its times count from the window's first frame."""

    word: Word
    tokens: tuple[int, ...]

    @property
    def end(self) -> int:
        """Frames since the window began."""
        return self.word.end


@dataclass(frozen=True)
class Hypothesis:
    """What the engine heard in one job's window."""

    job: int
    """The job's id."""
    words: tuple[HeardWord, ...]
    """The forced prefix and what follows it."""
    prefix_words: int
    """How many of the words are the forced prefix."""
    language: str
    language_probability: float
    avg_logprob: float
    """Mean natural log-probability of the decoded tokens, the end token included."""
    no_speech_prob: float
    audio_context: AudioContext
    """What the encoder was given."""
    temperature: float = 0.0
    is_whole: bool = True
    """False: it was ended at the job's `stop_at`, and more may be said in the window.

    Then the token with which it ended is in its last word, if it is text: that word may be half a
    word, and its end is a guess. The words before it are as if the decoder had gone on.
    """

    @property
    def tail(self) -> tuple[HeardWord, ...]:
        """The words after the forced prefix."""
        return self.words[self.prefix_words :]

    @property
    def settled(self) -> tuple[HeardWord, ...]:
        """The tail but for a last word that may be half a word."""
        return self.tail if self.is_whole else self.tail[:-1]


@dataclass(frozen=True)
class Traits:
    """What a loaded checkpoint is, and what it was trained for."""

    n_mels: int = 80
    languages: tuple[str, ...] = ("en",)
    translates: bool = False
    """Whether the task `translate` was trained."""
    audio_context: AudioContext = AudioContext.MARGIN
    """What suits it unless a job says otherwise."""
    takes_context: bool = True
    """Whether text before the window (prompt, hotwords, earlier words) was trained."""
    second_look: bool = True
    """Whether it can be given full 30 s windows when a short one looks suspicious."""
    guard: int = 60
    """Frames before a window's end in which what it hears is not settled: the weaker, the more."""
    sure: float = 0.9
    """Probability from which it means a word."""
    doubt: int = 0
    """The guard for a word of probability 0, if larger; from `sure` down it grows by the root."""
    longest: int = WINDOW_FRAMES
    """Frames of the longest utterance that it was trained on: longer ones are cut before."""
    notice: str = field(default="", compare=False)
    """What its users should know before they rely on it; empty where it is what they expect."""
    revision: str = field(default="", compare=False)
    """Which files these are, for people."""


class Engine(Protocol):
    """One loaded checkpoint. `decode` is called from one thread at a time."""

    @property
    def traits(self) -> Traits:
        """What the checkpoint is."""
        ...

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """One hypothesis for each job, in order; a job's result does not depend on its batch.

        Raises EngineFailed, or BadOption where a job asks for what the checkpoint cannot do.
        """
        ...

    def close(self) -> None:
        """Free the memory; the engine is not used again."""
        ...


@runtime_checkable
class ContinuousEngine(Engine, Protocol):
    """An engine whose jobs join and leave between any two of its steps.

    All calls come from one thread; `decode` only while no job is in it.
    """

    def takes(self, priority: Priority) -> bool:
        """Whether there is room for one job more of that priority."""
        ...

    def join(self, job: DecodeJob) -> None:
        """Take a job in; the next step begins it.

        Raises Overloaded where there is no room for it, and else what `decode` does.
        """
        ...

    def leave(self, job: DecodeJob) -> None:
        """Forget a job: its room is free at once. One that is not in it is no error."""
        ...

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        """Go on with every job that is in, by a token; those that are done, which left.

        Raises EngineFailed; then no job is in any more.
        """
        ...
