"""What of a hypothesis will never change again.

- `AlignAtt`: a word is safe as soon as what it was heard from lies far enough from the end of
  the sound. After Papi, Turchi and Negri 2023, "AlignAtt: Using Attention-based Audio-Translation
  Alignments as a Guide for Simultaneous Speech Translation".
- `LocalAgreement`: words are safe on which n hypotheses in a row agree. After Liu, Spanakis and
  Niehues 2020, "Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial
  Hypothesis Selection".
- `Chunked`: windows of a fixed length that overlap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sotto.audio.format import frames
from sotto.interfaces.engine import BUCKET, HeardWord, Traits
from sotto.transcript.options import PolicyName, StreamOptions

Tail: TypeAlias = tuple[HeardWord, ...]
"""The words of one hypothesis after the committed ones, times on the session's clock."""

CADENCE = 2 * BUCKET  # 32 frames of new sound between two looks at an open utterance


class Policy(Protocol):
    """Pure: what it says depends on what it is shown."""

    @property
    def cadence(self) -> int:
        """Frames of new sound before an open utterance is looked at again."""
        ...

    @property
    def overlap(self) -> int | None:
        """Frames that an open utterance's next window shares with the last; None: it grows."""
        ...

    def settled(self, window_end: int) -> int | None:
        """The frame behind which no word is safe unless in a pause; None: any word may count."""
        ...

    def commit(self, history: Sequence[Tail], window_end: int, *, paused: bool = False) -> int:
        """How many words of the newest tail are safe; `history` holds it last.

        `paused`: silence follows, and if it goes on no more will be heard of the utterance.
        """
        ...


@dataclass(frozen=True)
class AlignAtt:
    """Commits at first sight what ends before a guard at the window's end and is sure enough.

    The guard of a word that is not sure is the longer, the less probable the word; and it waits
    until the next hypothesis says the same. A sure word that a pause follows needs no guard.
    """

    guard: int = 60
    """Frames before the window's end in which nothing is safe, however sure."""
    sure: float = 0.9
    """Probability from which a word need not be seen twice."""
    doubt: int = 0
    """The guard of a word of probability 0, if longer; from `sure` down it grows as a root does."""
    cadence: int = CADENCE
    overlap: None = None

    def settled(self, window_end: int) -> int:
        """Where the smallest guard begins."""
        return window_end - self.guard

    def commit(self, history: Sequence[Tail], window_end: int, *, paused: bool = False) -> int:
        """The run of safe words at the tail's beginning."""
        before: Tail = history[-2] if len(history) > 1 else ()
        for index, heard in enumerate(history[-1]):
            probability = heard.word.probability
            said = paused and probability >= self.sure
            if heard.word.end > window_end - self.guard_of(probability) and not said:
                return index
            seen = index < len(before) and _same(before[index], heard)
            if probability < self.sure and not seen:
                return index
        return len(history[-1])

    def guard_of(self, probability: float) -> int:
        """Frames before the window's end in which a word so probable is not safe."""
        if probability >= self.sure:
            return self.guard
        lack = 1 - probability / self.sure
        return self.guard + round(math.sqrt(lack) * max(self.doubt - self.guard, 0))


@dataclass(frozen=True)
class LocalAgreement:
    """Commits the longest prefix that the last n hypotheses share."""

    n: int = 2
    cadence: int = CADENCE
    overlap: None = None

    def settled(self, window_end: int) -> None:
        """Words count wherever they are, if they are said again."""

    def commit(self, history: Sequence[Tail], window_end: int, *, paused: bool = False) -> int:
        """The length of the shared prefix; 0 until there are n hypotheses."""
        if len(history) < self.n:
            return 0
        shared = 0
        for words in zip(*history[-self.n :], strict=False):
            if not all(_same(words[0], other) for other in words[1:]):
                break
            shared += 1
        return shared


@dataclass(frozen=True)
class Chunked:
    """Commits each window at first sight, but for the overlap, where the next one begins."""

    chunk: int = 500
    overlap: int = 50

    @property
    def cadence(self) -> int:
        """A whole chunk of sound each time."""
        return self.chunk

    def settled(self, window_end: int) -> None:
        """Where the next window begins hangs on the first word that is not safe."""

    def commit(self, history: Sequence[Tail], window_end: int, *, paused: bool = False) -> int:
        """The words that end before the overlap."""
        tail = history[-1]
        return sum(1 for heard in tail if heard.word.end <= window_end - self.overlap)


def _same(a: HeardWord, b: HeardWord) -> bool:
    return a.word.text == b.word.text


def make_policy(options: StreamOptions, traits: Traits) -> Policy:
    """The policy that the options name, as it suits a checkpoint."""
    match options.policy:
        case PolicyName.ALIGNATT:
            return AlignAtt(traits.guard, traits.sure, traits.doubt)
        case PolicyName.LOCAL_AGREEMENT:
            return LocalAgreement()
        case PolicyName.CHUNKED:
            return Chunked(frames(options.chunk_duration), frames(options.overlap))
