"""OpenAI Realtime's events: the client's, read; the server's, made. No I/O.

Two shapes of the same events are spoken: the released one (GA) and the beta's. What is made here
carries no `event_id` yet; whoever sends it adds one.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeAlias

from sotto.audio.format import seconds
from sotto.errors import BadOption, ServerError, SottoError, Unauthorized, UnknownModel
from sotto.transcript.words import Word

Json: TypeAlias = dict[str, Any]

MAX_DEPTH = 20
"""Objects and lists within each other."""
MAX_EVENT_ID = 512
"""Characters that OpenAI takes as well."""
LEAST_LOGPROB = -100.0
"""For a word that the engine holds impossible: JSON has no infinity."""


class Shape(StrEnum):
    """How sessions and items look."""

    GA = "ga"
    """Nested: `audio.input.format` …"""
    BETA = "beta"
    """Flat: `input_audio_format` …"""


# ---- the client's


@dataclass(frozen=True)
class Append:
    """Sound for the buffer."""

    audio: bytes
    event_id: str | None = None


@dataclass(frozen=True)
class Commit:
    """The turn is over here."""

    event_id: str | None = None


@dataclass(frozen=True)
class Clear:
    """Forget what was not committed."""

    event_id: str | None = None


@dataclass(frozen=True)
class Update:
    """Change the session."""

    fragment: Json
    beta: bool
    """Whether it came as `transcription_session.update`, which the beta alone has."""
    event_id: str | None = None


@dataclass(frozen=True)
class Other:
    """What concerns conversations: responses, items, output."""

    type: str
    event_id: str | None = None


ClientEvent: TypeAlias = Append | Commit | Clear | Update | Other

_OF_CONVERSATIONS = ("response.", "conversation.item.", "output_audio_buffer.")


class BadEvent(BadOption):
    """A client's event that is none; the session goes on."""

    code = "invalid_event"

    def __init__(self, param: str, message: str, event_id: str | None = None) -> None:
        super().__init__(param, message)
        self.event_id = event_id


def parse_object(text: str | bytes) -> Json:
    """A JSON object that can be written again. Raises BadEvent."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadEvent("", "expected a JSON object, got something else") from None
    if not isinstance(value, dict):
        raise BadEvent("", f"expected a JSON object, got {type(value).__name__}")
    if _is_deeper(value, MAX_DEPTH):
        raise BadEvent("", f"expected at most {MAX_DEPTH} levels of JSON, got more")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"expected a number of JSON, got {name}")


def _is_deeper(value: object, most: int) -> bool:
    level: list[object] = [value]
    for _ in range(most + 1):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return False
        level = inner
    return True


def parse_event(message: str | bytes) -> ClientEvent:
    """What a client says. Raises BadEvent."""
    if isinstance(message, bytes):
        raise BadEvent("", "expected events as text, got a binary message")
    event = parse_object(message)
    given = event.get("event_id")
    event_id = given if isinstance(given, str) and len(given) <= MAX_EVENT_ID else None
    match event.get("type"):
        case "input_audio_buffer.append":
            return Append(_audio(event.get("audio"), event_id), event_id)
        case "input_audio_buffer.commit":
            return Commit(event_id)
        case "input_audio_buffer.clear":
            return Clear(event_id)
        case "session.update" | "transcription_session.update" as kind:
            fragment = event.get("session")
            if not isinstance(fragment, dict):
                raise BadEvent("session", "expected session to be an object", event_id)
            return Update(fragment, kind != "session.update", event_id)
        case str() as kind if kind.startswith(_OF_CONVERSATIONS):
            return Other(kind[:100], event_id)
        case kind:
            given = kind[:100] if isinstance(kind, str) else type(kind).__name__
            raise BadEvent("type", f"expected a type of client event, got {given!r}", event_id)


def _audio(given: object, event_id: str | None) -> bytes:
    if isinstance(given, str):
        try:
            return base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise BadEvent("audio", "expected audio to be base64, got something else", event_id)


# ---- the server's


def milliseconds(frame: int) -> int:
    """A frame's place since the session's first sound."""
    return round(seconds(frame) * 1_000)


def speech_started(item_id: str, frame: int) -> Json:
    """Somebody began to speak."""
    at = milliseconds(frame)
    return {"type": "input_audio_buffer.speech_started", "audio_start_ms": at, "item_id": item_id}


def speech_stopped(item_id: str, frame: int) -> Json:
    """The server found the end of a turn."""
    at = milliseconds(frame)
    return {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at, "item_id": item_id}


def committed(item_id: str, previous: str | None, shape: Shape) -> list[Json]:
    """A turn is over, and an item of the conversation."""
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    where = {"previous_item_id": previous}
    kinds = ("created",) if shape is Shape.BETA else ("added", "done")
    return [
        {"type": "input_audio_buffer.committed", **where, "item_id": item_id},
        *({"type": f"conversation.item.{kind}", **where, "item": item} for kind in kinds),
    ]


def delta(item_id: str, text: str, words: Sequence[Word] | None) -> Json:
    """Text that follows what was told of the item; `words` where their probabilities are wanted."""
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": text,
        **({} if words is None else {"logprobs": logprobs(words)}),
    }


def completed(item_id: str, text: str, length: int, words: Sequence[Word] | None) -> Json:
    """All of an item's text; `length` in frames."""
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": text,
        "usage": {"type": "duration", "seconds": seconds(length)},
        **({} if words is None else {"logprobs": logprobs(words)}),
    }


def logprobs(words: Sequence[Word]) -> list[Json]:
    """A word stands for a token here: its tokens' mean probability is all that the core tells."""
    return [
        {
            "token": word.text,
            "logprob": round(math.log(word.probability), 4) if word.probability else LEAST_LOGPROB,
            "bytes": list(word.text.encode()),
        }
        for word in words
    ]


def no_conversation(event_id: str | None) -> Json:
    """What a client is told that wants to converse."""
    message = (
        'expected a transcription session ("type": "transcription" in session.update, or '
        "?intent=transcription in the address): this server holds no conversations"
    )
    return failed("conversation_unavailable", message, "session.type", event_id)


def failed(code: str, message: str, param: str | None = None, event_id: str | None = None) -> Json:
    """A request of the client that came to nothing; the session goes on."""
    return _error("invalid_request_error", code, message, param, event_id)


def error_event(error: SottoError, event_id: str | None = None) -> Json:
    """An error as the wire has it."""
    kind = "server_error" if isinstance(error, ServerError) else "invalid_request_error"
    param = (error.param or None) if isinstance(error, BadOption) else None
    match error:
        case Unauthorized():  # Jigasi looks for these words
            return _error(
                kind, "invalid_api_key", f"Incorrect API key: {error.message}", None, None
            )
        case UnknownModel():
            code = "model_not_found"
        case BadEvent():
            code, event_id = error.code, error.event_id
        case BadOption():
            code = "invalid_value"
        case _:
            code = error.code
    return _error(kind, code, error.message, param, event_id)


def _error(kind: str, code: str, message: str, param: str | None, event_id: str | None) -> Json:
    body = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
    return {"type": "error", "error": body}
