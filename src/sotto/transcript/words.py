"""Words, segments and transcripts. All times are frames, 100 a second."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from sotto.audio.format import seconds


@dataclass(frozen=True)
class Word:
    """One word as it was heard."""

    text: str
    """With its leading space where the language writes one, and its punctuation."""
    start: int
    """Frames since the session began."""
    end: int
    """The frame after the word's last one."""
    probability: float
    """Mean probability of its tokens, 0..1."""


def join(words: tuple[Word, ...] | list[Word]) -> str:
    """The words as running text, without the outer spaces."""
    return "".join(word.text for word in words).strip()


@dataclass(frozen=True)
class Segment:
    """One utterance, or one sentence-long piece of a file; it never changes again."""

    id: int
    """Counts from 0 in its session."""
    start: int
    """Frame at which its sound begins."""
    end: int
    """The frame after its last one."""
    words: tuple[Word, ...]
    language: str
    """Whisper's code, as `en`."""
    language_probability: float = 1.0
    avg_logprob: float = 0.0
    """Mean natural log-probability of its tokens."""
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0
    temperature: float = 0.0
    tokens: tuple[int, ...] = ()
    """The checkpoint's own token ids."""

    @property
    def text(self) -> str:
        """Running text, without the outer spaces."""
        return join(self.words)


@dataclass(frozen=True)
class Transcript:
    """All that was said in one recording or session."""

    segments: tuple[Segment, ...]
    language: str
    duration: int
    """Frames of sound that were heard, speech or not."""
    task: str = "transcribe"

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments."""
        return tuple(chain.from_iterable(segment.words for segment in self.segments))

    @property
    def text(self) -> str:
        """Running text of all segments."""
        return " ".join(filter(None, (segment.text for segment in self.segments)))

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return seconds(self.duration)
