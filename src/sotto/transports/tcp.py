"""What dialects over bare TCP share: the connection as bytes in and bytes out."""

from __future__ import annotations

import asyncio
import contextlib

from sotto.errors import Gone, SottoError, TooSlow
from sotto.runtime.access import Caller

PIECE = 64 * 1024
"""Bytes that are read at once."""
HURRY = 1.0
"""Seconds in which a message must be read once the server has no more time."""
LINGER = 2.0
"""Seconds in which a client that is still sending may read the last word."""


class TcpPeer:
    """The other side of one connection."""

    caller = Caller()
    """Who it is; told by whoever lets it in."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, send_timeout: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._send_timeout = send_timeout
        self._ended = asyncio.Event()
        self._sending: set[asyncio.Timeout] = set()

    @property
    def is_ended(self) -> bool:
        """Whether it was this side that ended what is received."""
        return self._ended.is_set()

    def end(self, why: SottoError | None = None) -> None:
        """From now on nothing is received; what was said until now is told first."""
        self._ended.set()

    def hurry(self) -> None:
        """From now on a client has but a second to read what it is sent."""
        self._send_timeout = min(self._send_timeout, HURRY)
        for sending in self._sending:
            if not sending.expired():
                sending.reschedule(asyncio.get_running_loop().time() + HURRY)

    async def receive(self, timeout: float) -> bytes:
        """The bytes that come next; none: no more come. Raises TooSlow."""
        reading = asyncio.ensure_future(self._reader.read(PIECE))
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait(
                {reading, ended}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if ended.done():
                return b""
            if not reading.done():
                raise TooSlow(f"expected something within {timeout:g} s, got nothing")
            return reading.result()
        except ConnectionError:
            return b""
        finally:
            reading.cancel()
            ended.cancel()
            await asyncio.gather(reading, ended, return_exceptions=True)

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises Gone, or TooSlow where it is not taken in time."""
        try:
            async with asyncio.timeout(self._send_timeout) as sending:
                self._sending.add(sending)
                try:
                    self._writer.write(data)
                    await self._writer.drain()
                finally:
                    self._sending.discard(sending)
        except TimeoutError:
            self.end()
            self._writer.transport.abort()
            raise TooSlow(
                f"expected a client that reads within {self._send_timeout:g} s, got none"
            ) from None
        except OSError as error:
            self.end()
            raise Gone("the client hung up") from error

    async def close(self) -> None:
        """Close it, so that what was sent arrives though the client may still be sending.

        Bytes that nobody read would make the system reset the connection, and its last word go.
        """
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER):
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                while await self._reader.read(PIECE):
                    pass
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER):
                await self._writer.wait_closed()
