"""What an answer is to be like, and what is to be answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from sotto.dialogue.items import Item
from sotto.interfaces.chat import Tool, ToolChoice


@dataclass(frozen=True)
class Manner:
    """How answers are given, unless one is asked for otherwise."""

    instructions: str = ""
    """What the model is told of its task."""
    speaks: bool = True
    """False: answers are text alone."""
    voice: str = ""
    """Empty, or one that is not known: the language's own."""
    speed: float = 1.0
    language: str = ""
    """In which is answered, as `es`. Empty: as the user speaks."""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | Tool = "auto"
    max_tokens: int | None = None


@dataclass(frozen=True)
class Wishes:
    """How turns are taken."""

    answers: bool = True
    """Whether each turn of the user is answered without being asked."""
    interrupts: bool = True
    """Whether an answer ends where the user speaks into it."""
    holds: bool = False
    """Whether the client can pause an answer, and go on with it where nothing was meant. Those that
    cannot stop it for good at `speech_started`."""
    idle: float | None = None
    """Seconds of silence after an answer, after which the model speaks again unasked."""


@dataclass(frozen=True)
class ResponseRequest:
    """One answer that is wanted."""

    id: str
    manner: Manner
    input: tuple[Item, ...] | None = None
    """What is answered; None: the conversation."""
    is_apart: bool = False
    """Whether it stays out of the conversation."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The client's own; told back."""
