"""One connection to `/stream`: messages out, events in. Every trouble is an error of this house."""

from __future__ import annotations

import asyncio
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from sotto.client.address import Address
from sotto.client.events import Event, Ready
from sotto.client.failures import answered, hung_up
from sotto.client.wire import FINISH, FLUSH, parse
from sotto.errors import ServerError, Unreachable

OPEN_SECONDS = 10.0
"""For the connection and its handshake."""
READY_SECONDS = 60.0
"""For the server to listen: it may have to load the model first, and waits 30 s for that."""
SILENT_SECONDS = 30.0
"""Without any word of the server while one is due; then the connection is taken for dead."""
CLOSE_SECONDS = 1.0


class _Connect(connect):
    """Goes nowhere else: what it is given is for this server alone."""

    def process_redirect(self, exc: Exception) -> Exception:
        """A redirect is an answer like any other that is not the one expected."""
        return exc


class Line:
    """Open from `open` on, until either side hangs up."""

    def __init__(self, socket: ClientConnection, address: Address) -> None:
        self._socket = socket
        self._address = address.stream
        self._heard = 0
        """Messages that came."""

    @classmethod
    async def open(cls, address: Address, config: str) -> tuple[Self, Ready]:
        """A stream that listens. Raises what the server says against it, and Unreachable."""
        line = cls(await open_socket(address, address.stream), address)
        ready: Event | None = None
        try:
            await line._send(config)
            async with asyncio.timeout(READY_SECONDS):
                ready = await line.receive()
        except TimeoutError:
            raise Unreachable(
                f"expected `ready` from {address.stream} within {READY_SECONDS:g} s, got nothing"
            ) from None
        finally:
            if not isinstance(ready, Ready):
                await line.close()
        if not isinstance(ready, Ready):
            raise ServerError(f"expected `ready` from {address.stream} first, got another message")
        return line, ready

    async def receive(self) -> Event:
        """The next event. Raises what the server says, and Unreachable where the line broke."""
        while True:
            try:
                message = await self._socket.recv()
            except ConnectionClosed as error:
                code = error.rcvd.code if error.rcvd else None
                raise hung_up(self._address, code) from error
            self._heard += 1
            if (event := parse(message, self._address)) is not None:
                return event

    async def send(self, sound: bytes) -> None:
        """As soon as the network takes it; where the line is broken, `receive` says so."""
        await self._send(sound)

    async def flush(self) -> None:
        """Let the open utterance end."""
        await self._send(FLUSH)

    async def finish(self) -> None:
        """Ask for the last words."""
        await self._send(FINISH)

    async def was_read(self) -> bool:
        """Wait until the server has read all that was sent; False where the line is broken.

        A ping is answered in its turn. Where neither that nor anything else comes, hangs up.
        """
        try:
            pong = asyncio.ensure_future(await self._socket.ping())
            while True:
                heard = self._heard
                done, _ = await asyncio.wait({pong}, timeout=SILENT_SECONDS)
                if done:
                    await pong
                    return True
                if heard == self._heard:
                    self._socket.transport.abort()
                    return False
        except ConnectionClosed:
            return False

    async def close(self) -> None:
        """Hang up. The server decodes and stores what it has got."""
        await self._socket.close()

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._socket.send(message)
        except ConnectionClosed:
            return


async def open_socket(address: Address, url: str) -> ClientConnection:
    """A WebSocket of the server, at an address below its own. Raises what the server says against
    it, and Unreachable."""
    try:
        return await _Connect(
            address.asked(url),
            additional_headers=address.headers,
            ssl=address.context,
            compression=None,  # sound hardly shrinks
            open_timeout=OPEN_SECONDS,
            # Its pongs wait behind sound that the server does not read yet: see `was_read`.
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
        )
    except InvalidStatus as error:
        response = error.response
        after = response.headers.get("Retry-After")
        raise answered(url, response.status_code, after, None) from error
    except (OSError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        raise Unreachable(f"cannot reach {url}: {reason}") from error
