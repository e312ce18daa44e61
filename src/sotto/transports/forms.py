"""What the HTTP dialects share: a form's fields → what the core is asked for, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from fastapi import Request, Response, UploadFile
from fastapi.routing import APIRoute

from sotto.errors import BadAudio, BadOption
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.transcript.languages import parse_language
from sotto.transcript.options import DecodeOptions, Task, one_of
from sotto.transcript.words import Segment, Transcript
from sotto.transports.waiting import while_awaited

MAX_FIELDS = 64
MAX_PROMPT, MAX_HOTWORDS = 4_000, 1_000
"""Characters. Of both the decoder takes 223 tokens at most, which are shorter."""


class FormRoute(APIRoute):
    """A route whose form is read in a way of its own."""

    request_class: ClassVar[type[Request]]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with a form that is bounded."""
        handle = super().get_route_handler()

        async def handle_bounded(request: Request) -> Response:
            return await handle(self.request_class(request.scope, request.receive))

        return handle_bounded


class _OneFile(Request):
    def form(self, **limits: Any) -> Any:
        return super().form(**limits | {"max_files": 1, "max_fields": MAX_FIELDS})


class OneFileForm(FormRoute):
    """A route whose form holds one file: a thousand of them would take 1 GB of memory."""

    request_class = _OneFile


def file_request(  # noqa: PLR0913 - a form's fields, each by name
    defaults: DecodeOptions,
    *,
    model: str,
    language: str | None,
    languages: Sequence[str] = (),
    task: str,
    prompt: str = "",
    hotwords: str = "",
    temperature: float = 0.0,
) -> FileRequest:
    """Of a longer prompt its end is taken, as the decoder would. Raises BadOption.

    `languages`: those to choose from where no one language is said.
    """
    if len(hotwords) > MAX_HOTWORDS:
        raise BadOption(
            "hotwords", f"expected at most {MAX_HOTWORDS} characters, got {len(hotwords)}"
        )
    decode = replace(
        defaults,
        task=one_of(Task, "task", task),
        language=parse_language(language),
        candidates=tuple(filter(None, map(parse_language, languages))),
        prompt=_text("prompt", prompt)[-MAX_PROMPT:],
        hotwords=_text("hotwords", hotwords),
        temperature=temperature,
    )
    return FileRequest(model=model, decode=decode)


def _text(param: str, given: str) -> str:
    """The text itself; forms may be in UTF-7, which can spell half a character."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise BadOption(param, "expected text, got half of a surrogate pair") from None
    return given


async def transcribe_upload(
    http: Request,
    service: Service,
    file: UploadFile,
    wanted: FileRequest,
    tell: Callable[[Segment], None] = lambda segment: None,
) -> Transcript:
    """What is said in the upload; given up where its client hangs up.

    Raises Gone, and what `Service.transcribe_file` raises.
    """
    if not file.size:
        raise BadAudio("expected an audio or video file, got an empty one")
    return await while_awaited(http, service.transcribe_file(file.file, wanted, tell))


async def hear_upload(
    http: Request, service: Service, file: UploadFile, wanted: FileRequest
) -> AsyncGenerator[Segment | Transcript]:
    """Each segment as soon as it is heard, and at last the whole.

    Raises what `transcribe_upload` raises.
    """
    told: asyncio.Queue[Segment | None] = asyncio.Queue()  # no longer than the transcript
    work = asyncio.ensure_future(transcribe_upload(http, service, file, wanted, told.put_nowait))
    work.add_done_callback(lambda _: told.put_nowait(None))
    try:
        while (segment := await told.get()) is not None:
            yield segment
        yield work.result()
    finally:
        work.cancel()
        await asyncio.wait({work})  # before the upload is closed
