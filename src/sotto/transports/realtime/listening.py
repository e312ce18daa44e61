"""A session's sound into the core, its turns out to whoever the session is for.

A stream of the core lasts while sound comes. It ends where the client commits and says no more,
where it clears, and where it wants to be heard otherwise; the next sound opens another under the
same name, so that earlier words still help to decode what comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Protocol

from sotto.audio.format import FRAMES_PER_SECOND
from sotto.dialogue.hearing import TurnEvent
from sotto.errors import BadAudio, BadOption
from sotto.runtime.closing import EARLY
from sotto.runtime.intake import Message
from sotto.runtime.last_sound import LastSound
from sotto.runtime.requests import StreamRequest
from sotto.runtime.runner import Heard
from sotto.runtime.stream import Stream
from sotto.transcript.events import Event
from sotto.transports.realtime.call import Call, made_up
from sotto.transports.realtime.events import error_event, failed
from sotto.transports.realtime.incoming import (
    Append,
    Asking,
    Clear,
    ClientEvent,
    Commit,
    Update,
)
from sotto.transports.realtime.judged_turns import JudgedTurns, kind_of_turns
from sotto.transports.realtime.meter import Meter, since
from sotto.transports.realtime.turns import Turns
from sotto.transports.realtime.understood import SessionType

LEAST_COMMIT = FRAMES_PER_SECOND // 10
"""Frames; OpenAI refuses to commit less."""
MIN_PATIENCE, MAX_PATIENCE = 0.25, 0.75
"""Seconds without sound after which a client that committed has said all that it wanted to."""
LIKELY = 0.5
"""Probability from which on a turn is taken to be complete."""
JUDGED_FRAMES = 8 * FRAMES_PER_SECOND
"""That are judged: as many as Smart Turn hears."""


class Hearer(Protocol):
    """Whom a session's turns are for."""

    @property
    def type(self) -> SessionType:
        """Of session, while which lasts it hears."""
        ...

    @property
    def is_prompt(self) -> bool:
        """Whether a commit of the client ends all that it says for now: it waits for an answer."""
        ...

    async def hear(self, *events: TurnEvent) -> None:
        """What became known of turns."""
        ...

    async def pass_sound(self, frame: int, spoken: int) -> None:
        """All that was said up to there is told. `spoken`: up to where it was speech."""
        ...

    def glimpse(self, *, is_speech: bool) -> None:
        """Each moment of sound, at once: whether somebody speaks, or may have begun to."""
        ...

    async def answer(self, event: Asking) -> None:
        """The client asks for something that has nothing to do with its sound."""
        ...

    async def forget(self, item: str) -> None:
        """A turn that was begun is no more: the client cleared it."""
        ...

    async def follow(self) -> None:
        """The session is as the client has just changed it."""
        ...


class Listening:
    """One session's sound, from the first to the last."""

    def __init__(self, call: Call, dialect: str, hearer: Hearer) -> None:
        self._call = call
        self._hearer = hearer
        self._dialect = dialect
        self._name = made_up("stream")
        self._turns = self._kind(call.session, _item_id, 0)
        self._newest: LastSound | None = None
        """Of the open stream, where its pauses are judged."""
        self._meter = Meter()
        self._patience = MIN_PATIENCE
        self._held: ClientEvent | None = None
        """Came for the stream after the one that it ended."""
        self._deaf = False
        """Whether the session, as it is, was refused: its sound is dropped until it changes."""

    async def run(self) -> None:
        """Until the client hangs up, or its session is of another type."""
        while self._call.session.type is self._hearer.type and not self._call.is_over:
            event, self._held = self._held or await self._call.next(), None
            await self._follow()
            if isinstance(event, Append) and not self._deaf:
                await self._hear(event)
            elif event is not None:
                await self._answer(event)
                await self._hearer.hear(*self._turns.finish())

    @property
    def _at(self) -> int:
        """Frames of sound that came."""
        return self._meter.at(self._call.sound)

    async def _hear(self, first: Append) -> None:
        """A stream, from its first sound until it ends."""
        call = self._call
        call.has_sound = True
        try:
            self._turns.begin(self._meter.begin(first.audio, call.sound))
            request = call.request(self._name)
            opening = call.service.open_stream(request, self._dialect, call.owner)
            async with opening as stream:
                self._newest = self._kept(stream)
                sound = self._sound(first, stream, request)
                await stream.run(sound, self._listen, partial(self._glimpsed, stream))
        except BadOption as error:
            self._deaf = True
            await call.tell(error_event(error, first.event_id))
        except BadAudio as error:
            await call.tell(error_event(error))
        except EARLY:
            await self._hearer.hear(*self._turns.finish())
            raise
        await self._hearer.hear(*self._turns.finish())

    async def _glimpsed(self, stream: Stream, heard: AsyncIterator[Heard]) -> AsyncIterator[Heard]:
        """What is heard, as it is. When the core asks for more, it has heard what it was given."""
        async for item in heard if self._newest is None else self._newest.of(heard):
            yield item
            self._hearer.glimpse(is_speech=stream.session.is_alert)

    async def _listen(self, event: Event) -> None:
        turns = self._turns
        await self._hearer.hear(*turns.hear(event))
        if isinstance(turns, JudgedTurns) and turns.is_in_doubt:
            is_all = await self._is_all()
            if is_all and turns.is_in_doubt:  # nobody spoke while it was judged
                await self._hearer.hear(*turns.settle())

    async def _is_all(self) -> bool:
        """Whether the speaker has said all, by how it sounds. Else a longer pause tells."""
        judge, newest = self._call.judge, self._newest
        if judge is None or newest is None:
            return True
        return await asyncio.to_thread(judge.judge, newest.mel) >= LIKELY

    def _kept(self, stream: Stream) -> LastSound | None:
        judge, bands = self._call.judge, stream.traits.n_mels
        can_judge = judge is not None and judge.n_mels == bands
        return LastSound(JUDGED_FRAMES, bands) if can_judge else None

    @property
    def _kind(self) -> type[Turns]:
        """Of turns, as the session is now."""
        return kind_of_turns(self._call.session, judged=self._call.judge is not None)

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
                yield since(begun, event.audio, self._call.sound)
                await self._tell_silence(stream, begun)
                heard = stream.session
                await self._hearer.pass_sound(begun + heard.frame, begun + heard.spoken)
            else:
                await self._answer(event)
                if isinstance(event, Clear) or self._is_committed(event):
                    return
            try:
                event = await self._call.next(self._patience if self._turns.is_pending else None)
            except TimeoutError:
                return

    def _is_over(self, stream: Stream, request: StreamRequest) -> bool:
        """Whether the client wants to be heard otherwise, and nothing is cut by it."""
        if self._kind is not type(self._turns):
            return True
        if self._call.request(self._name) == request:
            return False
        return self._turns.is_quiet(stream.session.utterances)

    def _is_committed(self, event: ClientEvent) -> bool:
        return isinstance(event, Commit) and self._hearer.is_prompt and self._turns.is_pending

    async def _tell_silence(self, stream: Stream, begun: int) -> None:
        if self._turns.is_long:
            await self._hearer.hear(*self._turns.commit(self._at))
        if self._turns.is_quiet(stream.session.utterances):
            await self._hearer.hear(*self._turns.pass_silence(begun + stream.session.frame))

    def _count(self, event: Append) -> None:
        length = self._meter.count(event.audio, self._call.sound)
        self._patience = min(max(1.5 * length, MIN_PATIENCE), MAX_PATIENCE)

    async def _follow(self) -> None:
        """Take the session as it is now, between two streams."""
        session, turns = self._call.session, self._turns
        if session is turns.session:
            return
        self._deaf = False
        if self._kind is not type(turns):
            await self._hearer.hear(*turns.leave(self._at))
            self._turns = self._kind(session, _item_id, self._at)
            self._turns.last_item = turns.last_item
        self._turns.session = session

    async def _answer(self, event: ClientEvent) -> None:
        match event:
            case Append():  # of a session that was refused
                self._count(event)
            case Commit(event_id):
                await self._commit(event_id)
            case Clear():
                for item in self._turns.clear(self._at):
                    await self._hearer.forget(item)
                self._name = made_up("stream")  # what was dropped helps to decode nothing
                await self._call.tell({"type": "input_audio_buffer.cleared"})
            case Update():
                if self._kind is type(self._turns):
                    self._turns.session = self._call.session
                await self._hearer.follow()
            case _:
                await self._hearer.answer(event)

    async def _commit(self, event_id: str | None) -> None:
        waiting = self._turns.waiting(self._at)
        if waiting >= LEAST_COMMIT:
            await self._hearer.hear(*self._turns.commit(self._at))
            return
        message = f"expected at least 100 ms of sound to commit, got {waiting * 10} ms"
        await self._call.tell(failed("input_audio_buffer_commit_empty", message, None, event_id))


def _item_id() -> str:
    return made_up("item")
