"""The single-process server: uvicorn around the application, and its first words."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

import uvicorn

from sotto.app.build import build_service, running
from sotto.app.http import make_app
from sotto.app.settings import Settings
from sotto.errors import SottoError
from sotto.runtime.models import ModelState
from sotto.runtime.service import FileRequest, Service

log = logging.getLogger("sotto")

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
    service = build_service(settings)
    server = settings.server

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with running(service):
            greeting = asyncio.create_task(_greet(service, server.host, server.port))
            yield
            greeting.cancel()

    config = uvicorn.Config(
        make_app(service, server, lifespan),
        host=server.host,
        port=server.port,
        ws="websockets-sansio",
        ws_max_size=server.max_message_bytes,
        log_level="warning" if log_level == "info" else log_level,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    uvicorn.Server(config).run()


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
        else:
            log.error("model %s: %s", status.name, status.error)
    try:
        transcript = await service.transcribe_file(clip(), FileRequest())
    except SottoError as error:
        log.error("self-check failed: %s", error)
    else:
        log.info("self-check: heard %r in %s", transcript.text, clip().name)
