"""`Client`: a Sotto server, for programs without an event loop. It drives the one with one."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from os import PathLike
from types import TracebackType
from typing import BinaryIO, Self, Unpack

from sotto.client.async_client import LOCAL, AsyncClient
from sotto.client.async_stream import AsyncStream
from sotto.client.events import Event, Transcript
from sotto.client.files import FileOptions
from sotto.client.patience import Patience
from sotto.client.portal import Portal
from sotto.client.sound import Sound
from sotto.client.wire import StreamOptions


class Stream:
    """As `AsyncStream`; one thread may send while another one reads."""

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream
        self._portal = Portal()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Wait until the server listens. Raises what it says against it, and Unreachable."""
        with ExitStack() as stack:
            portal = stack.enter_context(self._portal)
            portal.call(self._stream.__aenter__())
            stack.callback(lambda: portal.call(self._stream.__aexit__(None, None, None)))
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._open.close()

    def send(self, sound: Sound) -> None:
        """As `AsyncStream.send`."""
        self._portal.call(self._stream.send(sound))

    def flush(self) -> None:
        """As `AsyncStream.flush`."""
        self._portal.call(self._stream.flush())

    def finish(self) -> None:
        """As `AsyncStream.finish`."""
        self._portal.call(self._stream.finish())

    def __iter__(self) -> Iterator[Event]:
        """The events up to `Closed`."""
        return self

    def __next__(self) -> Event:
        """Raises what ended the stream."""
        event = self._portal.call(_next(self._stream))
        if event is None:
            raise StopIteration
        return event


class Client:
    """As `AsyncClient`. Nothing has to be closed. Raises BadOption."""

    def __init__(
        self,
        url: str = LOCAL,
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`url`: http, https, ws or wss, with the path that the server lies under."""
        self._client = AsyncClient(url, api_key=api_key, patience=patience, tls=tls)

    def stream(self, **options: Unpack[StreamOptions]) -> Stream:
        """Speech while it is spoken: `with client.stream() as stream`. Raises BadOption."""
        return Stream(self._client.stream(**options))

    def listen(self, chunks: Iterable[Sound], **options: Unpack[StreamOptions]) -> Iterator[Event]:
        """Send all chunks, taken in another thread, and give what is said of them meanwhile.

        Raises what the chunks raise, once what came before is heard; and as `stream` does.
        """
        feeder = ThreadPoolExecutor(1, thread_name_prefix="sotto-chunks")
        try:
            with self.stream(**options) as stream:
                feeding = feeder.submit(_feed, stream, chunks)
                yield from stream
                feeding.result()
        finally:
            feeder.shutdown(wait=False)  # it may wait for a chunk that never comes

    def transcribe(
        self, file: str | PathLike[str] | BinaryIO, **options: Unpack[FileOptions]
    ) -> Transcript:
        """All that is said in any audio or video file; as `AsyncClient.transcribe`."""
        with Portal() as portal:
            return portal.call(self._client.transcribe(file, **options))


async def _next(stream: AsyncStream) -> Event | None:
    return await anext(stream, None)


def _feed(stream: Stream, chunks: Iterable[Sound]) -> None:
    try:
        for chunk in chunks:
            stream.send(chunk)
    finally:
        stream.finish()
