"""`POST /v1/audio/speech`: a text in, its sound out while it is made. OpenAI's, and `language`."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sotto.audio.format import Samples
from sotto.dialogue.closing import closing
from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.voices import Voices
from sotto.errors import BadOption, SottoError, TooLarge
from sotto.runtime.encoding import MEDIA_TYPES, FileFormat, encoder
from sotto.runtime.service import Service
from sotto.transcript.options import one_of
from sotto.transports.openai.answers import error_event, to_json
from sotto.transports.openai.sse import HEADERS, message
from sotto.transports.speaking import (
    FASTEST,
    MAX_LANGUAGE,
    MAX_VOICE,
    SLOWEST,
    Reading,
    languages_of,
    read_aloud,
    spoken_language,
    voices_of,
)
from sotto.transports.waiting import while_awaited

NAME = "speech"
PATH = "/v1/audio/speech"

MAX_INPUT = 4_096
"""Characters: OpenAI's limit."""
MAX_BODY = 128 * 1024
"""Bytes of a request."""

Name = Annotated[str, Field(max_length=MAX_VOICE)]


class StreamFormat(StrEnum):
    """How the file comes."""

    AUDIO = "audio"
    """As it is."""
    SSE = "sse"
    """In server-sent events, as base64."""


class SpeechBody(BaseModel):
    """The request, as JSON; other fields are let pass."""

    model_config = ConfigDict(strict=True)

    input: str
    model: Name | None = None
    """Any: the voice says what speaks."""
    voice: Name | dict[Literal["id"], Name] | None = None
    """OpenAI has objects for those that somebody made."""
    response_format: str = FileFormat.MP3
    speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST)] = 1.0
    stream_format: str = StreamFormat.AUDIO
    language: Annotated[str, Field(max_length=MAX_LANGUAGE)] | None = None


@dataclass(frozen=True)
class Asked:
    """A request, understood."""

    text: str
    reading: Reading
    form: FileFormat
    stream: StreamFormat


def router(service: Service, voices: Voices | None) -> APIRouter:
    """The routes; without voices they say that there are none."""
    routes = APIRouter(tags=["OpenAI"])

    @routes.post(
        PATH,
        summary="Speak a text",
        response_class=Response,
        openapi_extra={"requestBody": _SCHEMA},
    )
    async def speech(http: Request) -> Response:
        speaking = voices_of(voices)
        asked = understood(await _body(http), speaking)
        made = _made(service, speaking, asked)
        first = await while_awaited(http, _first(made))

        def note(error: SottoError) -> None:
            service.metrics.errors.labels(error.code).inc()

        if asked.stream is StreamFormat.SSE:
            events = _events(_all(first, made), asked, note)
            return _Stream(events, headers=HEADERS, media_type="text/event-stream")
        file = _file(_all(first, made), note)
        return _Stream(file, headers=HEADERS, media_type=MEDIA_TYPES[asked.form])

    @routes.get("/v1/audio/voices", summary="The voices, and the languages that they speak")
    async def list_voices() -> dict[str, Any]:
        speaking = voices_of(voices)
        return {
            "voices": [
                {"id": name, "name": name, "languages": languages_of(speaking, name)}
                for name in speaking.names
            ],
            "languages": sorted(speaking.languages),
        }

    return routes


def understood(body: bytes, voices: Voices) -> Asked:
    """What the JSON asks for. Raises BadOption."""
    try:
        given = SpeechBody.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        param = str(first["loc"][0]) if first["loc"] else "body"
        raise BadOption(param, f"expected {param} to be understood: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise BadOption("body", "expected a JSON object, got something else") from None
    if len(given.input) > MAX_INPUT:
        raise BadOption(
            "input",
            f"expected an input of at most {MAX_INPUT:,} characters, got {len(given.input):,}",
        )
    if not given.input.strip():
        raise BadOption("input", "expected an input to speak, got an empty one")
    voice = given.voice.get("id") if isinstance(given.voice, dict) else given.voice
    return Asked(
        given.input,
        Reading(spoken_language(voices, given.language), voice or "", given.speed),
        one_of(FileFormat, "response_format", given.response_format),
        one_of(StreamFormat, "stream_format", given.stream_format),
    )


_SCHEMA = {"content": {"application/json": {"schema": SpeechBody.model_json_schema()}}}


async def _body(http: Request) -> bytes:
    """Raises TooLarge."""
    body = b""
    async for piece in http.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise TooLarge(f"expected a body of at most {MAX_BODY:,} bytes, got more")
    return body


async def _made(service: Service, voices: Voices, asked: Asked) -> AsyncGenerator[bytes]:
    """The file, in pieces; none of them is empty. It counts as a file that is written down does.

    Raises VoiceUnavailable, Overloaded, Draining.
    """
    with service.admit_file():
        coding = encoder(asked.form, OUTPUT_RATE)
        async with closing(read_aloud(voices, asked.text, asked.reading)) as sound:
            async for piece in sound:
                if data := await _coded(coding.receive, piece):
                    yield data
        if data := coding.finish():
            yield data


async def _coded(code: Callable[[Samples], bytes], piece: Samples) -> bytes:
    """In a thread: a long piece takes longer than others may wait."""
    return await asyncio.to_thread(code, piece)


async def _first(made: AsyncGenerator[bytes]) -> bytes:
    """Empty where nothing is made."""
    return await anext(made, b"")


async def _all(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(rest):
        if first:
            yield first
        async for piece in rest:
            yield piece


async def _file(
    pieces: AsyncGenerator[bytes], note: Callable[[SottoError], None]
) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                yield piece
        except SottoError as error:
            note(error)
            raise


async def _events(
    pieces: AsyncGenerator[bytes], asked: Asked, note: Callable[[SottoError], None]
) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                audio = base64.b64encode(piece).decode()
                yield message(to_json({"type": "speech.audio.delta", "audio": audio}))
        except SottoError as error:
            note(error)
            yield message(to_json(error_event(error)), "error")
            return
        yield message(to_json({"type": "speech.audio.done", "usage": _usage(asked)}))


def _usage(asked: Asked) -> dict[str, int]:
    """OpenAI counts tokens; here they are words, and nobody is charged for them."""
    words = len(asked.text.split())
    return {"input_tokens": words, "output_tokens": 0, "total_tokens": words}


class _Stream(StreamingResponse):
    """Closes what makes its pieces as soon as its client hangs up.

    Where something breaks the response is left without its end, which the client sees.
    """

    def __init__(self, pieces: AsyncGenerator[bytes], **how: Any) -> None:
        super().__init__(pieces, **how)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One response; unlike its base it always looks whether anybody is there."""
        async with aclosing(self._pieces):
            with suppress(SottoError):
                await while_awaited(Request(scope, receive), self.stream_response(send))
