"""Dialects over bare TCP: who is let in, and how a connection ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sotto import errors
from sotto.app.ending import in_time, to_the_end
from sotto.app.ports import check_audio
from sotto.app.setting_groups import ServerSettings
from sotto.app.settings import Settings
from sotto.dialogue.voices import Voices
from sotto.runtime.access import Access, Scope
from sotto.runtime.service import Service
from sotto.transports.tcp import TcpPeer
from sotto.transports.wyoming.dialect import NAME, WyomingDialect

log = logging.getLogger(__name__)

STOP_SECONDS = 2
"""How long connections that were told to end may take for it."""


def open_port(settings: Settings) -> socket.socket | None:
    """What listens for Wyoming; None where its port is not named. Port 0 takes a free one.

    Raises BadOption where the port cannot be had, or no audio is taken.
    """
    host, port = settings.server.host, settings.ports.wyoming
    if port is None:
        return None
    check_audio(settings, f"ports.{NAME}", port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        key = f"ports.{NAME}"
        raise errors.BadOption(
            key, f"expected {key} to be a free port, got {port}: {error}"
        ) from None


@asynccontextmanager
async def listening(
    listener: socket.socket | None,
    settings: ServerSettings,
    service: Service,
    access: Access,
    voices: Voices | None = None,
) -> AsyncIterator[None]:
    """The port served for as long as the context lasts; then its connections' last words told."""
    if listener is None:
        yield
        return
    harbor = _Harbor(service, access, settings, voices)
    server = await asyncio.start_server(harbor.serve, sock=listener)
    log.info("listening for Wyoming on %s:%d", *listener.getsockname()[:2])
    try:
        yield
    finally:
        server.close()
        await harbor.empty()


@dataclass(eq=False)
class _Harbor:
    """All connections of the port."""

    service: Service
    access: Access
    settings: ServerSettings
    voices: Voices | None
    """What speaks; None: nothing does."""
    connections: dict[TcpPeer, asyncio.Task[None]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its close."""
        if len(self.connections) >= 2 * self.settings.max_sessions:
            writer.transport.abort()  # so many wait to be told that there are too many
            return
        peer = TcpPeer(reader, writer, send_timeout=self.settings.send_timeout)
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None
        self.connections[peer] = task
        dialect = WyomingDialect(
            self.settings.config_timeout,
            max_payload=self.settings.max_message_bytes,
            voices=self.voices,
        )

        address = writer.get_extra_info("peername", ("",))[0]

        async def end(error: errors.SottoError) -> None:
            await in_time(peer.send(dialect.last_words(error)))

        try:
            with self.service.closing.socket(peer):
                serving = self._serve(peer, dialect, address)
                await to_the_end(serving, NAME, self.service.metrics, end)
        finally:
            await peer.close()
            del self.connections[peer]

    async def empty(self) -> None:
        """End what is received, and come back when every connection is closed."""
        for peer in self.connections:
            peer.end()
        if self.connections:
            _, late = await asyncio.wait(set(self.connections.values()), timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _serve(self, peer: TcpPeer, dialect: WyomingDialect, address: str) -> None:
        if len(self.connections) > self.settings.max_sessions:
            raise errors.Overloaded(
                f"expected at most {self.settings.max_sessions} connections, got one more"
            )
        if self.service.draining:
            raise errors.Draining("the server is about to stop: try again in a moment")
        caller = await self.access.admit(None, Scope.STREAMS)
        peer.caller = replace(caller, address=address)
        with self.access.enter(peer.caller, Scope.STREAMS):
            await dialect.serve(peer, self.service)
