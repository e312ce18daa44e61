"""What a conversation tells its listener, besides the turns of the user."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sotto.dialogue.hearing import TurnEvent
from sotto.dialogue.items import Item
from sotto.dialogue.request import ResponseRequest


@dataclass(frozen=True)
class Place:
    """Where a piece of an answer belongs."""

    generation: int
    """Counts interruptions: what carries an older one is nobody's any more."""
    response: str
    output: int
    """Which of the answer's items, from 0."""
    item: str


class Ending(StrEnum):
    """How an answer ends."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


class Reason(StrEnum):
    """Why it did not come to its end."""

    TURN = "turn_detected"
    """The user spoke into it."""
    CLIENT = "client_cancelled"
    LENGTH = "max_output_tokens"
    FILTER = "content_filter"


@dataclass(frozen=True)
class Usage:
    """What an answer cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    spoken: int = 0
    """Samples at OUTPUT_RATE."""


@dataclass(frozen=True)
class Timing:
    """Seconds from the moment at which the user's turn, or the request, was there. None: it never
    came to that."""

    heard: float | None = None
    """From the end of the user's speech, as the sound came in, to the turn's whole text."""
    first_word: float | None = None
    """To the model's first word."""
    last_word: float | None = None
    first_phrase: float | None = None
    first_sound: float | None = None
    last_sound: float | None = None
    over: float | None = None
    """To the end of the answer, however it ended."""


@dataclass(frozen=True)
class ResponseStarted:
    """An answer is on its way."""

    request: ResponseRequest


@dataclass(frozen=True)
class ItemStarted:
    """Something of an answer follows: a message, or a call."""

    at: Place
    item: Item
    """Empty yet."""
    previous: str | None
    """The item before it in the conversation."""


@dataclass(frozen=True)
class TextDelta:
    """Words more, as the model gave them; of an answer that is spoken they lead its sound."""

    at: Place
    text: str


@dataclass(frozen=True)
class AudioDelta:
    """Sound more."""

    at: Place
    phrase: int
    """Which of the item's phrases, from 0."""
    pcm: bytes
    """s16le, mono, OUTPUT_RATE."""


@dataclass(frozen=True)
class CallDelta:
    """More of a call's arguments."""

    at: Place
    call_id: str
    arguments: str


@dataclass(frozen=True)
class ItemDone:
    """No more of this item."""

    at: Place
    item: Item


@dataclass(frozen=True)
class ResponseDone:
    """The last of every answer."""

    request: ResponseRequest
    ending: Ending
    items: tuple[Item, ...]
    usage: Usage
    timing: Timing
    reason: Reason | None = None
    error: tuple[str, str] | None = None
    """Code and sentence, where it failed."""


@dataclass(frozen=True)
class Held:
    """Somebody speaks: sound is to pause, until Resumed or Cut. Told to clients alone that can
    hold; also before an answer sounds."""

    generation: int


@dataclass(frozen=True)
class Resumed:
    """Nothing was meant: the answer's sound goes on where it paused."""

    generation: int


@dataclass(frozen=True)
class Cut:
    """The user heard so much of an answer; the rest was never said."""

    item: str
    audio_end_ms: int


@dataclass(frozen=True)
class IdleTimeout:
    """Nobody spoke for so long after an answer that another follows, as if to an empty turn."""

    item: str
    """Of the empty turn; it is committed next."""
    start: int
    """Frames: where the silence began."""
    end: int


AnswerEvent: TypeAlias = (
    ResponseStarted | ItemStarted | TextDelta | AudioDelta | CallDelta | ItemDone | ResponseDone
)
TalkEvent: TypeAlias = TurnEvent | AnswerEvent | Held | Resumed | Cut | IdleTimeout
