"""Items as JSON, to be kept and read again years later.

What is kept is what was said and heard, and no sound. Of an answer that was spoken whole it is also
kept which words lay where, since a client may still play it that comes back, and say then how much
of it was heard. Of one that was cut, what was not heard is not kept. What was under way when it was
kept is incomplete when it is read.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sotto.dialogue.items import (
    Content,
    FunctionCall,
    FunctionOutput,
    Item,
    Message,
    Speech,
    Spoken,
    Status,
    Text,
)
from sotto.errors import StoreUnavailable
from sotto.interfaces.chat import Role

VERSION = 1
MOST_CHARACTERS = 1_000_000
"""Of one text."""
MOST_PARTS = 1_000
MOST_PHRASES = 100_000
MOST_SAMPLES = 2**53
"""More than any sound has, and a number that all that reads JSON knows."""

_Name = Annotated[str, Field(max_length=1_000)]
_Words = Annotated[str, Field(max_length=MOST_CHARACTERS)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Text(_Part):
    type: Literal["text"]
    text: _Words


_Sample = Annotated[int, Field(ge=0, le=MOST_SAMPLES)]


class _Speech(_Part):
    type: Literal["speech"]
    transcript: _Words | None
    phrases: Annotated[list[tuple[_Words, _Sample, _Sample]], Field(max_length=MOST_PHRASES)] = []
    """Text, first sample, the sample after its last."""

    def content(self) -> Speech:
        return Speech(self.transcript, tuple(Spoken(*phrase) for phrase in self.phrases))


class _Item(_Part):
    v: Literal[1]
    id: _Name
    status: Literal["completed", "incomplete"]


class _Message(_Item):
    type: Literal["message"]
    role: Literal["system", "user", "assistant"]
    content: Annotated[
        list[Annotated[_Text | _Speech, Field(discriminator="type")]], Field(max_length=MOST_PARTS)
    ]


class _Call(_Item):
    type: Literal["call"]
    call_id: _Name
    name: _Name
    arguments: _Words


class _Outcome(_Item):
    type: Literal["outcome"]
    call_id: _Name
    output: _Words


_KEPT: TypeAdapter[_Message | _Call | _Outcome] = TypeAdapter(
    Annotated[_Message | _Call | _Outcome, Field(discriminator="type")]
)


def to_json(item: Item) -> str:
    """One line."""
    status = Status.COMPLETED if item.status is Status.COMPLETED else Status.INCOMPLETE
    kept = {"v": VERSION, "id": item.id, "status": status.value, **_fields(item)}
    document = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    # Halves of surrogate pairs, which a client may have sent, are in no file.
    return document.encode(errors="replace").decode()


def from_json(document: str) -> Item:
    """Raises StoreUnavailable for what `to_json` never wrote, or only a newer server's."""
    try:
        kept = _KEPT.validate_json(document)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise StoreUnavailable(
            f"expected an item of version {VERSION} that was kept, got one that is at fault "
            f"at {where or 'its start'}: {fault['msg']}"
        ) from None
    return _item(kept)


def _fields(item: Item) -> dict[str, Any]:
    match item:
        case Message():
            is_whole = item.status is Status.COMPLETED
            content = [_part(each, is_whole=is_whole) for each in item.content]
            return {"type": "message", "role": item.role.value, "content": content}
        case FunctionCall():
            call = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
            return {"type": "call", **call}
        case FunctionOutput():
            return {"type": "outcome", "call_id": item.call_id, "output": item.output}


def _part(content: Content, *, is_whole: bool) -> dict[str, Any]:
    if isinstance(content, Text):
        return {"type": "text", "text": content.text}
    speech = {"type": "speech", "transcript": content.transcript}
    phrases = [[each.text, each.start, each.end] for each in content.phrases if is_whole]
    return {**speech, "phrases": phrases} if phrases else speech


def _item(kept: _Message | _Call | _Outcome) -> Item:
    status = Status(kept.status)
    match kept:
        case _Message():
            content = tuple(
                Text(each.text) if isinstance(each, _Text) else each.content()
                for each in kept.content
            )
            return Message(kept.id, Role(kept.role), content, status)
        case _Call():
            return FunctionCall(kept.id, kept.call_id, kept.name, kept.arguments, status)
        case _Outcome():
            return FunctionOutput(kept.id, kept.call_id, kept.output, status)
