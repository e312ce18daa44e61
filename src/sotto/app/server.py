"""The single-process server: uvicorn around the application, and its first words."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import uvicorn

from sotto.app.build import build_access, build_service, running
from sotto.app.http import make_app
from sotto.app.ports import ByPort, listeners
from sotto.app.settings import Settings
from sotto.errors import SottoError
from sotto.runtime.models import ModelState
from sotto.runtime.service import FileRequest, Service

log = logging.getLogger("sotto")

Greeting: TypeAlias = Callable[[Service, str, int], Awaitable[None]]
"""Told the service, and the address and port that the server listens on."""

HARD_LIMIT = 4
"""Messages up to so many times the limit are refused in words; larger ones, without."""

STOP_SECONDS = 10
"""How long streams may take to end once the server is told to stop."""


def clip() -> Path:
    """A few spoken digits that ship with the package."""
    return Path(str(resources.files("sotto") / "assets" / "digits.flac"))


def run_server(settings: Settings, *, log_level: str = "info") -> None:
    """Listen until told to stop."""
    logging.basicConfig(
        level=log_level.upper(), format="%(levelname)-7s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    server = make_server(settings, build_service(settings), log_level=log_level, greet=_greet)
    server.run(sockets=listeners(settings, server.config))


def make_server(
    settings: Settings,
    service: Service,
    *,
    log_level: str = "warning",
    greet: Greeting | None = None,
) -> uvicorn.Server:
    """The server around a service, not yet running; `greet` runs beside it once it listens."""
    server = settings.server
    app = make_app(service, server, build_access(settings), lambda: _life(service))
    config = uvicorn.Config(
        ByPort(app, settings.ports),
        host=server.host,
        port=server.port,
        ws="websockets-sansio",
        ws_max_size=HARD_LIMIT * server.max_message_bytes,
        log_level="warning" if log_level == "info" else log_level,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    return _Server(config, service, greet)


@asynccontextmanager
async def _life(service: Service) -> AsyncIterator[None]:
    async with running(service):
        yield


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, service: Service, greet: Greeting | None) -> None:
        super().__init__(config)
        self._service = service
        self._greet = greet
        self._greeting: asyncio.Future[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._greet is not None:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._greeting = asyncio.ensure_future(self._greet(self._service, host, port))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
        await super().shutdown(sockets)


async def _greet(service: Service, host: str, port: int) -> None:
    """Say where the server is and what it loads, and let it hear something."""
    place = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
    names = ", ".join(status.name for status in service.models.snapshot())
    log.info("listening on http://%s:%d (API: /docs)", place, port)
    log.info("loading models: %s", names)
    await service.models.settled()
    for status in service.models.snapshot():
        if status.state is ModelState.READY:
            log.info("model %s is ready after %.1f s", status.name, status.seconds_to_load or 0.0)
            if status.traits is not None and status.traits.notice:
                log.warning("%s is %s (more: sotto models)", status.name, status.traits.notice)
        else:
            log.error("model %s: %s", status.name, status.error)
    try:
        transcript = await service.transcribe_file(clip(), FileRequest())
    except SottoError as error:
        log.error("self-check failed: %s", error)
    else:
        log.info("self-check: heard %r in %s", transcript.text, clip().name)
