"""A transcription session: appended sound into the core, its words out as items.

A stream of the core lasts while sound comes. It ends where the client commits and says no more,
where it clears, and where it wants to be heard otherwise; the next sound opens another under the
same name, so that earlier words still help to decode what comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sotto.audio.format import FRAMES_PER_SECOND
from sotto.errors import BadAudio, BadOption
from sotto.runtime.closing import EARLY
from sotto.runtime.intake import Message
from sotto.runtime.requests import StreamRequest
from sotto.runtime.stream import Stream
from sotto.transcript.events import Event
from sotto.transports.realtime.call import Call, made_up
from sotto.transports.realtime.events import (
    Append,
    Clear,
    ClientEvent,
    Commit,
    Other,
    Update,
    error_event,
    failed,
    no_conversation,
)
from sotto.transports.realtime.session import SessionType
from sotto.transports.realtime.turns import new_turns

LEAST_COMMIT = FRAMES_PER_SECOND // 10
"""Frames; OpenAI refuses to commit less."""
MIN_PATIENCE, MAX_PATIENCE = 0.25, 0.75
"""Seconds without sound after which a client that committed has said all that it wanted to."""


class Listening:
    """One session's sound, from the first to the last."""

    def __init__(self, call: Call, dialect: str) -> None:
        self._call = call
        self._dialect = dialect
        self._name = made_up("stream")
        self._turns = new_turns(call.session, _item_id, 0)
        self._bytes = 0
        """Of sound that came."""
        self._patience = MIN_PATIENCE
        self._held: ClientEvent | None = None
        """Came for the stream after the one that it ended."""
        self._deaf = False
        """Whether the session, as it is, was refused: its sound is dropped until it changes."""

    async def run(self) -> None:
        """Until the client hangs up, or its session is of another type."""
        while self._call.session.type is SessionType.TRANSCRIPTION and not self._call.is_over:
            event, self._held = self._held or await self._call.next(), None
            await self._follow()
            if isinstance(event, Append) and not self._deaf:
                await self._hear(event)
            elif event is not None:
                await self._answer(event)
                await self._call.tell(*self._turns.finish())

    @property
    def _at(self) -> int:
        """Frames of sound that came."""
        pcm = self._call.session.pcm
        return self._bytes * FRAMES_PER_SECOND // (pcm.bytes_per_frame * pcm.sample_rate)

    async def _hear(self, first: Append) -> None:
        """A stream, from its first sound until it ends."""
        call = self._call
        call.has_sound = True
        self._turns.begin(self._at)
        try:
            request = call.session.request(call.service, self._name)
            opening = call.service.open_stream(request, self._dialect, call.owner)
            async with opening as stream:
                await stream.run(self._sound(first, stream, request), self._listen)
        except BadOption as error:
            self._deaf = True
            await call.tell(error_event(error, first.event_id))
        except BadAudio as error:
            await call.tell(error_event(error))
        except EARLY:
            await call.tell(*self._turns.finish())
            raise
        await call.tell(*self._turns.finish())

    async def _listen(self, event: Event) -> None:
        await self._call.tell(*self._turns.hear(event))

    async def _sound(
        self, event: ClientEvent | None, stream: Stream, request: StreamRequest
    ) -> AsyncIterator[Message]:
        """The sound of one stream; all else that the client says is answered beside it."""
        begun = self._at
        while event is not None:
            if self._is_over(stream, request):
                self._held = event
                return
            if isinstance(event, Append):
                self._count(event)
                yield event.audio
                await self._tell_silence(stream, begun)
            else:
                await self._answer(event)
                if isinstance(event, Clear):
                    return
            try:
                event = await self._call.next(self._patience if self._turns.is_pending else None)
            except TimeoutError:
                return

    def _is_over(self, stream: Stream, request: StreamRequest) -> bool:
        """Whether the client wants to be heard otherwise, and nothing is cut by it."""
        session = self._call.session
        if session.is_manual != self._turns.is_manual:
            return True
        if session.request(self._call.service, self._name) == request:
            return False
        return self._turns.is_quiet(stream.session.utterances)

    async def _tell_silence(self, stream: Stream, begun: int) -> None:
        if self._turns.is_long:
            await self._call.tell(*self._turns.commit(self._at))
        if self._turns.is_quiet(stream.session.utterances):
            await self._call.tell(*self._turns.pass_silence(begun + stream.session.frame))

    def _count(self, event: Append) -> None:
        pcm = self._call.session.pcm
        self._bytes += len(event.audio)
        length = len(event.audio) / (pcm.bytes_per_frame * pcm.sample_rate)
        self._patience = min(max(1.5 * length, MIN_PATIENCE), MAX_PATIENCE)

    async def _follow(self) -> None:
        """Take the session as it is now, between two streams."""
        session, turns = self._call.session, self._turns
        if session is turns.session:
            return
        self._deaf = False
        if session.is_manual != turns.is_manual:
            await self._call.tell(*turns.leave(self._at))
            self._turns = new_turns(session, _item_id, self._at)
            self._turns.last_item = turns.last_item
        self._turns.session = session

    async def _answer(self, event: ClientEvent) -> None:
        match event:
            case Append():  # of a session that was refused
                self._count(event)
            case Commit(event_id):
                await self._commit(event_id)
            case Clear():
                self._turns.clear(self._at)
                self._name = made_up("stream")  # what was dropped helps to decode nothing
                await self._call.tell({"type": "input_audio_buffer.cleared"})
            case Update():
                if self._call.session.is_manual == self._turns.is_manual:
                    self._turns.session = self._call.session
            case Other(_, event_id):
                await self._call.tell(no_conversation(event_id))

    async def _commit(self, event_id: str | None) -> None:
        waiting = self._turns.waiting(self._at)
        if waiting >= LEAST_COMMIT:
            await self._call.tell(*self._turns.commit(self._at))
            return
        message = f"expected at least 100 ms of sound to commit, got {waiting * 10} ms"
        await self._call.tell(failed("input_audio_buffer_commit_empty", message, None, event_id))


def _item_id() -> str:
    return made_up("item")
