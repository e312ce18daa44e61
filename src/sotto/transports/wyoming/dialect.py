"""Wyoming's dialect over TCP, as Home Assistant asks for it. Of it here: speech to text.

    → describe                                        ← info
    → transcribe, audio-start, audio-chunk, …         ← transcript-start, transcript-chunk, …
    → audio-stop                                      ← transcript, transcript-stop

One utterance follows another on a connection; all that is said from start to stop is one
transcript. The chunks, joined, are its text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass

from sotto.audio.format import seconds
from sotto.dialogue.voices import Voices
from sotto.errors import CallerError, ProtocolViolation, SottoError, TooLarge
from sotto.runtime.closing import EARLY
from sotto.runtime.intake import Message
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.runtime.stream import Stream
from sotto.transcript.events import Committed, Event
from sotto.transports.tcp import TcpPeer
from sotto.transports.wyoming.shapes import Sound, Transcribe, info, parse
from sotto.transports.wyoming.speech import EVENTS, Speaker
from sotto.transports.wyoming.wire import MAX_PAYLOAD, EventParser, WireEvent, pack

NAME = "wyoming"

IDLE = 300.0
"""Seconds in which a client must say something after its first event."""


@dataclass(frozen=True)
class WyomingDialect:
    """One object serves all connections."""

    first: float
    """Seconds in which a client must say something at all."""
    idle: float = IDLE
    max_payload: int = MAX_PAYLOAD
    """Bytes of one event."""
    voices: Voices | None = None
    """What speaks; None: nothing does."""

    async def serve(self, peer: TcpPeer, service: Service) -> None:
        """One connection from its first event to its last. Raises what ends it early."""
        with closing(Speaker(peer, service, self.voices)) as speaker:
            await _Conversation(peer, service, _Events(peer, self), speaker).run()

    def last_words(self, error: SottoError) -> bytes:
        """An `error` event."""
        return pack("error", {"text": error.message, "code": error.code})


class _Events:
    """What a client sends, one event after the other."""

    def __init__(self, peer: TcpPeer, dialect: WyomingDialect) -> None:
        self._peer = peer
        self._dialect = dialect
        self._timeout = dialect.first
        self._parser = EventParser(max_payload=dialect.max_payload)
        self._ready: deque[WireEvent] = deque()
        self._failure: CallerError | None = None
        """What came after those that are ready."""

    async def next(self) -> WireEvent | None:
        """The next event; None after the last. Raises ProtocolViolation, TooLarge, TooSlow."""
        while not self._ready:
            if self._failure is not None:
                raise self._failure
            data = await self._peer.receive(self._timeout)
            if not data:
                if not self._peer.is_ended:
                    self._parser.finish()
                return None
            try:
                self._ready.extend(self._parser.receive(data))
            except CallerError as error:
                self._failure = error
        self._timeout = self._dialect.idle
        return self._ready.popleft()


class _Conversation:
    def __init__(self, peer: TcpPeer, service: Service, events: _Events, speaker: Speaker) -> None:
        self._peer = peer
        self._speaker = speaker
        self._service = service
        self._events = events
        self._wanted = Transcribe()
        """For the utterances that follow."""

    async def run(self) -> None:
        while (event := await self._events.next()) is not None:
            match event.type:
                case "audio-start" | "audio-chunk":
                    await self._hear(event)
                case "audio-stop":
                    raise ProtocolViolation("expected audio-start before audio-stop, got none")
                case _:
                    await self._answer(event)

    async def _answer(self, event: WireEvent) -> None:
        """What can be asked at any time; an unknown event is let pass, as everywhere in Wyoming."""
        match event.type:
            case "describe":
                told = info(self._service.models.snapshot())
                await self._peer.send(pack("info", told | self._speaker.info()))
            case "ping":
                text = event.data.get("text")
                await self._peer.send(
                    pack("pong", {"text": text if isinstance(text, str) else None})
                )
            case "transcribe":
                self._wanted = parse(Transcribe, event)
            case kind if kind in EVENTS:
                await self._speaker.receive(event)

    async def _hear(self, first: WireEvent) -> None:
        """One utterance, of which the first event came."""
        sound, wanted = parse(Sound, first), self._wanted
        request = StreamRequest(
            model=wanted.name or "",
            decode=wanted.decode(self._service.defaults),
            sound=sound.pcm,
        )
        async with self._service.open_stream(request, NAME, self._peer.caller.owner) as stream:
            told = _Told(self._peer, request.decode.language)
            try:
                await stream.run(self._messages(first, sound, stream), told)
            except EARLY:
                await told.finish(stream.session.language)
                raise
            await told.finish(stream.session.language)

    async def _messages(
        self, first: WireEvent, sound: Sound, stream: Stream
    ) -> AsyncIterator[Message]:
        event: WireEvent | None = first
        while event is not None and event.type != "audio-stop":
            if event.type in ("audio-start", "audio-chunk"):
                if parse(Sound, event) != sound:
                    raise ProtocolViolation(
                        f"expected sound as at its start ({sound}), got another form"
                    )
                self._check_length(stream)
                yield sound.samples(event.payload)
            else:
                await self._answer(event)
            event = await self._events.next()

    def _check_length(self, stream: Stream) -> None:
        most = self._service.limits.max_file_seconds
        if seconds(stream.session.frame) > most:
            raise TooLarge(f"expected at most {most:g} s of sound before audio-stop, got more")


@dataclass
class _Told:
    """What a client is told of one utterance."""

    peer: TcpPeer
    language: str | None
    """The one that was asked for."""
    text: str = ""
    begun: bool = False
    utterance: int = -1
    """The core's, of the last words: a long pause ends one."""

    async def __call__(self, event: Event) -> None:
        if not isinstance(event, Committed):
            return
        text = "".join(word.text for word in event.words)
        if event.utterance != self.utterance:
            text = f" {text.lstrip()}" if self.text else text.lstrip()
            self.utterance = event.utterance
        self.text += text
        await self._send(pack("transcript-chunk", {"text": text}))

    async def finish(self, language: str) -> None:
        """The last word, in one piece: who has the transcript may hang up."""
        whole = pack("transcript", {"text": self.text, "language": language})
        await self._send(whole + pack("transcript-stop"))

    async def _send(self, data: bytes) -> None:
        if not self.begun:
            self.begun = True
            start = {} if self.language is None else {"language": self.language}
            data = pack("transcript-start", start) + data
        await self.peer.send(data)
