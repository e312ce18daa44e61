"""The ASGI application: routes and the page."""

from __future__ import annotations

import reprlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import sotto
from sotto import errors
from sotto.app.codes import error_response
from sotto.app.dialects import Dialects
from sotto.app.gate import Gate
from sotto.app.setting_groups import ServerSettings
from sotto.app.settings import Settings
from sotto.app.sockets import Doorway, mount
from sotto.clock import SystemClock
from sotto.dialogue.partner import Partner
from sotto.runtime.access import Access
from sotto.runtime.service import Service
from sotto.transports import admin, status
from sotto.transports.realtime.secrets import Secrets

UNTOLD = {"tracing": False, "logs": False}
"""FastAPI's own traces have whole addresses, and keys stand in those; ours: `plugins/tracing`."""


def make_app(
    service: Service,
    settings: Settings,
    access: Access,
    lifespan: Callable[[], AbstractAsyncContextManager[None]],
    secrets: Secrets | None = None,
    partner: Partner | None = None,
) -> FastAPI:
    """The application with the dialects that the settings name.

    `secrets`: where the sessions of client secrets are kept; None: here alone. `partner`: who
    answers in conversations; None: nobody.
    """

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            yield

    app = FastAPIOffline(
        title="Sotto",
        version=sotto.__version__,
        description="Whisper speech to text while it is being spoken.",
        lifespan=live,
        telemetry=UNTOLD,
    )
    clock, server = SystemClock(), settings.server
    dialects = Dialects(
        service, server, access, clock, secrets or Secrets(clock), partner, settings.webrtc
    )
    app.include_router(status.router(service))
    guarded: list[BaseRoute] = []
    for router in dialects.routers():
        app.include_router(router)
        guarded += router.routes
    doorway = Doorway(service, access, server)
    for dialect in dialects.sockets():
        mount(app, dialect, doorway)
    _mount_page(app, service)
    if admin.NAME in server.modules:
        _mount_admin_page(app)
    _handle_errors(app, service)
    patience = server.send_timeout
    app.add_middleware(Gate, access=access, routes=guarded, service=service, send_timeout=patience)
    app.add_middleware(BodyLimit, limit=server.max_upload_bytes)
    if server.cors_origins:
        _allow_origins(app, server)
    return app


def _allow_origins(app: FastAPI, settings: ServerSettings) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Location"],  # where a call over WebRTC is hung up
    )


def _mount_page(app: FastAPI, service: Service) -> None:
    web = Path(str(resources.files("sotto") / "web"))
    app.mount("/web", StaticFiles(directory=web), name="web")

    @app.get("/", include_in_schema=False, response_model=None)
    async def page(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return FileResponse(web / "index.html")
        return JSONResponse(status.summary(service), headers={"Access-Control-Allow-Origin": "*"})


def _mount_admin_page(app: FastAPI) -> None:
    """The page is open to all: it knows nothing, and what it asks for takes a key."""
    page = Path(str(resources.files("sotto") / "web" / "admin.html"))
    # No other page may show it within itself, and have its buttons pressed by who sees another.
    headers = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Frame-Options": "DENY"}

    @app.get("/admin", include_in_schema=False)
    async def admin_page() -> FileResponse:
        return FileResponse(page, headers=headers)


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
