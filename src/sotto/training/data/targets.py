"""What a decoder is to write for an example, and what it is told before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sotto.training.config import Learning
from sotto.training.data.mixing import Rng
from sotto.training.data.vocabulary import Vocabulary

IGNORED = -100
"""A label that no loss looks at; torch's own number for it."""
MAX_TOKENS = 448
"""Whisper's decoder has no more positions."""
MAX_PROMPT = MAX_TOKENS // 2 - 1


@dataclass(frozen=True)
class Segment:
    """A stretch of text and where in the window it is said, in frames."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Target:
    """Token i + 1 is to be written after tokens 0 to i."""

    tokens: tuple[int, ...]
    """What the decoder reads."""
    labels: tuple[int, ...]
    """What it is to write after each; IGNORED where it does not matter."""
    letters: tuple[int, ...]
    """The text in lower case, byte by byte in UTF-8, for CTC. Of bytes there are few, so that each
    is heard often: from little speech they are learned sooner than pieces of words are."""


@dataclass(frozen=True)
class Writer:
    """Targets as Whisper was trained: Radford et al. 2022, section 2.3."""

    vocabulary: Vocabulary
    learning: Learning

    def target(self, segments: Sequence[Segment], language: str, prompt: str, rng: Rng) -> Target:
        """Of an example; without segments, of one in which nobody speaks."""
        words = self.vocabulary
        if not segments:
            return self._nothing(language)
        text = " ".join(segment.text for segment in segments)
        timed = rng.random() < self.learning.timestamps
        body = self._timed(segments) if timed else [words.no_timestamps, *words.encode(text)]
        before = [words.previous, *words.encode(prompt)[-MAX_PROMPT:]] if prompt else []
        whole = [*before, *words.start(language), *body, words.eot]
        # What stands before and in the prompt is told, not written.
        labels = [IGNORED] * len(before) + whole[len(before) + 1 :]
        return Target(
            tuple(whole[:-1][:MAX_TOKENS]), tuple(labels[:MAX_TOKENS]), tuple(text.lower().encode())
        )

    def _timed(self, segments: Sequence[Segment]) -> list[int]:
        words = self.vocabulary
        tokens = []
        for segment in segments:
            tokens.append(words.timestamp(segment.start))
            tokens += words.encode(segment.text)
            tokens.append(words.timestamp(segment.end))
        return tokens

    def _nothing(self, language: str) -> Target:
        """`<|nospeech|>` at once; and if the rest is forced all the same, the end at once."""
        words = self.vocabulary
        tokens = [*words.start(language), words.no_timestamps]
        labels = [words.no_speech, *[IGNORED] * (len(tokens) - 2), words.eot]
        return Target(tuple(tokens), tuple(labels), ())
