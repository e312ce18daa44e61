"""hush's dialect: `POST /` takes a spectrogram as a gray image, and answers with plain text."""

from __future__ import annotations

import math

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from sotto.audio.chunk import MelChunk
from sotto.audio.edges import heard_in
from sotto.audio.image import MAX_BYTES, parse_image
from sotto.errors import Gone, ModelNotReady, SottoError, TooLarge
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.transports.waiting import while_awaited

NAME = "hush"

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"image/x-tga": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class ForAnyPage(APIRoute):
    """A route that pages of every origin may call, and whose errors they may read."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or a browser's question whether it may make one."""
        if scope["method"] == "OPTIONS":
            allowed = {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
                "Access-Control-Allow-Headers": "*, Authorization",
            }
            await Response(status_code=204, headers=allowed)(scope, receive, send)
            return

        async def send_to_any(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Access-Control-Allow-Origin"] = "*"
            await send(message)

        await super().handle(scope, receive, send_to_any)

    def refused(self, error: SottoError, plain: Response) -> Response:
        """What who is not let in is told, wherever its page is from."""
        plain.headers["Access-Control-Allow-Origin"] = "*"
        return plain


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["hush"], route_class=ForAnyPage)

    @routes.post(
        "/",
        summary="Write down what a spectrogram says",
        response_class=PlainTextResponse,
        openapi_extra=_BODY,
    )
    async def transcribe(http: Request) -> Response:
        data = await _body(http)

        def see() -> MelChunk:
            return heard_in(parse_image(data))

        request = FileRequest(decode=service.defaults)
        try:
            transcript = await while_awaited(http, service.transcribe_image(see, request))
        except ModelNotReady as error:
            service.metrics.errors.labels(error.code).inc()
            return _busy(error)
        return PlainTextResponse(transcript.text)

    return routes


async def _body(http: Request) -> bytes:
    """Raises TooLarge, Gone."""
    taken = bytearray()
    try:
        async for piece in http.stream():
            taken += piece
            if len(taken) > MAX_BYTES:
                raise TooLarge(f"expected an image of at most {MAX_BYTES:,} bytes, got more")
    except ClientDisconnect:
        raise Gone("the client hung up before its image was there") from None
    return bytes(taken)


def _busy(error: ModelNotReady) -> Response:
    """The status by which hush's page knows that no model is loaded yet."""
    headers = {"Retry-After": str(math.ceil(error.retry_after or 1))}
    return PlainTextResponse(error.message, 429, headers)
