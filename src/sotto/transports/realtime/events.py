"""What OpenAI Realtime's events are made of, the client's and the server's, and its errors. No I/O.

Two shapes of the same events are spoken: the released one (GA) and the beta's. What is made here
carries no `event_id` yet; whoever sends it adds one.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, NoReturn, TypeAlias

from sotto.errors import BadOption, ServerError, SottoError, Unauthorized, UnknownModel

Json: TypeAlias = dict[str, Any]

MAX_DEPTH = 20
"""Objects and lists within each other."""


class Shape(StrEnum):
    """How sessions and items look."""

    GA = "ga"
    """Nested: `audio.input.format` …"""
    BETA = "beta"
    """Flat: `input_audio_format` …"""


class BadEvent(BadOption):
    """A client's event that is none; the session goes on."""

    code = "invalid_event"

    def __init__(self, param: str, message: str, event_id: str | None = None) -> None:
        super().__init__(param, message)
        self.event_id = event_id


class BadValue(BadEvent):
    """One of a known type, with something in it that makes no sense."""

    code = "invalid_value"


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
