"""Chat completions as OpenAI's servers and those that follow them speak.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import Call, ChatMessage, ChatRequest, Outcome, Role, Said, Tool

MOST_LINE = 1_000_000
"""Bytes of one line of an answer's stream."""

DONE = b"[DONE]"
"""The last line of a stream."""

NO_ANSWER = "expected an answer of the language model, got what is none"


def request_fields(request: ChatRequest) -> dict[str, Any]:
    """What a request is made of, but for the model and the limit of its tokens."""
    fields: dict[str, Any] = {"messages": wire_messages(request.messages), "stream": True}
    if request.tools:
        fields["tools"] = [_tool(tool) for tool in request.tools]
        choice = request.tool_choice
        fields["tool_choice"] = (
            {"type": "function", "function": {"name": choice.name}}
            if isinstance(choice, Tool)
            else choice
        )
    return {name: _encodable(value) for name, value in fields.items()}


def wire_messages(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    """Calls that follow each other, and the words before them, are one message."""
    wired: list[dict[str, Any]] = []
    for message in messages:
        match message:
            case Said():
                wired.append({"role": message.role.value, "content": message.text})
            case Outcome():
                content = {"tool_call_id": message.id, "content": message.output}
                wired.append({"role": "tool", **content})
            case Call():
                if not wired or wired[-1]["role"] != Role.ASSISTANT.value:
                    wired.append({"role": Role.ASSISTANT.value, "content": None})
                wired[-1].setdefault("tool_calls", []).append(_call(message))
    return wired


def _encodable(value: Any) -> Any:
    """Without halves of surrogate pairs, which clients may send and UTF-8 does not have."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case dict():
            return {_encodable(name): _encodable(each) for name, each in value.items()}
        case list() | tuple():
            return [_encodable(each) for each in value]
        case _:
            return value


def _tool(tool: Tool) -> dict[str, Any]:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _call(call: Call) -> dict[str, Any]:
    """With arguments that can be read: some servers break on those that a model wrote wrongly."""
    try:
        json.loads(call.arguments)
    except ValueError:
        arguments = "{}"
    else:
        arguments = call.arguments
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


class Function(BaseModel):
    """Of a call, what has come."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(BaseModel):
    """Some of a call."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(BaseModel):
    """Some of an answer."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(BaseModel):
    """One of the answers; we ask for one."""

    delta: Delta | None = None
    finish_reason: str | None = None


class Tokens(BaseModel):
    """What an answer took."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chunk(BaseModel):
    """One line of an answer's stream."""

    choices: list[Choice] | None = None
    usage: Tokens | None = None
    error: Any = None


class Model(BaseModel):
    """One that a server has."""

    id: str


class Models(BaseModel):
    """All that a server has."""

    data: list[Model]


def chunk_of(line: bytes) -> Chunk:
    """What the line says. Raises ChatUnavailable."""
    try:
        return Chunk.model_validate_json(line)
    except ValidationError:
        raise ChatUnavailable(NO_ANSWER) from None


def first_model(body: bytes) -> str:
    """The name of the first of a server's models. Raises ChatUnavailable."""
    try:
        models = Models.model_validate_json(body).data
    except ValidationError:
        raise ChatUnavailable("expected a list of models, got something else") from None
    if not models:
        raise ChatUnavailable("expected a server with a language model, got one without any")
    return models[0].id


async def data_lines(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """What a stream of server-sent events carries.

    Raises ChatUnavailable for a line without end. https://html.spec.whatwg.org/#event-stream
    """
    rest = bytearray()
    async for data in body:
        searched = len(rest)
        rest += data
        while (end := rest.find(b"\n", searched)) >= 0:
            line = bytes(rest[:end]).rstrip(b"\r")
            del rest[: end + 1]
            searched = 0
            field, _, value = line.partition(b":")
            if field == b"data" and value.strip():
                yield value.strip()
        if len(rest) > MOST_LINE:
            raise ChatUnavailable(NO_ANSWER)
