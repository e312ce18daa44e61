"""One utterance on its way from open to final."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sotto.interfaces.engine import HeardWord, Hypothesis
from sotto.streaming.guards import compression_ratio
from sotto.streaming.policies import Tail
from sotto.transcript.options import AudioContext
from sotto.transcript.words import Segment, Word, join

NOTHING_MORE = Hypothesis(0, (), 0, "", 1.0, 0.0, 0.0, AudioContext.EXACT)
"""Stands for the decode of a window in which no sound was left."""

HISTORY = 4
"""Hypotheses that are kept for the policies."""


@dataclass
class Utterance:
    """Frames are on the session's clock."""

    id: int
    start: int
    window_start: int
    """Where the next decode begins; moves only under a policy that slides."""
    end: int | None = None
    """None while it is open."""
    missing: int = 0
    """Frames of silence that its last window needs behind `end`."""
    language: str | None = None
    """Once it is known."""
    committed: list[Word] = field(default_factory=list)
    prefix: tuple[int, ...] = ()
    """Tokens of the committed words that lie in the window."""
    tokens: tuple[int, ...] = ()
    """Tokens of all committed words."""
    left: str = ""
    """Committed text that the window has left behind."""
    history: list[Tail] = field(default_factory=list)
    shown: tuple[Word, ...] = ()
    """The unstable words that the listener saw last."""
    told: int = 0
    """The frame up to which words were heard last that are committed or shown, but for one that
    may be half."""
    seen: int = 0
    """The frame up to which it was decoded, or is being decoded."""
    paused: int | None = None
    """Where its window ended, if it was looked at in a pause last."""
    early: Hypothesis | None = None
    """What was heard then, if nothing was heard since: its final, if it ends there."""
    final: Segment | None = None
    held: tuple[Word, ...] = ()
    """Its last words, until its turn to be told."""

    def hear(self, tail: Iterable[HeardWord], offset: int, *, whole: bool = True) -> Tail:
        """A tail on the session's clock, its times after those of the committed words."""
        heard: list[HeardWord] = []
        at = self.committed[-1].end if self.committed else max(self.start, 0)
        for item in tail:
            start = max(item.word.start + offset, at)
            at = max(item.word.end + offset, start)
            heard.append(replace(item, word=replace(item.word, start=start, end=at)))
        self.history = [*self.history[1 - HISTORY :], tuple(heard)]
        ends = [item.end for item in (heard if whole else heard[:-1])]
        self.told = max(ends, default=self.told)
        return tuple(heard)

    def own(self, tail: Tail, *, whole: bool) -> int:
        """How many words of the tail are its own, and whole.

        It may have been cut since it asked for them; and the last word of a hypothesis that is not
        whole may be half.
        """
        settled = tail if whole else tail[:-1]
        return sum(1 for heard in settled if self.end is None or heard.word.end <= self.end)

    def commit(self, count: int) -> tuple[Word, ...]:
        """Make the first words of the newest tail final, and forget them in the older ones."""
        safe = self.history[-1][:count]
        self.committed.extend(heard.word for heard in safe)
        tokens = tuple(token for heard in safe for token in heard.tokens)
        self.prefix += tokens
        self.tokens += tokens
        self.history = [tail[count:] for tail in self.history]
        return tuple(heard.word for heard in safe)

    def slide(self, window_end: int, overlap: int) -> None:
        """Move the window on, to no later than the first word that is not committed."""
        tail = self.history[-1]
        start = window_end - overlap
        if tail and tail[0].word.start > self.window_start:
            start = min(start, tail[0].word.start)
        if self.committed:
            start = max(start, self.committed[-1].end)
        self.window_start = min(max(start, self.window_start), window_end)
        self.left = "".join(word.text for word in self.committed)
        self.seen = self.window_start
        self.prefix = ()
        self.history = []

    @property
    def is_heard(self) -> bool:
        """Whether it ended where it was looked at in a pause: no more is to be decoded."""
        return self.early is not None and self.end == self.paused and not self.missing

    def close(self, hypothesis: Hypothesis | None, language: str) -> None:
        """Make the final of the committed words; without a hypothesis where none was needed."""
        assert self.end is not None
        heard = hypothesis or NOTHING_MORE
        self.final = Segment(
            id=self.id,
            start=max(self.start, 0),
            end=self.end,
            words=tuple(self.committed),
            language=self.language or language,
            language_probability=heard.language_probability,
            avg_logprob=heard.avg_logprob,
            no_speech_prob=heard.no_speech_prob,
            compression_ratio=compression_ratio(join(self.committed)),
            temperature=heard.temperature,
            tokens=self.tokens,
        )
