"""What a session tells its listener. Times are frames since the session began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sotto.transcript.words import Segment, Word


@dataclass(frozen=True)
class SpeechStarted:
    """Somebody began to speak."""

    utterance: int
    """Counts from 0; `Final.segment.id` of what comes out of it."""
    at: int


@dataclass(frozen=True)
class Committed:
    """Words that will never change again; the whole stream of them only grows."""

    utterance: int
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Partial:
    """The words after the committed ones, as they look now; each replaces the one before."""

    utterance: int
    words: tuple[Word, ...]
    until: int
    """The frame up to which sound was heard for this."""


@dataclass(frozen=True)
class SpeechEnded:
    """The utterance is over; its final follows."""

    utterance: int
    at: int


@dataclass(frozen=True)
class Final:
    """An utterance, complete. All of its words were committed before."""

    segment: Segment


@dataclass(frozen=True)
class Acknowledged:
    """All finals up to this frame are stored; the client may forget its audio before it."""

    until: int


@dataclass(frozen=True)
class Warned:
    """Something that the listener should know and that stops nothing."""

    code: str
    message: str


Event: TypeAlias = SpeechStarted | Committed | Partial | SpeechEnded | Final | Acknowledged | Warned
