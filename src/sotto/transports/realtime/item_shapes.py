"""Items of a conversation as OpenAI Realtime has them: the client's, read; ours, told. No I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from sotto.dialogue.items import (
    Content,
    FunctionCall,
    FunctionOutput,
    Item,
    Message,
    Speech,
    Status,
    Text,
)
from sotto.errors import BadOption
from sotto.interfaces.chat import Role
from sotto.transports.realtime.events import Json
from sotto.transports.realtime.understood import Part, understood

MAX_ID = 128
"""Characters."""
MAX_TEXT = 200_000
"""Characters of one text, or of what a function is called with or gives."""
MAX_PARTS = 100
"""Of one message."""
MAX_INPUT = 1_000
"""Items that one answer is asked to."""

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Words = Annotated[str, Field(max_length=MAX_TEXT)]
Hear: TypeAlias = Callable[[bytes], Awaitable[str]]
"""Sound in the session's format → what was said."""

_TEXTS = ("input_text", "output_text", "text")
_SOUNDS = ("input_audio", "output_audio", "audio")


def _sound(value: object) -> object:
    """Raises ValueError where it is no base64."""
    if value is None or isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else value
    except (binascii.Error, ValueError):
        raise ValueError("Input should be base64") from None


class GivenContent(Part):
    """Words, or sound, or something that nobody here looks at."""

    type: Annotated[str, Field(max_length=100)]
    text: Words | None = None
    transcript: Words | None = None
    audio: Annotated[bytes | None, BeforeValidator(_sound)] = None

    async def content(self, hear: Hear) -> Content | None:
        """None: an image, which no model here sees. Raises what hearing does."""
        if self.type in _TEXTS:
            return Text(self.text or "")
        if self.type not in _SOUNDS:
            return None
        if self.transcript is None and self.audio:
            return Speech(await hear(self.audio))
        return Speech(self.transcript)


class GivenMessage(Part):
    """What one side is to have said."""

    type: Literal["message"]
    id: Id | None = None
    role: Annotated[Role, Field(strict=False)]
    content: Annotated[tuple[GivenContent, ...], Field(max_length=MAX_PARTS, strict=False)] = ()

    async def item(self, id: str, hear: Hear) -> Item:
        """Raises what hearing does."""
        content = [await each.content(hear) for each in self.content]
        return Message(id, self.role, tuple(each for each in content if each is not None))


class GivenCall(Part):
    """What the model is to have called."""

    type: Literal["function_call"]
    id: Id | None = None
    call_id: Id | None = None
    name: Annotated[str, Field(min_length=1, max_length=128)]
    arguments: Words

    async def item(self, id: str, hear: Hear) -> Item:
        """Where the call has no name of its own, the item's."""
        return FunctionCall(id, self.call_id or id, self.name, self.arguments)


class GivenOutput(Part):
    """What came of a call."""

    type: Literal["function_call_output"]
    id: Id | None = None
    call_id: Id
    output: Words

    async def item(self, id: str, hear: Hear) -> Item:
        """The same, for the model."""
        return FunctionOutput(id, self.call_id, self.output)


class Reference(Part):
    """An item that is there."""

    type: Literal["item_reference"]
    id: Id


GivenItem: TypeAlias = GivenMessage | GivenCall | GivenOutput

_KINDS: dict[str, type[GivenItem | Reference]] = {
    "message": GivenMessage,
    "function_call": GivenCall,
    "function_call_output": GivenOutput,
    "item_reference": Reference,
}


def parse_item(given: object, place: str) -> GivenItem:
    """An item that is not there yet. Raises BadOption; `place` is where it lies in its event."""
    item = parse_input(given, place)
    if isinstance(item, Reference):
        raise BadOption(f"{place}.type", f"expected {place} to be an item, got a reference to one")
    return item


def parse_input(given: object, place: str) -> GivenItem | Reference:
    """An item that is answered. Raises BadOption."""
    if not isinstance(given, dict):
        raise BadOption(place, f"expected {place} to be an object, got {type(given).__name__}")
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        expected = ", ".join(_KINDS)
        shown = kind[:100] if isinstance(kind, str) else type(kind).__name__
        raise BadOption(f"{place}.type", f"expected one of {expected}, got {shown!r}")
    return understood(_KINDS[kind], given, place)


def item_view(item: Item) -> Json:
    """As a client is told; of sound the words alone."""
    plain: Json = {"id": item.id, "object": "realtime.item", "status": item.status}
    match item:
        case Message(_, role, content):
            told = content_views(role, content)
            return {**plain, "type": "message", "role": role, "content": told}
        case FunctionCall(_, call_id, name, arguments):
            called = {"call_id": call_id, "name": name, "arguments": arguments}
            return {**plain, "type": "function_call", **called}
        case FunctionOutput(_, call_id, output):
            return {**plain, "type": "function_call_output", "call_id": call_id, "output": output}


def content_views(role: Role, content: Sequence[Content]) -> list[Json]:
    """Of a message of that side."""
    way = "output" if role is Role.ASSISTANT else "input"
    return [
        {"type": f"{way}_text", "text": each.text}
        if isinstance(each, Text)
        else {"type": f"{way}_audio", "transcript": each.transcript}
        for each in content
    ]


def opened(item: Item) -> Json:
    """An item of which nothing is told yet."""
    view = {**item_view(item), "status": Status.IN_PROGRESS}
    if isinstance(item, Message):
        view["content"] = []
    return view
