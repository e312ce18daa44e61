"""What a conversation tells a program. Messages of `/v1/realtime` → events; no I/O."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from sotto.errors import ServerError

ANSWER_RATE = 24_000
"""Samples a second of all answers, s16le and mono."""
MOST_SAID = 2_000
"""Characters of a server's sentence."""

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Listening:
    """The server took the conversation, or what it is to be like."""

    session: str


@dataclass(frozen=True)
class TurnStarted:
    """You began to speak."""

    item: str
    at: float
    """Seconds since the first sound that was sent."""


@dataclass(frozen=True)
class TurnEnded:
    """You paused: an answer may follow."""

    item: str
    at: float


@dataclass(frozen=True)
class Heard:
    """Words more of a turn; they do not change again."""

    item: str
    text: str


@dataclass(frozen=True)
class Understood:
    """All words of a turn."""

    item: str
    text: str


@dataclass(frozen=True)
class AnswerStarted:
    """An answer is on its way."""

    response: str


@dataclass(frozen=True)
class Says:
    """Words more of an answer; its sound follows them."""

    response: str
    item: str
    text: str


@dataclass(frozen=True)
class Sounds:
    """Sound more of an answer."""

    response: str
    item: str
    pcm: bytes
    """s16le, mono, ANSWER_RATE."""


@dataclass(frozen=True)
class Paused:
    """Somebody speaks: keep what was not played until it goes on, or a turn starts."""

    response: str


@dataclass(frozen=True)
class GoesOn:
    """Nothing was meant: play on."""

    response: str


@dataclass(frozen=True)
class AnswerEnded:
    """No more of it."""

    response: str
    status: str
    """`completed`, `cancelled`, `failed`, `incomplete`."""
    reason: str = ""
    """Why it did not come to its end, as `turn_detected`; or what broke."""


@dataclass(frozen=True)
class Refused:
    """The server could not do what it was asked; the conversation goes on."""

    code: str
    message: str


TalkEvent: TypeAlias = (
    Listening
    | TurnStarted
    | TurnEnded
    | Heard
    | Understood
    | AnswerStarted
    | Says
    | Sounds
    | Paused
    | GoesOn
    | AnswerEnded
    | Refused
)


def parse_talk(message: str | bytes, address: str) -> TalkEvent | None:
    """What the server says; None where it says what nobody here asks for.

    Raises ServerError where it is no message of `/v1/realtime`.
    """
    try:
        said: Any = json.loads(message)
        return _event(said)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ServerError(
            f"expected the messages of /v1/realtime from {address}, got others"
        ) from error


def _event(said: Json) -> TalkEvent | None:
    """Raises KeyError, TypeError, AttributeError, ValueError."""
    match said["type"]:
        case "session.created" | "session.updated":
            return Listening(str(said["session"]["id"]))
        case "input_audio_buffer.speech_started":
            return TurnStarted(str(said["item_id"]), _seconds(said["audio_start_ms"]))
        case "input_audio_buffer.speech_stopped":
            return TurnEnded(str(said["item_id"]), _seconds(said["audio_end_ms"]))
        case "conversation.item.input_audio_transcription.delta":
            return Heard(str(said["item_id"]), str(said["delta"]))
        case "conversation.item.input_audio_transcription.completed":
            return Understood(str(said["item_id"]), str(said["transcript"]))
        case "output_audio_buffer.paused":
            return Paused(str(said["response_id"]))
        case "output_audio_buffer.resumed":
            return GoesOn(str(said["response_id"]))
        case "error":
            error = said["error"]
            return Refused(str(error.get("code")), str(error["message"])[:MOST_SAID])
        case str(kind) if kind.startswith("response."):
            return _of_answer(kind, said)
        case _:
            return None


def _of_answer(kind: str, said: Json) -> TalkEvent | None:
    match kind.removeprefix("response."):
        case "created":
            return AnswerStarted(str(said["response"]["id"]))
        case "output_audio_transcript.delta" | "output_text.delta":
            return Says(str(said["response_id"]), str(said["item_id"]), str(said["delta"]))
        case "output_audio.delta":
            pcm = _decoded(said["delta"])
            return Sounds(str(said["response_id"]), str(said["item_id"]), pcm)
        case "done":
            return _ended(said["response"])
        case _:
            return None


def _ended(response: Json) -> AnswerEnded:
    details = response.get("status_details") or {}
    error = details.get("error") or {}
    why = error.get("message") or details.get("reason") or error.get("code") or ""
    return AnswerEnded(str(response["id"]), str(response["status"]), str(why)[:MOST_SAID])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _seconds(milliseconds: int) -> float:
    return float(milliseconds) / 1_000
