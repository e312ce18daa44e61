"""Deepgram's dialect for files: `POST /v1/listen`."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import Any

from fastapi import APIRouter, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from sotto.audio.format import PcmFormat, frames
from sotto.errors import BadOption, Gone, SottoError
from sotto.runtime.models import AUTO, ModelState
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.transports.deepgram.errors import fault_of, refusal
from sotto.transports.deepgram.files import Layout, results
from sotto.transports.deepgram.results import About, metadata
from sotto.transports.deepgram.shapes import PATH, Query, parse_query
from sotto.transports.deepgram.sound import Splitter, wav_header
from sotto.transports.forms import transcribe_upload

IN_MEMORY = 1 << 20
"""Bytes of an upload that are held before it goes to the disk."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["Deepgram"], route_class=_answering(service))

    @routes.post(PATH, summary="Write down what is said in a file", openapi_extra=_BODY)
    async def listen(http: Request) -> Response:
        created = datetime.now(UTC)
        query = parse_query(http.query_params.multi_items())
        wanted = FileRequest(
            model=query.model_of(service.models.resolve), decode=query.decode(service.defaults)
        )
        _refuse_address(http)
        async with _taken(http, query) as (files, digest):
            said = [await transcribe_upload(http, service, file, wanted) for file in files]
        about = About(str(uuid.uuid4()), _heard_by(service, wanted.model))
        told = metadata(
            about,
            sha256=digest,
            created=created,
            duration=max(transcript.seconds for transcript in said),
            channels=len(said),
        )
        body = {"metadata": told, "results": results(said, _layout(query))}
        return JSONResponse(body, headers={"dg-request-id": about.request_id})

    return routes


def _answering(service: Service) -> type[APIRoute]:
    """A route whose errors are told in Deepgram's words."""

    class Answering(APIRoute):
        def refused(self, error: SottoError, plain: Response) -> Response:
            """What who is not let in is told."""
            return _refused(error)

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except SottoError as error:
                    service.metrics.errors.labels(error.code).inc()
                    return _refused(error)

            return answer

    return Answering


def _refused(error: SottoError) -> Response:
    request_id = str(uuid.uuid4())
    headers = {"dg-request-id": request_id}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return JSONResponse(refusal(error, request_id), fault_of(error).status, headers)


def _refuse_address(http: Request) -> None:
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        raise BadOption(
            "url",
            "expected the sound itself as the body, got JSON: this server fetches nothing, "
            "so that the address of a file is no use to it",
        )


def _heard_by(service: Service, wanted: str) -> str:
    """The model's name; of `auto`, that of the largest that is ready."""
    name = service.models.resolve(wanted)
    ready = [item.name for item in service.models.snapshot() if item.state is ModelState.READY]
    return ready[-1] if name == AUTO and ready else name


def _layout(query: Query) -> Layout:
    return Layout(
        paragraphs=query.paragraphs or query.smart_format,
        utterances=frames(query.utt_split) if query.utterances else None,
        language=query.detects,
    )


@asynccontextmanager
async def _taken(http: Request, query: Query) -> AsyncIterator[tuple[list[UploadFile], str]]:
    """The body as one file, or one for each channel that is heard on its own; and its SHA-256.

    Raises BadOption, BadAudio, and TooLarge, as the server's limit on bodies does.
    """
    sound, split = query.sound, query.split
    splitter = None if split is None else Splitter(split)
    each = sound if split is None else replace(split, channels=1)
    head = wav_header(each) if isinstance(each, PcmFormat) else b""
    digest = hashlib.sha256()
    async with AsyncExitStack() as stack:
        files = [await _file(stack) for _ in range(1 if split is None else split.channels)]
        async for data in _pieces(http):
            digest.update(data)
            parts = [data] if splitter is None else splitter.receive(data)
            for file, part in zip(files, parts, strict=True):
                if part:
                    await file.write(part if file.size else head + part)
        if splitter is not None:
            splitter.finish()
        for file in files:
            await file.seek(0)
        yield files, digest.hexdigest()


async def _pieces(http: Request) -> AsyncIterator[bytes]:
    try:
        async for data in http.stream():
            yield data
    except ClientDisconnect:
        raise Gone("the client hung up before its file was here") from None


async def _file(stack: AsyncExitStack) -> UploadFile:
    """One that is gone with the stack."""
    spooled: Any = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by the stack
    file = UploadFile(spooled, size=0)
    stack.push_async_callback(file.close)
    return file
