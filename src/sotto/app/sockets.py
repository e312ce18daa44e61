"""Dialects over WebSockets, mounted: who is let in, and how a socket ends."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from fastapi import FastAPI, WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from sotto import errors
from sotto.app.codes import CLOSE, error_response, nearest
from sotto.app.ending import in_time, to_the_end
from sotto.app.setting_groups import ServerSettings
from sotto.runtime.about import telling_of
from sotto.runtime.access import Access, Scope
from sotto.runtime.service import Service
from sotto.transports.dialect import SocketDialect
from sotto.transports.peer import Peer


def mount(app: FastAPI, dialect: SocketDialect, doorway: Doorway) -> None:
    """Let the application answer on the dialect's paths."""
    for path in dialect.paths:

        @app.websocket(path)
        async def serve(socket: WebSocket) -> None:
            await doorway.serve(socket, dialect)


@dataclass(frozen=True)
class Doorway:
    """What all sockets of a server share."""

    service: Service
    access: Access
    settings: ServerSettings

    async def serve(self, socket: WebSocket, dialect: SocketDialect) -> None:
        """One socket from its upgrade to its close."""
        peer = Peer(
            socket,
            send_timeout=self.settings.send_timeout,
            max_message=self.settings.max_message_bytes,
            idle_timeout=self.settings.idle_timeout,
        )
        serving = self._serve(socket, peer, dialect)
        end = partial(_end, socket, peer, dialect)
        request = telling_of(
            dialect=dialect.name, traceparent=socket.headers.get("traceparent", "")
        )
        with self.service.closing.socket(peer), request:
            await to_the_end(serving, dialect.name, self.service.metrics, end)

    async def _serve(self, socket: WebSocket, peer: Peer, dialect: SocketDialect) -> None:
        await self._let_in(socket, peer, dialect)
        known = telling_of(owner=peer.caller.owner)
        with self.access.enter(peer.caller, Scope.STREAMS), known:
            await _accept(socket, peer, dialect)
            await dialect.serve(peer, self.service)
        await _close(socket, 1000)

    async def _let_in(self, socket: WebSocket, peer: Peer, dialect: SocketDialect) -> None:
        if self.service.draining:
            raise errors.Draining("the server is about to stop: try again in a moment")
        origin = socket.headers.get("origin")
        allowed = self.settings.socket_origins
        if origin is not None and "*" not in allowed and origin not in allowed:
            raise errors.Forbidden(f"expected a page of {', '.join(allowed)}, got {origin[:200]}")
        caller = await self.access.admit(dialect.token(peer), Scope.STREAMS)
        address = "" if socket.client is None else socket.client.host
        peer.caller = replace(caller, address=address)
        dialect.check(peer)


async def _end(
    socket: WebSocket, peer: Peer, dialect: SocketDialect, error: errors.SottoError
) -> None:
    if socket.application_state is WebSocketState.CONNECTING:
        try:
            if not dialect.accepts_first:
                await socket.send_denial_response(_denial(dialect, error))
                return
            await _accept(socket, peer, dialect)
        except (OSError, errors.Gone):
            return
    parting = peer.parting or dialect
    words = parting.last_words(error)
    if words is not None and not await in_time(peer.send(words)):
        return
    if parting.lingers(error):
        await in_time(_hung_up(peer))
    code = dialect.close_code(error) or nearest(CLOSE, error)
    await _close(socket, code, dialect.close_reason(error))


async def _hung_up(peer: Peer) -> None:
    async for _ in peer.messages():
        pass


async def _accept(socket: WebSocket, peer: Peer, dialect: SocketDialect) -> None:
    """Raises Gone: keys may have to be fetched first, and not every client waits."""
    chosen = dialect.subprotocol(peer)
    try:
        await socket.accept(chosen)
    except OSError as error:
        raise errors.Gone("the client hung up before it was let in") from error


def _denial(dialect: SocketDialect, error: errors.SottoError) -> JSONResponse:
    response = error_response(error)
    body = dialect.refusal(error)
    if body is not None:
        response.body = response.render(body)
        response.headers["Content-Length"] = str(len(response.body))
    return response


async def _close(socket: WebSocket, code: int, reason: str = "") -> None:
    if (
        socket.client_state is WebSocketState.CONNECTED
        and socket.application_state is WebSocketState.CONNECTED
    ):
        with suppress(WebSocketDisconnect):  # it hung up, and nobody read that yet
            await socket.close(code, reason)
