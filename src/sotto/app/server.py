"""The single-process server: uvicorn around the application, and its first words."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from importlib import resources
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import TypeAlias

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from sotto.app import logs
from sotto.app.build import (
    build_access,
    build_service,
    build_store,
    open_because,
    running,
    takes_tokens,
)
from sotto.app.http import make_app
from sotto.app.impatient import Impatient
from sotto.app.memory import giving_back
from sotto.app.ports import ByPort, open_ports
from sotto.app.settings import Settings
from sotto.app.stopping import LAST_SECONDS, Patience, end_after, let_go
from sotto.app.talk import build_partner, talking
from sotto.app.tcp import listening, open_port
from sotto.clock import SystemClock
from sotto.dialogue.partner import Partner
from sotto.errors import SottoError
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.auth.key_file import KeyFile
from sotto.runtime.models import ModelState
from sotto.runtime.quota import Quotas
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service

log = logging.getLogger("sotto")

Greeting: TypeAlias = Callable[[Service, str, int], Awaitable[None]]
"""Told the service, and the address and port that the server listens on."""

HARD_LIMIT = 4
"""Messages up to so many times the limit are refused in words; larger ones, without."""

SWITCH_SECONDS = 0.0005
"""How long the engine's and the front end's threads may keep the interpreter while the event loop
waits for it. Python's own 5 ms, at each hand-over, added 50 ms to the lag of 64 streams."""

LOOK = 0.01
"""Seconds between two looks whether all clients have hung up: uvicorn tells nobody."""
DEAD_SECONDS = 60
"""Without a sign of a client's machine, after which its connection is over."""
HARD_STOP = 8
"""Seconds after the end of all patience in which the process ends whatever still holds it."""


def clip() -> Path:
    """A few spoken digits that ship with the package."""
    return Path(str(resources.files("sotto") / "assets" / "digits.flac"))


def run_server(settings: Settings) -> None:
    """Listen until told to stop. Raises StoreUnavailable, BadOption."""
    logs.configure(settings.log)
    sys.setswitchinterval(SWITCH_SECONDS)
    store = build_store(settings)
    asyncio.run(_try(store))
    ports = open_ports(settings)
    server = make_server(
        settings,
        build_service(settings, store),
        ports=ports,
        log_level=logs.of_uvicorn(settings.log),
        greet=partial(_greet, settings),
    )
    server.run(sockets=[server.config.bind_socket(), *ports.values()])


async def _try(store: TranscriptStore) -> None:
    """Open it once before all else: what is wrong is one sentence here, and a traceback later."""
    await store.open()
    await store.close()


def make_server(
    settings: Settings,
    service: Service,
    *,
    ports: Mapping[str, socket.socket] = MappingProxyType({}),
    log_level: str = "warning",
    greet: Greeting | None = None,
    partner: Partner | None = None,
) -> uvicorn.Server:
    """The server around a service, not yet running; `greet` runs beside it once it listens.

    `ports`: what listens for single dialects, beside the server's own port. `partner`: who answers
    in conversations; None: whom the settings name. Raises BadOption.
    """
    partner = partner or build_partner(settings, service)
    server = settings.server
    quotas = Quotas(service.store, SystemClock())
    access, listener = build_access(settings, quotas), open_port(settings)
    voices = None if partner is None else partner.voices
    wyoming = partial(listening, listener, server, service, access, voices)
    talk = partial(talking, partner, service, settings.talk.timeout)
    life = partial(_life, service, wyoming, quotas, talk)
    app = make_app(service, settings, access, life, partner=partner)
    config = uvicorn.Config(
        ByPort(app, ports),
        host=server.host,
        port=server.port,
        loop="asyncio",  # so that a uvloop that happens to be there changes nothing
        http=Impatient,
        ws="websockets-sansio",
        ws_max_size=HARD_LIMIT * server.max_message_bytes,
        # Sound and images hardly shrink, and each stream would hold two windows of zlib.
        ws_per_message_deflate=False,
        # Who sends faster than it is heard answers pings behind its sound. TCP finds out who died.
        ws_ping_timeout=None,
        log_level=log_level,
        log_config=None,  # its own would print each key that stands in an address
        forwarded_allow_ips=list(server.proxies),
        timeout_graceful_shutdown=LAST_SECONDS,
        server_header=False,
    )
    return _Server(config, service, Patience(server.drain_seconds, server.stop_seconds), greet)


@asynccontextmanager
async def _life(
    service: Service,
    wyoming: Callable[[], AbstractAsyncContextManager[None]],
    quotas: Quotas,
    talk: Callable[[], AbstractAsyncContextManager[None]],
) -> AsyncIterator[None]:
    admission = service.admission
    watching = nullcontext() if admission is None else admission.watching(service.metrics)
    async with running(service), talk(), quotas.kept(), watching, giving_back(), wyoming():
        yield


class _Server(uvicorn.Server):
    """Says where it listens once it does; lets its clients finish before it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        patience: Patience,
        greet: Greeting | None,
    ) -> None:
        super().__init__(config)
        self._service = service
        self._patience = patience
        self._greet = greet
        self._greeting: asyncio.Future[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in (one for server in self.servers for one in server.sockets):
            notice_the_dead(listener)
        if self.started and self._greet is not None:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._greeting = asyncio.ensure_future(self._greet(self._service, host, port))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
        await let_go(self._service, self._patience)
        await self._goodbyes()
        await super().shutdown(sockets)

    async def _goodbyes(self) -> None:
        """Let clients answer the close of their sockets: TCP would take back the last words of a
        connection that is closed while sound is on its way."""
        for _ in range(round(LAST_SECONDS / LOOK)):
            if not any(
                getattr(each, "close_sent", False) for each in self.server_state.connections
            ):
                return
            await asyncio.sleep(LOOK)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal. The next one ends the process as if there was no Python in it: what
        the store has, it has, and clients know what it has."""
        self._service.draining = True
        self.should_exit = True
        for each in HANDLED_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        end_after(self._patience.total + LAST_SECONDS + HARD_STOP)


def notice_the_dead(listener: socket.socket) -> None:
    """Let TCP end what was accepted here once its other side is gone, where it can (Linux).

    It counts from the first byte that is not acknowledged; pings see to it that there is one. The
    other side's kernel acknowledges, however far behind its sound the client's own answer waits.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1_000 * DEAD_SECONDS)


async def _greet(settings: Settings, service: Service, host: str, port: int) -> None:
    """Say where the server is, for whom, and what it loads, and let it hear something."""
    place = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
    names = ", ".join(status.name for status in service.models.snapshot())
    log.info("listening on http://%s:%d (API: /docs)", place, port)
    _say_who_may_speak(settings)
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


def _say_who_may_speak(settings: Settings) -> None:
    why = open_because(settings)
    if why is not None:
        loud = log.warning if settings.auth.bypass else log.info
        loud("anybody who can connect may speak: %s", why)
        return
    try:
        known = len(KeyFile(settings.auth.keys).read())
    except SottoError as error:
        log.error("%s", error)
        return
    ways = "a key or a signed token" if takes_tokens(settings) else "a key"
    log.info("%s is asked for (keys in %s: %d)", ways, settings.auth.keys, known)
    if not known and not takes_tokens(settings):
        log.warning("there is no key yet: `sotto keys add NAME` makes one, and tells it once")
