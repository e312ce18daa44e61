"""One live socket of Deepgram's dialect: its channels, and what goes to and comes from each."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sotto.audio.format import frames, seconds
from sotto.errors import SottoError
from sotto.runtime.intake import Message
from sotto.runtime.runner import Flush, Listener
from sotto.runtime.stream import Stream
from sotto.runtime.until import until
from sotto.runtime.voices import Voices
from sotto.transcript.events import Event
from sotto.transports.deepgram.errors import NoSound
from sotto.transports.deepgram.results import About, Channel, Style, metadata
from sotto.transports.deepgram.shapes import Command, Query, Told, parse_message
from sotto.transports.deepgram.sound import Splitter
from sotto.transports.peer import Peer

Json: TypeAlias = dict[str, Any]
Send: TypeAlias = Callable[[Sequence[Json]], Awaitable[None]]


class Conversation:
    """One socket: what its client sends, to each channel; what is heard there, back.

    The channels are known before the first sound comes. So their streams are opened before, all of
    them or none: a voice that is opened by its first sound could be refused in mid-stream.
    """

    def __init__(self, peer: Peer, query: Query, streams: Sequence[Stream], about: About) -> None:
        self._peer = peer
        self._about = about
        self._query = query
        self._splitter = Splitter(query.split) if query.split else None
        style = _style(query)
        self._lines = {
            str(index): Line(stream, Channel(index, len(streams), style, about), self._tell)
            for index, stream in enumerate(streams)
        }
        self._created = datetime.now(UTC)
        self._digest = hashlib.sha256()
        self._over = asyncio.Event()
        self._failure: SottoError | None = None

    async def run(self, timeout: float) -> None:
        """From the first message to the last result. Raises what ends it early."""
        async with asyncio.TaskGroup() as tasks:
            voices = Voices(
                tasks,
                self._open,
                self._listen,
                most=len(self._lines),
                failed=lambda _, error: self._end(error),
            )
            try:
                await self._read(voices, timeout)
            except SottoError as error:
                self._end(error)
            await voices.finish()
        if self._failure is not None:
            raise self._failure

    def metadata(self) -> Json:
        """The last message of a stream that came to its end."""
        told = metadata(
            self._about,
            sha256=self._digest.hexdigest(),
            created=self._created,
            duration=max(seconds(line.frame) for line in self._lines.values()),
            channels=len(self._lines),
        )
        return {"type": "Metadata", **told}

    @asynccontextmanager
    async def _open(self, name: str) -> AsyncIterator[Line]:
        yield self._lines[name]

    async def _listen(self, name: str, event: Event) -> None:
        await self._lines[name].listen(event)

    def _end(self, error: SottoError) -> None:
        self._failure = self._failure or error
        self._over.set()

    async def _read(self, voices: Voices, timeout: float) -> None:
        """Take messages to the last. Raises NoSound, ProtocolViolation, TooLarge, BadAudio."""
        async with aclosing(until(self._messages(timeout), self._over)) as messages:
            async for message in messages:
                if isinstance(message, bytes):
                    await self._hear(message, voices)
                elif not await self._obey(parse_message(message, len(self._lines)), voices):
                    break
        if self._splitter is not None:
            self._splitter.finish()

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

    async def _hear(self, sound: bytes, voices: Voices) -> None:
        """Give each channel its part."""
        self._digest.update(sound)
        parts = [sound] if self._splitter is None else self._splitter.receive(sound)
        for name, part in zip(self._lines, parts, strict=True):
            await self._send(name, part, voices)

    async def _obey(self, told: Told, voices: Voices) -> bool:
        """Do what a text message says; false where it ends the stream."""
        match told.command:
            case Command.FINALIZE:
                for name in self._lines if told.channel is None else [str(told.channel)]:
                    await self._send(name, Flush(), voices)
            case Command.CONFIGURE:
                await self._peer.send(json.dumps(_refuse_to_configure(self._about)))
        return told.command is not Command.CLOSE_STREAM

    async def _send(self, name: str, message: Message, voices: Voices) -> None:
        if not self._over.is_set():  # a voice that failed would be opened anew
            await voices.send(name, message)

    async def _tell(self, messages: Sequence[Json]) -> None:
        for message in messages:
            await self._peer.send(json.dumps(message))


class Line:
    """One channel: its stream, and what is told besides the stream's events."""

    def __init__(self, stream: Stream, channel: Channel, send: Send) -> None:
        self._stream = stream
        self._channel = channel
        self._send = send
        self._telling = asyncio.Lock()

    @property
    def frame(self) -> int:
        """Frames heard."""
        return self._stream.session.frame

    async def run(self, messages: AsyncIterator[Message], listener: Listener) -> None:
        """The stream, from the first message to its last event. Raises what ends it early."""
        await self._stream.run(self._heard(messages), listener)

    async def listen(self, event: Event) -> None:
        """Tell of an event of the stream."""
        await self._tell(lambda: self._channel.receive(event))
        await self._tell_of_silence()

    async def _heard(self, messages: AsyncIterator[Message]) -> AsyncIterator[Message]:
        """The messages, and what is to be told once each was heard."""
        async for message in messages:
            if isinstance(message, Flush):
                begun = self._stream.session.utterances
                is_awaited = self._channel.flushing(begun)
                yield message
                if not is_awaited or self._stream.session.utterances > begun:
                    await self._tell(lambda: self._channel.flushed(self._stream.session.utterances))
            else:
                yield message
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
