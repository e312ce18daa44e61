"""What a reader of one stream saw, word by word and with times; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from sotto.bench.streams.client import Arrival
from sotto.bench.streams.dialect import (
    Committed,
    Failed,
    Final,
    Observation,
    Over,
    Shown,
    TakenBack,
)
from sotto.training.evaluation.scoring import normalize


@dataclass(frozen=True)
class Commit:
    """A word that the server called certain, normalized."""

    word: str
    at: float
    """Seconds of the client's clock; so all times here."""
    claimed: float | None
    """Where the server says that its sound ends."""


@dataclass(frozen=True)
class Screen:
    """What stood there after one message."""

    at: float
    certain: int
    """Words that were certain by then, of all commits."""
    shown: tuple[str, ...]
    """Those after them, normalized."""


@dataclass(frozen=True)
class Done:
    """A final."""

    at: float
    claimed: float | None
    """Where the server says that the utterance ends."""


@dataclass(frozen=True)
class Heard:
    """All of one stream."""

    commits: tuple[Commit, ...] = ()
    screens: tuple[Screen, ...] = ()
    finals: tuple[Done, ...] = ()
    taken_back: int = 0
    """Words that were called certain, and were not."""


@dataclass
class _Token:
    """A word as it is written; it may come in pieces."""

    text: str
    at: float
    claimed: float | None


@dataclass
class _Listener:
    tokens: list[_Token] = field(default_factory=list)
    shown: str = ""
    finals: list[Done] = field(default_factory=list)
    taken_back: int = 0
    between: bool = True
    """Whether what comes next begins a new word, whatever it begins with."""

    def note(self, at: float, one: Observation) -> None:
        match one:
            case Shown(text):
                self.shown = text
            case Committed():
                self._commit(at, one)
            case Final(end):
                self.finals.append(Done(at, end))
                self.between = True
            case TakenBack(words):
                self.taken_back += words
            case Failed() | Over():
                pass

    def _commit(self, at: float, one: Committed) -> None:
        words = one.text.split()
        ends: Sequence[float | None] = one.ends or [None] * len(words)
        new = [_Token(word, at, end) for word, end in zip(words, ends, strict=True)]
        if new and self.tokens and not self.between and not one.text[0].isspace():
            whole, piece = self.tokens[-1], new.pop(0)
            whole.text += piece.text
            whole.at, whole.claimed = at, piece.claimed
        self.tokens += new
        if one.text:
            self.between = one.text[-1].isspace()


def settled(heard: Heard) -> tuple[Commit, ...]:
    """All words as they stood in the end, certain or not, each with when it came to stay."""
    stood: list[Commit] = []
    certain = 0
    for screen in heard.screens:
        before = stood[certain:]
        new = (
            *heard.commits[certain : screen.certain],
            *(Commit(word, screen.at, None) for word in screen.shown),
        )
        del stood[certain:]
        for place, one in enumerate(new):
            stays = place < len(before) and before[place].word == one.word
            stood.append(before[place] if stays else one)
        certain = screen.certain
    return tuple(stood)


def listen(arrivals: Sequence[Arrival]) -> Heard:
    """Everything that was told, in order."""
    listener = _Listener()
    screens: list[tuple[float, int, str]] = []
    for arrival in arrivals:
        for one in arrival.heard:
            listener.note(arrival.at, one)
        screens.append((arrival.at, len(listener.tokens), listener.shown))
    plain = [normalize(token.text).split() for token in listener.tokens]
    words_until = [0, *accumulate(map(len, plain))]
    return Heard(
        tuple(
            Commit(word, token.at, token.claimed)
            for token, words in zip(listener.tokens, plain, strict=True)
            for word in words
        ),
        tuple(
            Screen(at, words_until[tokens], tuple(normalize(shown).split()))
            for at, tokens, shown in screens
        ),
        tuple(listener.finals),
        listener.taken_back,
    )
