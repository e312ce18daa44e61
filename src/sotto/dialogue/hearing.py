"""What is heard of a user, turn by turn. Frames are counted from the session's first sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sotto.transcript.words import Word


@dataclass(frozen=True)
class TurnBegan:
    """Somebody began to speak."""

    item: str
    at: int
    """With what is kept from before."""
    speech: int | None = None
    """Where the speech itself begins; None: nobody knows, then it counts from when it was told."""


@dataclass(frozen=True)
class TurnStopped:
    """The end of a turn was found."""

    item: str
    at: int


@dataclass(frozen=True)
class TurnCommitted:
    """A turn is over, and an item of the conversation; its words may still come."""

    item: str
    previous: str | None
    """The item before it."""


@dataclass(frozen=True)
class TurnWords:
    """Words that never change again."""

    item: str
    text: str
    """Follows what was told of the item."""
    words: tuple[Word, ...]


@dataclass(frozen=True)
class TurnComplete:
    """All that was said in a turn."""

    item: str
    text: str
    """Empty where nothing was."""
    length: int
    """Frames."""
    words: tuple[Word, ...]
    language: str = ""
    """As Whisper names it; empty where nobody knows."""


TurnEvent: TypeAlias = TurnBegan | TurnStopped | TurnCommitted | TurnWords | TurnComplete
