"""One live socket of Deepgram's dialect: its channels, and what goes to and comes from each."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sotto.audio.format import frames, seconds
from sotto.errors import SottoError
from sotto.runtime.intake import Message
from sotto.runtime.runner import Flush
from sotto.runtime.service import Stream
from sotto.transcript.events import Event
from sotto.transports.deepgram.errors import NoSound
from sotto.transports.deepgram.results import About, Channel, Style, metadata
from sotto.transports.deepgram.shapes import Command, Query, Told, parse_message
from sotto.transports.deepgram.sound import Splitter
from sotto.transports.peer import Peer

Json: TypeAlias = dict[str, Any]
Send: TypeAlias = Callable[[Sequence[Json]], Awaitable[None]]

MAX_WAITING = 4
"""Messages of one channel that wait to be heard; then the client is not read."""


class Conversation:
    """One socket: what its client sends, to each channel; what is heard there, back.

    The channels are known before the first sound comes, so that all of them are opened at once:
    `runtime.voices`, which opens one when it is first heard, could refuse in mid-stream.
    """

    def __init__(self, peer: Peer, query: Query, streams: Sequence[Stream], about: About) -> None:
        self._peer = peer
        self._about = about
        self._query = query
        self._splitter = Splitter(query.split) if query.split else None
        style = _style(query)
        self._lines = [
            Line(stream, Channel(index, len(streams), style, about), self._send)
            for index, stream in enumerate(streams)
        ]
        self._created = datetime.now(UTC)
        self._digest = hashlib.sha256()
        self._failure: SottoError | None = None

    async def run(self, timeout: float) -> None:
        """From the first message to the last result. Raises what ends it early."""
        async with asyncio.TaskGroup() as tasks:
            runs = [tasks.create_task(line.run()) for line in self._lines]
            reading = tasks.create_task(self._read(timeout))
            await asyncio.wait({reading, *runs}, return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            for line in self._lines:
                await line.send(None)
        failures = [self._failure, *(line.failure for line in self._lines)]
        for failure in filter(None, failures):
            raise failure

    def metadata(self) -> Json:
        """The last message of a stream that came to its end."""
        told = metadata(
            self._about,
            sha256=self._digest.hexdigest(),
            created=self._created,
            duration=max(seconds(line.frame) for line in self._lines),
            channels=len(self._lines),
        )
        return {"type": "Metadata", **told}

    async def _read(self, timeout: float) -> None:
        try:
            async with aclosing(self._messages(timeout)) as messages:
                async for message in messages:
                    if isinstance(message, bytes):
                        await self._hear(message)
                    elif not await self._obey(parse_message(message, len(self._lines))):
                        break
            if self._splitter is not None:
                self._splitter.finish()
        except SottoError as error:
            self._failure = error

    async def _messages(self, timeout: float) -> AsyncGenerator[str | bytes, None]:
        """Until the client hangs up. Raises NoSound where it is silent for too long.

        An empty message is none: recorders that have nothing yet send them, and a client that means
        the end by it gets its words by the idle flush, and the close when this time is up.
        """
        messages = self._peer.messages()
        while True:
            try:
                async with asyncio.timeout(timeout):
                    while (message := await anext(messages, None)) == b"":
                        pass
            except TimeoutError:
                raise NoSound(
                    f"expected sound or a KeepAlive within {timeout:g} s, got none"
                ) from None
            if message is None:
                return
            yield message

    async def _hear(self, sound: bytes) -> None:
        """Give each channel its part."""
        self._digest.update(sound)
        parts = [sound] if self._splitter is None else self._splitter.receive(sound)
        for line, part in zip(self._lines, parts, strict=True):
            await line.send(part)

    async def _obey(self, told: Told) -> bool:
        """Do what a text message says; false where it ends the stream."""
        match told.command:
            case Command.FINALIZE:
                chosen = self._lines if told.channel is None else [self._lines[told.channel]]
                for line in chosen:
                    await line.send(Flush())
            case Command.CONFIGURE:
                await self._peer.send(json.dumps(_refuse_to_configure(self._about)))
        return told.command is not Command.CLOSE_STREAM

    async def _send(self, messages: Sequence[Json]) -> None:
        for message in messages:
            await self._peer.send(json.dumps(message))


class Line:
    """One channel: its stream, and what waits to be heard on it."""

    def __init__(self, stream: Stream, channel: Channel, send: Send) -> None:
        self.failure: SottoError | None = None
        self._stream = stream
        self._channel = channel
        self._send = send
        self._waiting: asyncio.Queue[Message | None] = asyncio.Queue(MAX_WAITING)
        self._telling = asyncio.Lock()
        self._over = False

    @property
    def frame(self) -> int:
        """Frames heard."""
        return self._stream.session.frame

    async def run(self) -> None:
        """To the stream's last event; what ends it early is kept as its failure."""
        try:
            await self._stream.run(self._messages(), self._listen)
        except SottoError as error:
            self.failure = error
        finally:
            self._over = True
            while not self._waiting.empty():  # whoever waits to put something in must not hang
                self._waiting.get_nowait()

    async def send(self, message: Message | None) -> None:
        """Let sound or a flush be heard; None is the end. Nothing where it has ended itself."""
        if not self._over:
            await self._waiting.put(message)

    async def _messages(self) -> AsyncIterator[Message]:
        while (message := await self._waiting.get()) is not None:
            yield message
            if isinstance(message, Flush):
                # The stream asks for one message ahead. When it asks for the one after this
                # piece of nothing, it has done with the flush before it.
                yield b""
                await self._tell(lambda: self._channel.flushed(self._stream.session.utterances))
            await self._tell_of_silence()

    async def _listen(self, event: Event) -> None:
        await self._tell(lambda: self._channel.receive(event))
        await self._tell_of_silence()

    async def _tell_of_silence(self) -> None:
        if self._channel.tells_of_silence:
            await self._tell(self._passed)

    async def _tell(self, say: Callable[[], Sequence[Json]]) -> None:
        """Send what is to be said at the moment when it is its turn."""
        async with self._telling:
            await self._send(say())

    def _passed(self) -> Sequence[Json]:
        session = self._stream.session
        return self._channel.passed(session.frame, session.utterances)


def _style(query: Query) -> Style:
    gap = query.utterance_end_ms
    return Style(
        interim=query.interim_results,
        endpoints=query.has_endpoints,
        speech_started=query.vad_events,
        utterance_end=None if gap is None else frames(gap / 1_000),
    )


def _refuse_to_configure(about: About) -> Json:
    return {
        "type": "ConfigureFailure",
        "request_id": about.request_id,
        "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED",
        "description": "expected keyterms in the address, got them while the stream runs",
    }
