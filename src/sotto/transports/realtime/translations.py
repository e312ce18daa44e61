"""`/v1/realtime/translations`: speech in one language goes in, speech in another comes out."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from sotto.audio.format import Encoding, PcmFormat
from sotto.dialogue.events import AnswerEvent, AudioDelta, ResponseDone, TextDelta
from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.partner import Partner
from sotto.errors import BadAudio, BadOption
from sotto.runtime.intake import Message
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.transcript.events import Committed, Event, Final
from sotto.transcript.languages import parse_language
from sotto.transcript.options import StreamOptions, Task
from sotto.transports.peer import Peer
from sotto.transports.realtime.call import SESSION_SECONDS, made_up, stamped
from sotto.transports.realtime.events import BadEvent, Json, error_event, failed, parse_object
from sotto.transports.realtime.incoming import Append, EventId, Update, id_of, parse_append
from sotto.transports.realtime.interpreting import Interpreter, Utterance
from sotto.transports.realtime.outgoing import milliseconds
from sotto.transports.realtime.session import MAX_CHARACTERS, check_size
from sotto.transports.realtime.shapes import OPENAIS_RATE, merged
from sotto.transports.realtime.understood import Answering, understood

AHEAD = 8
"""Utterances that wait to be translated before no more is heard."""
PAUSE = 0.5
"""Seconds that end an utterance: whoever interprets cannot wait for long."""
LONGEST = 12.0
"""Seconds after which one is cut."""
NAME = "realtime"
SOUND = PcmFormat(Encoding.PCM_S16LE, OPENAIS_RATE)


@dataclass(frozen=True)
class Close:
    """Say what is left, and hang up."""

    event_id: EventId = None


Asked: TypeAlias = Append | Update | Close


def parse_translation(message: str | bytes) -> Asked:
    """What a client says. Raises BadEvent."""
    if isinstance(message, bytes):
        raise BadEvent("", "expected events as text, got a binary message")
    event = parse_object(message)
    event_id = id_of(event)
    match event.get("type"):
        case "session.input_audio_buffer.append":
            return parse_append(event, event_id)
        case "session.close":
            return Close(event_id)
        case "session.update" if isinstance(event.get("session"), dict):
            return Update(event["session"], beta=False, event_id=event_id)
        case kind:
            raise BadEvent("type", f"expected a client event, got {str(kind)[:100]!r}", event_id)


class Translating:
    """One session."""

    def __init__(self, peer: Peer, service: Service, partner: Partner, expires_at: int) -> None:
        self._peer = peer
        self._service = service
        self._messages = peer.messages()
        self._interpreter = Interpreter(partner, self._tell_answer)
        self._waiting: asyncio.Queue[Utterance | None] = asyncio.Queue(AHEAD)
        self._document: Json = {
            "id": made_up("sess"),
            "type": "translation",
            "model": peer.query.get("model", partner.chat.name)[:200],
            "expires_at": expires_at,
            "audio": {
                "input": {"transcription": None, "noise_reduction": None},
                "output": {"language": partner.manner.language or "en"},
            },
        }
        self._ends = asyncio.get_running_loop().time() + SESSION_SECONDS
        self._saying: asyncio.Task[None] | None = None
        self._held: Asked | None = None
        """Came for the stream after the one that it ended."""

    async def run(self) -> None:
        """Until the client closes it, or hangs up. Raises what ends it early."""
        await self._tell({"type": "session.created", "session": self._document})
        self._saying = saying = asyncio.create_task(self._say())
        try:
            event = await self._next()
            while isinstance(event, Append | Update):
                if isinstance(event, Append):
                    await self._hear(event)
                event = await self._next()
            await self._put(None)
            await saying
            if event is not None:
                await self._tell({"type": "session.closed"})
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)

    @property
    def _language(self) -> str:
        """In which is spoken."""
        wanted = understood(Answering, self._document, "session")
        return parse_language(wanted.audio.output.language) or "en"

    @property
    def _tells_words(self) -> bool:
        """Whether the client wants to know what was heard."""
        return self._document["audio"]["input"].get("transcription") is not None

    # ---- what the client says

    async def _next(self) -> Asked | None:
        """What it says next; the session is as it wants it by then. None: it hung up."""
        if self._held is not None:
            event, self._held = self._held, None
            return event
        async for message in self._in_time():
            event_id = None
            try:
                event = parse_translation(message)
                event_id = event.event_id
                if isinstance(event, Update):
                    await self._update(event)
            except BadOption as error:
                await self._tell(error_event(error, event_id))
            else:
                return event
        return None

    async def _in_time(self) -> AsyncIterator[str | bytes]:
        """The client's messages, while its session lasts."""
        with suppress(StopAsyncIteration):
            try:
                while True:
                    async with asyncio.timeout_at(self._ends):
                        message = await anext(self._messages)
                    yield message
            except TimeoutError:
                said = f"expected a session of at most {SESSION_SECONDS:,} s, got a longer one"
                await self._tell(failed("session_expired", said))

    async def _update(self, event: Update) -> None:
        """Raises BadOption."""
        given = event.fragment.get("audio")
        document = merged(self._document, {} if given is None else {"audio": given})
        check_size(document, MAX_CHARACTERS)
        parse_language(understood(Answering, document, "session").audio.output.language)
        parts = {name: document["audio"].get(name) or {} for name in ("input", "output")}
        self._document = {**document, "audio": parts}
        await self._tell({"type": "session.updated", "session": self._document})

    # ---- what is heard

    async def _hear(self, first: Append) -> None:
        """One stream, until the client has no more sound, or wants another language."""
        language = self._language
        usual = StreamRequest(
            decode=self._service.defaults,
            stream=StreamOptions(policy=self._service.policy),
            sound=SOUND,
            pause=PAUSE,
            longest=LONGEST,
            session=made_up("stream"),
        )
        try:
            if language == "en" and not self._tells_words:
                decode = replace(usual.decode, task=Task.TRANSLATE)
                await self._listen(first, replace(usual, decode=decode), language)
                return
        except BadOption as error:  # the model was not trained to translate
            if error.param != "task":
                raise
        await self._listen(first, usual, language)

    async def _listen(self, first: Append, request: StreamRequest, language: str) -> None:
        """Raises BadOption, before any sound is heard, where the model cannot do that."""
        is_translated = request.decode.task is Task.TRANSLATE

        async def listen(event: Event) -> None:
            match event:
                case Committed(_, words) if self._tells_words:
                    text = "".join(word.text for word in words)
                    at = milliseconds(words[-1].end) if words else 0
                    kind = "session.input_transcript.delta"
                    await self._tell({"type": kind, "delta": text, "elapsed_ms": at})
                case Final(segment) if segment.text:
                    said = Utterance(segment.text, language, segment.end, is_translated)
                    await self._put(said)
                case _:
                    pass

        owner = self._peer.caller.owner
        async with self._service.open_stream(request, NAME, owner) as stream:
            try:
                await stream.run(self._sound(first, language), listen)
            except BadAudio as error:
                await self._tell(error_event(error))

    async def _sound(self, event: Asked | None, language: str) -> AsyncIterator[Message]:
        while isinstance(event, Append | Update) and self._language == language:
            if isinstance(event, Append):
                yield event.audio
            event = await self._next()
        self._held = event

    # ---- what is said

    async def _say(self) -> None:
        """Each utterance in the other language, until there is none any more."""
        while (utterance := await self._waiting.get()) is not None:
            await self._interpreter.say(utterance)

    async def _put(self, utterance: Utterance | None) -> None:
        """Let it be said next. Raises what saying does."""
        assert self._saying is not None, "expected a session that runs"
        putting = asyncio.create_task(self._waiting.put(utterance))
        try:
            await asyncio.wait({putting, self._saying}, return_when=asyncio.FIRST_COMPLETED)
            if self._saying.done():
                self._saying.result()
        finally:
            putting.cancel()

    async def _tell_answer(self, utterance: Utterance, event: AnswerEvent) -> None:
        at = {"elapsed_ms": milliseconds(utterance.end)}
        match event:
            case TextDelta(_, text):
                kind = "session.output_transcript.delta"
                await self._tell({"type": kind, "delta": text, **at})
            case AudioDelta(pcm=pcm):
                form = {"format": "pcm16", "sample_rate": OUTPUT_RATE, "channels": 1}
                delta = base64.b64encode(pcm).decode()
                kind = "session.output_audio.delta"
                await self._tell({"type": kind, "delta": delta, **form, **at})
            case ResponseDone(error=(code, message)):
                await self._tell(failed(code, message))
            case _:
                pass

    async def _tell(self, event: Json) -> None:
        """Raises Gone, TooSlow."""
        await self._peer.send(stamped(event))
