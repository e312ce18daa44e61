"""What a conversation is made of: messages, calls of functions, their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sotto.interfaces.chat import Role

OUTPUT_RATE = 24_000
"""Samples a second of all speech that is made, before a client's own format."""


class Status(StrEnum):
    """How far an item is."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    """It was cut: by an interruption, a limit, or an error."""


@dataclass(frozen=True)
class Text:
    """Words that were written."""

    text: str


@dataclass(frozen=True)
class Spoken:
    """One phrase of an answer, and where its sound lies in the answer's."""

    text: str
    start: int
    """Samples at OUTPUT_RATE since the answer's first."""
    end: int
    """The sample after its last."""


@dataclass(frozen=True)
class Speech:
    """Words that were spoken."""

    transcript: str | None = None
    """None: not known yet, or not any more."""
    phrases: tuple[Spoken, ...] = ()
    """Of an answer: which of its words lie where."""


Content: TypeAlias = Text | Speech


@dataclass(frozen=True)
class Message:
    """What one side said."""

    id: str
    role: Role
    content: tuple[Content, ...]
    status: Status = Status.COMPLETED


@dataclass(frozen=True)
class FunctionCall:
    """The model wants a function called; the client does that."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: Status = Status.COMPLETED


@dataclass(frozen=True)
class FunctionOutput:
    """What came of a call."""

    id: str
    call_id: str
    output: str
    status: Status = Status.COMPLETED


Item: TypeAlias = Message | FunctionCall | FunctionOutput
