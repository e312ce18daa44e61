"""`AsyncClient`: a Sotto server, for programs with an event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from os import PathLike
from typing import BinaryIO, Unpack

from sotto.client.address import parse_address
from sotto.client.async_stream import AsyncStream
from sotto.client.events import Event, Transcript
from sotto.client.files import FileOptions, Upload
from sotto.client.patience import Patience
from sotto.client.sound import Sound
from sotto.client.wire import StreamOptions

LOCAL = "http://localhost:8000"


class AsyncClient:
    """Nothing is opened by it alone, and nothing has to be closed. Raises BadOption."""

    def __init__(
        self,
        url: str = LOCAL,
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`url`: http, https, ws or wss, with the path that the server lies under."""
        self._address = parse_address(url, api_key, tls)
        self._patience = patience or Patience()

    def stream(self, **options: Unpack[StreamOptions]) -> AsyncStream:
        """Speech while it is spoken: `async with client.stream() as stream`. Raises BadOption."""
        return AsyncStream(self._address, options, self._patience)

    async def listen(
        self, chunks: AsyncIterable[Sound] | Iterable[Sound], **options: Unpack[StreamOptions]
    ) -> AsyncIterator[Event]:
        """Send all chunks, and give what is said of them meanwhile, up to `Closed`.

        Raises what the chunks raise, once what came before is heard; and as `stream` does.
        """
        async with self.stream(**options) as stream:
            feeding = asyncio.create_task(_feed(stream, chunks))
            try:
                async for event in stream:
                    yield event
                await feeding
            finally:
                feeding.cancel()
                await asyncio.wait({feeding})
                if not feeding.cancelled():
                    feeding.exception()  # what ended the stream ended this too

    async def transcribe(
        self, file: str | PathLike[str] | BinaryIO, **options: Unpack[FileOptions]
    ) -> Transcript:
        """All that is said in any audio or video file.

        Raises BadAudio where it cannot be opened or read, what the server says, and Unreachable.
        """
        upload = Upload(self._address, options)
        try:
            return await asyncio.to_thread(upload.send, file)
        finally:
            upload.abort()


async def _feed(stream: AsyncStream, chunks: AsyncIterable[Sound] | Iterable[Sound]) -> None:
    try:
        if isinstance(chunks, AsyncIterable):
            async for chunk in chunks:
                await stream.send(chunk)
        else:
            for chunk in chunks:
                await stream.send(chunk)
    finally:
        await stream.finish()
