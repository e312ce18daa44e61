"""What a turn machine wants done, and what it knows of a turn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sotto.dialogue.events import Reason
from sotto.dialogue.hearing import TurnEvent


@dataclass(frozen=True)
class Start:
    """Answer the conversation."""


@dataclass(frozen=True)
class Hold:
    """The answer's sound pauses."""


@dataclass(frozen=True)
class Resume:
    """It goes on."""


@dataclass(frozen=True)
class Interrupt:
    """The answer, and what of its sound was not played, are over."""

    reason: Reason = Reason.TURN


@dataclass(frozen=True)
class PassOn:
    """Tell it."""

    event: TurnEvent


@dataclass(frozen=True)
class Drop:
    """Nothing was meant by this turn; nothing was told of it."""

    item: str


@dataclass(frozen=True)
class TimeOut:
    """Nobody spoke for long: answer once more. Frames."""

    start: int
    end: int


Action: TypeAlias = Start | Hold | Resume | Interrupt | PassOn | Drop | TimeOut


class State(StrEnum):
    """Whose turn it is."""

    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    HELD = "held"


@dataclass
class OpenTurn:
    """One that is not complete."""

    speech: int
    """The frame where it begins."""
    is_kept: bool
    """Whether what is heard of it is kept back."""
    needs_word: bool
    """Whether it may be the answer's own echo."""
    stopped: int | None = None
    text: str = ""
