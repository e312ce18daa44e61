"""The ASGI application: routes, the page, and what each error becomes on the wire."""

from __future__ import annotations

import logging
import reprlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketState

import sotto
from sotto import errors
from sotto.app.settings import ServerSettings
from sotto.runtime.service import Service
from sotto.transports import openai_rest, status, stream, transcribe_rest
from sotto.transports.peer import Peer

log = logging.getLogger(__name__)

STATUS: dict[type[errors.SottoError], int] = {
    errors.BadAudio: 400,
    errors.UnknownModel: 404,
    errors.BadOption: 400,
    errors.TooLarge: 413,
    errors.TooSlow: 408,
    errors.CallerError: 400,
    errors.Overloaded: 503,
    errors.ModelNotReady: 503,
    errors.ModelUnavailable: 503,
    errors.Draining: 503,
    errors.ServerError: 500,
}
"""Of the nearest class up the tree."""

CLOSE: dict[type[errors.SottoError], int] = {
    errors.ProtocolViolation: 1002,
    errors.BadAudio: 1007,
    errors.BadOption: 1007,
    errors.TooSlow: 1008,
    errors.TooLarge: 1009,
    errors.CallerError: 1008,
    errors.Draining: 1012,
    errors.Overloaded: 1013,
    errors.ModelNotReady: 1013,
    errors.ServerError: 1011,
}

ROUTERS = {
    openai_rest.NAME: openai_rest.router,
    transcribe_rest.NAME: transcribe_rest.router,
    status.NAME: status.router,
}
WAVES = {stream.NAME: stream}

LAST_WORD_TIMEOUT = 2.0
"""Seconds in which a client must take the error that ends its stream."""


def nearest(table: dict[type[errors.SottoError], int], error: errors.SottoError) -> int:
    """What the table says of the error's class, or of the nearest one above it."""
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def error_response(error: errors.SottoError) -> JSONResponse:
    """The error as OpenAI's clients read it."""
    code = nearest(STATUS, error)
    body = {
        "message": error.message,
        "type": "invalid_request_error" if code < 500 else "server_error",
        "param": error.param if isinstance(error, errors.BadOption) else None,
        "code": error.code,
    }
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return JSONResponse({"error": body}, code, headers)


def make_app(
    service: Service,
    settings: ServerSettings,
    lifespan: Callable[[], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """The application with the dialects that the settings name."""

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            yield

    app = FastAPIOffline(
        title="Sotto",
        version=sotto.__version__,
        description="Whisper speech to text while it is being spoken.",
        lifespan=live,
    )
    for name, make_router in ROUTERS.items():
        if name in settings.modules or name == status.NAME:
            app.include_router(make_router(service))
    if stream.NAME in settings.modules:
        _mount_stream(app, service, settings)
    _mount_page(app, service)
    _handle_errors(app, service)
    app.add_middleware(BodyLimit, limit=settings.max_upload_bytes)
    if settings.cors_origins:
        _allow_origins(app, settings)
    return app


def _allow_origins(app: FastAPI, settings: ServerSettings) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["*"],
        allow_headers=["*"],
    )


def _mount_stream(app: FastAPI, service: Service, settings: ServerSettings) -> None:
    @app.websocket(stream.PATH)
    async def serve_stream(socket: WebSocket) -> None:
        await socket.accept()
        peer = Peer(
            socket,
            send_timeout=settings.send_timeout,
            max_message=settings.max_message_bytes,
        )
        try:
            await stream.serve(peer, service, config_timeout=settings.config_timeout)
            await _close(socket, 1000)
        except errors.SottoError as error:
            await _end(socket, service, error)
        except Exception:  # the outermost handler: a client never sees a traceback
            log.exception("a stream broke")
            await _end(socket, service, errors.ServerError("the server broke; see its log"))

    async def _end(socket: WebSocket, service: Service, error: errors.SottoError) -> None:
        service.metrics.errors.labels(error.code).inc()
        if isinstance(error, errors.Gone):
            return
        peer = Peer(socket, send_timeout=LAST_WORD_TIMEOUT)
        try:
            await peer.send(stream.describe_error(error))
        except errors.CallerError:
            return
        await _close(socket, nearest(CLOSE, error))


async def _close(socket: WebSocket, code: int) -> None:
    if (
        socket.client_state is WebSocketState.CONNECTED
        and socket.application_state is WebSocketState.CONNECTED
    ):
        await socket.close(code)


def _mount_page(app: FastAPI, service: Service) -> None:
    web = Path(str(resources.files("sotto") / "web"))
    app.mount("/web", StaticFiles(directory=web), name="web")

    @app.get("/", include_in_schema=False, response_model=None)
    async def page(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return FileResponse(web / "index.html")
        return JSONResponse(status.summary(service), headers={"Access-Control-Allow-Origin": "*"})


def _handle_errors(app: FastAPI, service: Service) -> None:
    def answer(error: errors.SottoError) -> JSONResponse:
        service.metrics.errors.labels(error.code).inc()
        return error_response(error)

    @app.exception_handler(errors.SottoError)
    async def on_error(_: Request, error: errors.SottoError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def on_bad_form(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(_bad_field(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        cause = error.__cause__
        if isinstance(cause, errors.SottoError):
            return answer(cause)
        body = {
            "message": str(error.detail),
            "type": "invalid_request_error" if error.status_code < 500 else "server_error",
            "param": None,
            "code": None,
        }
        return JSONResponse({"error": body}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def on_fault(_: Request, error: Exception) -> JSONResponse:
        response = answer(errors.ServerError("the server broke; see its log"))
        response.headers["Connection"] = "close"  # uvicorn closes it: the client must not reuse it
        return response


def _bad_field(detail: dict[str, Any]) -> errors.BadOption:
    """FastAPI's account of a form's field in our words; what was sent may be megabytes long."""
    param = next(part for part in reversed(detail["loc"]) if isinstance(part, str))
    if detail["type"] == "missing":
        return errors.BadOption(param, f"expected a field {param}, got none")
    if detail["type"] == "value_error":  # the one field that is no text is the file
        return errors.BadOption(param, f"expected {param} to be a file, got text")
    what = str(detail["msg"]).removeprefix("Input should be ").split(", ")[0]
    given = reprlib.repr(detail["input"])
    return errors.BadOption(param, f"expected {param} to be {what}, got {given}")


class BodyLimit:
    """Refuses bodies that are, or turn out to be, larger than the limit in bytes."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error = errors.TooLarge(f"expected a body of at most {self._limit:,} bytes, got more")
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await error_response(error)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise error
            return message

        await self._app(scope, counted, send)
