"""The dialect of Skynet's streaming-whisper, which Jitsi's Jigasi speaks.

One socket is one meeting. Each binary message says in its header whose sound it is; each speaker
is a stream of its own, decoded on its own, and named by caller, meeting and participant: who comes
back with the same meeting id carries on. A single zero byte, or hanging up, ends the meeting.

Where finals are cut. Skynet has no notion of a pause: it decodes what it holds again and again,
and makes a final of 48 or more characters whose words are probable (0.7 on average) once one ends
in `.`, `!` or `?` before a gap; at the biggest gap between words once it holds 10 s; and after
2000 ms without new speech. Here the core decides, and a final is an utterance:

- the pause of `vad.silence` (0.6 s) ends it, and so do `server.idle_flush` seconds (2 s) in which
  no sound comes: both are sooner than Skynet's flush;
- it is cut where speech is weakest once it is 10 s long;
- the rule of characters and punctuation is left out. It guesses from text where a pause would be,
  and works only with checkpoints that punctuate; the interims show the same words meanwhile, and
  what the store keeps is what the client was told.

`ts` is when the utterance began. `variance` is the mean probability of the words. `audio` is empty,
unless the settings say that finals carry their sound, a WAV file in base64. A speaker's language is
that of its first message; one that Whisper or the model does not know is detected instead.

What goes wrong with one speaker leaves the others alone: it is logged, and that speaker is not
heard for a while. The dialect has no message for errors: the close frame says what ended a socket,
and Jigasi comes back by itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from math import inf
from urllib.parse import quote

from sotto.audio.format import seconds
from sotto.clock import Clock
from sotto.errors import (
    BadOption,
    Forbidden,
    Gone,
    Overloaded,
    ServerError,
    SottoError,
    TooSlow,
    UnknownLanguage,
)
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.runtime.stream import Stream
from sotto.runtime.until import until
from sotto.runtime.voices import Voices
from sotto.transcript.events import Event
from sotto.transcript.options import StreamOptions
from sotto.transports.dialect import SocketDialect
from sotto.transports.peer import Peer
from sotto.transports.skynet.frames import END, Captions, Frame, parse_frame
from sotto.transports.skynet.tape import Tape

log = logging.getLogger(__name__)

NAME = "skynet"
PATH = "/streaming-whisper/ws/{meeting_id}"

MAX_REASON = 123
"""Bytes of text in a close frame (RFC 6455, section 5.5)."""
LONGEST = 10.0
"""Seconds after which an utterance is cut."""
MAX_MEETING = 256
"""Characters of a meeting's id."""
MOST_AT_ONCE = 100
"""Speakers of one meeting whose streams are open."""
MOST_SPEAKERS = 1_000
"""Participants that one socket may name; further ones are not heard."""
LINGER = 60.0
"""Seconds without a message after which a speaker's stream is closed, until the next one."""
PENALTY = 10.0
"""Seconds for which a speaker whose stream broke, or was refused, is not heard."""


class SkynetDialect(SocketDialect):
    """`/streaming-whisper/ws/{meeting_id}`."""

    name = NAME
    paths = (PATH,)

    def __init__(self, clock: Clock, *, keep_sound: bool = False) -> None:
        self._clock = clock
        self._keep_sound = keep_sound
        """Whether finals carry their sound."""

    def check(self, peer: Peer) -> None:
        """Raises Forbidden for a token of another meeting, BadOption for an id that is too long."""
        meeting = peer.path["meeting_id"]
        if len(meeting) > MAX_MEETING:
            raise BadOption(
                "meeting_id", f"expected at most {MAX_MEETING} characters, got {len(meeting)}"
            )
        peer.caller.may_join(meeting)

    async def serve(self, peer: Peer, service: Service) -> None:
        """One meeting, until every speaker's last word is told and stored."""
        await _Meeting(peer, service, self._clock, keep_sound=self._keep_sound).run()

    def close_reason(self, error: SottoError) -> str:
        """The error's code and as much of its sentence as a close frame holds; Jigasi logs it."""
        return f"{error.code}: {error.message}".encode()[:MAX_REASON].decode(errors="ignore")


@dataclass
class _Speaker:
    language: str | None
    captions: Captions | None = None
    """None until the stream is open."""
    tape: Tape | None = None
    """None: its sound is not kept."""
    silent_until: float = -inf
    """On the clock's monotonic time."""


class _Meeting:
    def __init__(self, peer: Peer, service: Service, clock: Clock, *, keep_sound: bool) -> None:
        self._keep_sound = keep_sound
        self._peer = peer
        self._service = service
        self._clock = clock
        self._id = peer.path["meeting_id"]
        self._speakers: dict[str, _Speaker] = {}
        self._over = asyncio.Event()
        self._failure: SottoError | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            voices = Voices(
                tasks,
                self._open,
                self._tell,
                most=MOST_AT_ONCE,
                linger=LINGER,
                failed=self._on_failure,
            )
            try:
                await self._listen(voices)
            except SottoError as error:
                self._end(error)
            await voices.finish()
        if self._failure is not None:
            raise self._failure

    async def _listen(self, voices: Voices) -> None:
        """Take messages to the last. Raises ProtocolViolation, TooLarge."""
        async for message in until(self._peer.messages(), self._over):
            if message == END:
                return
            await self._hear(parse_frame(message), voices)

    async def _hear(self, frame: Frame, voices: Voices) -> None:
        speaker = self._speaker(frame)
        if speaker is None or self._clock.monotonic() < speaker.silent_until:
            return
        if self._keep_sound:
            self._record(speaker, frame, voices)
        try:
            await voices.send(frame.participant, frame.sound)
        except Gone as error:
            self._silence(frame.participant, error, inf)
        except Overloaded as error:
            self._silence(frame.participant, error, PENALTY)

    def _record(self, speaker: _Speaker, frame: Frame, voices: Voices) -> None:
        if speaker.tape is None or not voices.has(frame.participant):
            speaker.tape = Tape()  # the stream that this sound opens counts its frames anew
        speaker.tape.record(frame.sound)

    def _speaker(self, frame: Frame) -> _Speaker | None:
        known = self._speakers.get(frame.participant)
        if known is None and len(self._speakers) < MOST_SPEAKERS:
            known = self._speakers[frame.participant] = _Speaker(frame.language)
            try:
                self._peer.caller.may_join(self._id, frame.participant)
            except Forbidden as error:
                self._silence(frame.participant, error, inf)
        return known

    def _silence(self, participant: str, error: SottoError, duration: float) -> None:
        log.warning("meeting %r: %r is not heard: %s", self._id, participant, error)
        self._speakers[participant].silent_until = self._clock.monotonic() + duration

    @asynccontextmanager
    async def _open(self, participant: str) -> AsyncIterator[Stream]:
        speaker = self._speakers[participant]
        request = self._request(participant, speaker.language)
        async with AsyncExitStack() as stack:
            try:
                stream = await stack.enter_async_context(self._stream(request))
            except UnknownLanguage as error:
                log.info("meeting %r: the language of %r: %s", self._id, participant, error)
                request = self._request(participant, None)
                stream = await stack.enter_async_context(self._stream(request))

            def moment(frame: int) -> int:
                age = seconds(stream.session.frame - frame)
                return round(1_000 * (self._clock.wall() - age))

            speaker.captions = Captions(participant, moment, speaker.tape)
            yield stream

    def _stream(self, request: StreamRequest) -> AbstractAsyncContextManager[Stream]:
        return self._service.open_stream(request, NAME, self._peer.caller.owner)

    def _request(self, participant: str, language: str | None) -> StreamRequest:
        name = (NAME, self._peer.caller.name, self._id, participant)
        return StreamRequest(
            decode=replace(self._service.defaults, language=language),
            stream=StreamOptions(policy=self._service.policy),
            longest=LONGEST,
            group=self._id,
            speaker=participant,
            session="/".join(quote(part, safe="") for part in name),
        )

    async def _tell(self, participant: str, event: Event) -> None:
        captions = self._speakers[participant].captions
        assert captions is not None
        message = captions.message(event)
        if message is not None:
            await self._peer.send(json.dumps(message))

    def _on_failure(self, participant: str, error: SottoError) -> None:
        """A speaker's stream ended early: with it the meeting, where nobody can be heard at all."""
        nobody = all(speaker.captions is None for speaker in self._speakers.values())
        if isinstance(error, Gone | TooSlow) or (nobody and isinstance(error, ServerError)):
            self._end(error)
        else:
            self._silence(participant, error, PENALTY)

    def _end(self, error: SottoError) -> None:
        self._failure = self._failure or error
        self._over.set()
