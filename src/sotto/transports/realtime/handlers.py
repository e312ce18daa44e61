"""Who takes a session's events, by its type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from sotto.dialogue.hearing import TurnEvent
from sotto.transports.realtime.call import Call
from sotto.transports.realtime.conversing import conversing
from sotto.transports.realtime.events import no_conversation
from sotto.transports.realtime.incoming import Asking, Update
from sotto.transports.realtime.listening import Listening
from sotto.transports.realtime.outgoing import turn_events
from sotto.transports.realtime.understood import SessionType

NAME = "realtime"


class Transcribing:
    """Turns are told to the client, and that is all."""

    type = SessionType.TRANSCRIPTION
    is_prompt = False

    def __init__(self, call: Call) -> None:
        self._call = call

    async def hear(self, *events: TurnEvent) -> None:
        """What became known of turns."""
        session = self._call.session
        await self._call.tell(*(told for each in events for told in turn_events(each, session)))

    async def pass_sound(self, frame: int, spoken: int) -> None:
        """Nothing follows from it."""

    def glimpse(self, *, is_speech: bool) -> None:
        """Nothing follows from it."""

    async def answer(self, event: Asking) -> None:
        """There is nobody to converse with."""
        await self._call.tell(no_conversation(event.event_id))

    async def forget(self, item: str) -> None:
        """It is not told any more."""

    async def follow(self) -> None:
        """The session is looked at when turns are told."""


async def transcribe(call: Call) -> None:
    """Sound becomes items with transcripts."""
    await Listening(call, NAME, Transcribing(call)).run()


async def converse(call: Call) -> None:
    """Turns are answered."""
    async with conversing(call) as hearer:
        await Listening(call, NAME, hearer).run()


async def refuse(call: Call) -> None:
    """Stands in for what is not offered: says so, until the session is of another type."""
    while (event := await call.next()) is not None:
        if call.offers(call.session.type):
            return
        if not isinstance(event, Update):
            await call.tell(no_conversation(event.event_id))


async def attend(call: Call) -> None:
    """A call from its first event to its last. Raises what ends it early."""
    try:
        await call.tell({"type": "session.created", "session": call.session.view()})
        while not call.is_over:
            kind = call.session.type
            await (HANDLERS[kind] if call.offers(kind) else refuse)(call)
        await call.farewell()
    finally:
        call.close()


HANDLERS: Mapping[SessionType, Callable[[Call], Awaitable[None]]] = {
    SessionType.TRANSCRIPTION: transcribe,
    SessionType.REALTIME: converse,
}
