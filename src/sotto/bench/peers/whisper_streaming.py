"""whisper_streaming (ufal): a line for each piece of text that two hypotheses agreed upon."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from sotto.bench.peers.peer import Peer
from sotto.bench.streams.dialect import Committed, HungUp, Message, Observation, Wire
from sotto.bench.streams.sound import Pcm
from sotto.errors import ServerError

LONGEST = 2**20
"""Bytes of a line."""

_LINE = re.compile(r"(\d{1,9}) (\d{1,9}) (.*)", re.DOTALL)
"""Milliseconds at which the text begins and ends, and the text."""


@dataclass(frozen=True)
class WhisperStreaming:
    """Its server: a plain socket, on which it says only what it is sure of."""

    name: str = "whisper-streaming"
    says_over: bool = False
    """It hangs up, and keeps to itself what was not agreed upon by then."""

    async def connect(self, address: str) -> Wire:
        """Raises ServerError. While it serves another client this one waits to be heard."""
        place = urlsplit(address)
        try:
            reader, writer = await asyncio.open_connection(
                place.hostname, place.port, limit=LONGEST
            )
        except OSError as error:
            raise ServerError(f"cannot reach {address}: {error}") from error
        return LineWire(reader, writer)

    def message(self, pcm: Pcm) -> Message:
        """As 16 bits."""
        return pcm.astype("<i2").tobytes()

    def goodbye(self) -> Sequence[Message]:
        """Nothing at all ends the stream."""
        return (b"",)

    def reader(self) -> _Reader:
        """For a new connection."""
        return _Reader()


class LineWire:
    """A socket on which lines come back; an empty message says that no more is sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: Message) -> None:
        """Returns once there is room for another. Raises HungUp."""
        try:
            if message:
                self._writer.write(message if isinstance(message, bytes) else message.encode())
                await self._writer.drain()
            else:
                self._writer.write_eof()
        except OSError as error:
            raise HungUp(f"the connection broke: {error}") from error

    async def receive(self) -> Message:
        """The next line. Raises HungUp; ValueError where it is too long."""
        try:
            line = await self._reader.readline()
        except OSError as error:
            raise HungUp(f"the connection broke: {error}") from error
        if not line:
            raise HungUp("the connection ended")
        return line

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


@dataclass(frozen=True)
class _Reader:
    def read(self, message: Message) -> Sequence[Observation]:
        """What a line says. Raises ValueError."""
        line = message if isinstance(message, str) else message.decode()
        found = _LINE.fullmatch(line.rstrip("\r\n").lstrip("\0"))
        if found is None:
            raise ValueError(f"expected two times and a text, got {line[:80]!r}")
        text, end = found[3], int(found[2]) / 1000
        if not text.strip():
            return ()
        return (Committed(text, (end,) if len(text.split()) == 1 else ()),)


PEER = Peer(
    "whisper-streaming",
    ("whisper-streaming",),
    module="whisper_online",
    packages=("faster-whisper", "ctranslate2", "silero-vad"),
    dialect=lambda setup: WhisperStreaming(),
    most=1,
)
"""LocalAgreement with its voice activity controller."""
