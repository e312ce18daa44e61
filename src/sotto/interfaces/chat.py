"""A language model that answers: messages in, its words and calls out as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Said:
    """Words of one side."""

    role: Role
    text: str


@dataclass(frozen=True)
class Call:
    """The model wants a function called."""

    id: str
    """As the model named it; its outcome carries the same."""
    name: str
    arguments: str
    """JSON, as the model wrote it: it may be broken."""


@dataclass(frozen=True)
class Outcome:
    """What came of a call."""

    id: str
    output: str


ChatMessage: TypeAlias = Said | Call | Outcome


@dataclass(frozen=True)
class Tool:
    """A function that the model may ask for."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """A JSON Schema."""


ToolChoice: TypeAlias = Literal["auto", "none", "required"]


@dataclass(frozen=True)
class ChatRequest:
    """What an answer is wanted to."""

    messages: tuple[ChatMessage, ...]
    """Oldest first; what the model is told of its task is the first."""
    language: str = ""
    """In which the answer is wanted, as Whisper names it: `en`. Empty: as spoken."""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | Tool = "auto"
    """A Tool: that one."""
    max_tokens: int | None = None


@dataclass(frozen=True)
class Piece:
    """Some words more of the answer."""

    text: str


@dataclass(frozen=True)
class CallPiece:
    """Some more of a call."""

    index: int
    """Which of the answer's calls, from 0."""
    id: str = ""
    """In its first piece."""
    name: str = ""
    """In its first piece."""
    arguments: str = ""
    """Follows what came before."""


class Finish(StrEnum):
    """Why an answer ends."""

    STOP = "stop"
    LENGTH = "length"
    """It reached `max_tokens`."""
    FILTER = "filter"
    """The model's keeper does not let it say more."""


@dataclass(frozen=True)
class Finished:
    """The last piece of every answer."""

    why: Finish = Finish.STOP
    input_tokens: int = 0
    output_tokens: int = 0
    """Both 0 where the model does not say."""


ChatPiece: TypeAlias = Piece | CallPiece | Finished


class ChatModel(Protocol):
    """One model, for all conversations at once; it keeps nothing of any of them."""

    @property
    def name(self) -> str:
        """What logs and clients know it by."""
        ...

    def answer(self, request: ChatRequest) -> AsyncIterator[ChatPiece]:
        """The answer as it comes. An async generator: closing it ends the model's work on it.

        Raises ChatUnavailable, also in the middle: what came until then stands.
        """
        ...

    async def warm_up(self) -> None:
        """One short answer that nobody hears. Raises ChatUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
