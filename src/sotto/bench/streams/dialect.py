"""What the generator must know of a server's protocol: one small file for each server.

A dialect is given to another process, so it is a frozen value. What it says of a server's
messages is one of the observations below, whatever the server calls them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from sotto.bench.streams.sound import Pcm
from sotto.errors import ServerError

Message: TypeAlias = bytes | str


@dataclass(frozen=True)
class Shown:
    """The words that a reader sees after the certain ones; they replace those shown before."""

    text: str


@dataclass(frozen=True)
class Committed:
    """Words that the server calls certain; they are appended to those before.

    A text that does not begin with a space goes on with the last word.
    """

    text: str
    ends: tuple[float, ...] = ()
    """Seconds of the stream at which the server says that each word ends; empty: it does not."""


@dataclass(frozen=True)
class Final:
    """The server is done with what was said until now; what follows begins a new word."""

    end: float | None = None
    """Seconds of the stream at which it says that the utterance ends."""


@dataclass(frozen=True)
class TakenBack:
    """Words that were called certain turned out not to be."""

    words: int


@dataclass(frozen=True)
class Failed:
    """The server ends the stream before its time."""

    why: str


@dataclass(frozen=True)
class Over:
    """The server has said all it will say."""


Observation: TypeAlias = Shown | Committed | Final | TakenBack | Failed | Over


class HungUp(ServerError):
    """The server closed the connection."""

    code = "hung_up"


class Wire(Protocol):
    """One connection."""

    async def send(self, message: Message) -> None:
        """Returns once there is room for another. Raises HungUp."""
        ...

    async def receive(self) -> Message:
        """The next message. Raises HungUp."""
        ...

    async def close(self) -> None:
        """Hang up; never raises HungUp."""
        ...


class Reader(Protocol):
    """Understands one connection's messages; it may keep what it needs of those before."""

    def read(self, message: Message) -> Sequence[Observation]:
        """What a message says; all of it is seen at once. Raises ValueError."""
        ...


class Dialect(Protocol):
    """How to speak with a server."""

    @property
    def name(self) -> str:
        """In reports."""
        ...

    @property
    def says_over(self) -> bool:
        """Whether the server tells that it is done, by `Over` or by hanging up."""
        ...

    async def connect(self, address: str) -> Wire:
        """A connection that takes sound from now on. Raises HungUp, ServerError, OSError."""
        ...

    def message(self, pcm: Pcm) -> Message:
        """100 ms of sound, as they are sent."""
        ...

    def goodbye(self) -> Sequence[Message]:
        """What is sent after the last sound."""
        ...

    def reader(self) -> Reader:
        """For a new connection."""
        ...


class SocketWire:
    """A WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, message: Message) -> None:
        """Returns once there is room for another. Raises HungUp."""
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise HungUp(_why(error)) from error

    async def receive(self) -> Message:
        """The next message. Raises HungUp."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as error:
            raise HungUp(_why(error)) from error

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()


async def open_socket(address: str, *, deflate: bool) -> SocketWire:
    """Raises ServerError where there is none.

    `deflate`: whether the client offers to compress messages, as browsers always do.
    """
    try:
        compression = "deflate" if deflate else None
        socket = await connect(address, max_size=None, compression=compression, ping_interval=None)
    except (OSError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        raise ServerError(f"cannot reach {address}: {reason}") from error
    return SocketWire(socket)


def _why(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return "the connection broke"
    return f"close code {error.rcvd.code} {error.rcvd.reason}".rstrip()
