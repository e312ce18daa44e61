"""What a client of OpenAI Realtime says. No I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from sotto.errors import BadOption
from sotto.transports.realtime.events import BadEvent, BadValue, Json, parse_object
from sotto.transports.realtime.item_shapes import (
    MAX_INPUT,
    GivenItem,
    Id,
    Reference,
    parse_input,
    parse_item,
)
from sotto.transports.realtime.understood import Answering, Part, understood

MAX_EVENT_ID = 512
"""Characters that OpenAI takes as well."""
MAX_METADATA, MAX_KEY, MAX_VALUE = 16, 64, 512
"""Pairs, and characters of each half; OpenAI's bounds."""
MAX_MS = 24 * 3600 * 1_000
"""Of sound in one item."""

EventId: TypeAlias = str | None


@dataclass(frozen=True)
class Append:
    """Sound for the buffer."""

    audio: bytes
    event_id: EventId = None


@dataclass(frozen=True)
class Commit:
    """The turn is over here."""

    event_id: EventId = None


@dataclass(frozen=True)
class Clear:
    """Forget what was not committed."""

    event_id: EventId = None


@dataclass(frozen=True)
class Update:
    """Change the session."""

    fragment: Json
    beta: bool
    """Whether it came as `transcription_session.update`, which the beta alone has."""
    event_id: EventId = None


@dataclass(frozen=True)
class Create:
    """Put an item into the conversation."""

    item: GivenItem
    after: str | None
    """The item before it; None: at the end."""
    event_id: EventId = None


@dataclass(frozen=True)
class Delete:
    """Take an item out of it."""

    item: str
    event_id: EventId = None


@dataclass(frozen=True)
class Retrieve:
    """Tell an item as it is."""

    item: str
    event_id: EventId = None


@dataclass(frozen=True)
class Truncate:
    """No more of an answer was heard."""

    item: str
    content: int
    audio_end_ms: int
    event_id: EventId = None


@dataclass(frozen=True)
class Respond:
    """Give an answer."""

    wanted: Wanted
    input: tuple[GivenItem | Reference, ...] | None
    """What is answered; None: the conversation."""
    event_id: EventId = None


@dataclass(frozen=True)
class Cancel:
    """Give it no more."""

    response: str | None
    """None: whichever is being given."""
    event_id: EventId = None


@dataclass(frozen=True)
class Silence:
    """Play nothing more of what waits; where it is the server that plays."""

    event_id: EventId = None


Asking: TypeAlias = Create | Delete | Retrieve | Truncate | Respond | Cancel | Silence
"""What concerns conversations alone."""
ClientEvent: TypeAlias = Append | Commit | Clear | Update | Asking


Pair = Annotated[str, Field(max_length=MAX_VALUE)]
Key = Annotated[str, Field(max_length=MAX_KEY)]


class Wanted(Answering):
    """An answer that is asked for."""

    conversation: Annotated[
        Literal["auto", "none"], BeforeValidator(lambda value: "auto" if value is None else value)
    ] = "auto"
    metadata: Annotated[dict[Key, Pair], Field(max_length=MAX_METADATA)] | None = None


class _Place(Part):
    item_id: Id


class _Cut(_Place):
    content_index: Annotated[int, Field(ge=0, le=100)] = 0
    audio_end_ms: Annotated[int, Field(ge=0, le=MAX_MS)]


class _Cancel(Part):
    response_id: Id | None = None


class _Create(Part):
    previous_item_id: Id | None = None


def parse_event(message: str | bytes) -> ClientEvent:
    """What a client says. Raises BadEvent."""
    if isinstance(message, bytes):
        raise BadEvent("", "expected events as text, got a binary message")
    event = parse_object(message)
    kind, event_id = event.get("type"), id_of(event)
    if not isinstance(kind, str) or kind not in _PARSERS:
        shown = kind[:100] if isinstance(kind, str) else type(kind).__name__
        raise BadEvent("type", f"expected a type of client event, got {shown!r}", event_id)
    try:
        return _PARSERS[kind](event, event_id)
    except BadEvent:
        raise
    except BadOption as error:
        raise BadValue(error.param, error.message, event_id) from error


def id_of(event: Json) -> EventId:
    """What the client calls it."""
    given = event.get("event_id")
    return given if isinstance(given, str) and len(given) <= MAX_EVENT_ID else None


def parse_append(event: Json, event_id: EventId) -> Append:
    """Raises BadEvent where it has no sound."""
    given = event.get("audio")
    if isinstance(given, str):
        try:
            return Append(base64.b64decode(given, validate=True), event_id)
        except (binascii.Error, ValueError):
            pass
    raise BadEvent("audio", "expected audio to be base64, got something else", event_id)


def _update(event: Json, event_id: EventId, *, beta: bool) -> Update:
    fragment = event.get("session")
    if not isinstance(fragment, dict):
        raise BadEvent("session", "expected session to be an object", event_id)
    return Update(fragment, beta, event_id)


def _create(event: Json, event_id: EventId) -> Create:
    after = understood(_Create, event, "event").previous_item_id
    return Create(parse_item(event.get("item"), "item"), after, event_id)


def _truncate(event: Json, event_id: EventId) -> Truncate:
    cut = understood(_Cut, event, "event")
    return Truncate(cut.item_id, cut.content_index, cut.audio_end_ms, event_id)


def _respond(event: Json, event_id: EventId) -> Respond:
    given: Any = event.get("response")
    if not isinstance(given, dict | None):
        raise BadEvent("response", "expected response to be an object", event_id)
    wanted = understood(Wanted, given or {}, "response")
    return Respond(wanted, _input((given or {}).get("input")), event_id)


def _input(given: object) -> tuple[GivenItem | Reference, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) > MAX_INPUT:
        raise BadOption(
            "response.input", f"expected response.input to be a list of at most {MAX_INPUT} items"
        )
    return tuple(parse_input(each, f"response.input.{i}") for i, each in enumerate(given))


def _item_id(event: Json) -> str:
    return understood(_Place, event, "event").item_id


_PARSERS: dict[str, Callable[[Json, EventId], ClientEvent]] = {
    "input_audio_buffer.append": parse_append,
    "input_audio_buffer.commit": lambda event, event_id: Commit(event_id),
    "input_audio_buffer.clear": lambda event, event_id: Clear(event_id),
    "session.update": partial(_update, beta=False),
    "transcription_session.update": partial(_update, beta=True),
    "conversation.item.create": _create,
    "conversation.item.delete": lambda event, event_id: Delete(_item_id(event), event_id),
    "conversation.item.retrieve": lambda event, event_id: Retrieve(_item_id(event), event_id),
    "conversation.item.truncate": _truncate,
    "response.create": _respond,
    "response.cancel": lambda event, event_id: Cancel(
        understood(_Cancel, event, "event").response_id, event_id
    ),
    "output_audio_buffer.clear": lambda event, event_id: Silence(event_id),
}
