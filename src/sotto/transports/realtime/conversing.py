"""A conversation: what its client asks for, and whom its turns are for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from sotto.dialogue.conversation import Conversation, DuplicateItem, UnknownItem
from sotto.dialogue.hearing import TurnEvent
from sotto.dialogue.items import Item
from sotto.dialogue.request import ResponseRequest
from sotto.dialogue.talk import Busy, NotActive, Talk
from sotto.errors import BadOption, Gone, SottoError, TooSlow
from sotto.transports.realtime.call import Call, made_up
from sotto.transports.realtime.events import Json, error_event, failed
from sotto.transports.realtime.hear_item import hear_item
from sotto.transports.realtime.incoming import (
    Asking,
    Cancel,
    Create,
    Delete,
    Respond,
    Retrieve,
    Silence,
    Truncate,
)
from sotto.transports.realtime.item_shapes import GivenItem, Reference, item_view
from sotto.transports.realtime.kept import Kept, put
from sotto.transports.realtime.telling import Telling
from sotto.transports.realtime.understood import SessionType, manner_of

_UNKNOWN = {
    Delete: "item_delete_invalid_item_id",
    Retrieve: "item_retrieve_invalid_item_id",
    Truncate: "item_truncate_invalid_item_id",
}
"""What clients look for where an item is not there."""


@asynccontextmanager
async def conversing(call: Call) -> AsyncIterator[Conversing]:
    """One conversation, for as long as the context lasts."""
    assert call.partner is not None, "expected conversations to be offered where one begins"
    telling, conversation = Telling(call), Conversation()
    talk = Talk(call.partner, conversation, telling.tell, call.partner.clock, made_up)
    talk.played = telling.outlet.played
    async with Kept(call, conversation) as kept, talk:
        hearer = Conversing(call, talk, conversation, telling, kept)
        await hearer.follow()
        yield hearer


class Conversing:
    """Turns go to a talk, and what the client asks for besides."""

    type = SessionType.REALTIME
    is_prompt = True

    def __init__(
        self, call: Call, talk: Talk, conversation: Conversation, telling: Telling, kept: Kept
    ) -> None:
        self._call = call
        self._talk = talk
        self._conversation = conversation
        self._telling = telling
        self._kept = kept

    async def hear(self, *events: TurnEvent) -> None:
        """What became known of turns."""
        for event in events:
            await self._talk.hear(event)

    async def pass_sound(self, frame: int, spoken: int) -> None:
        """The clock of interruptions."""
        await self._talk.pass_sound(frame, spoken)

    def glimpse(self, *, is_speech: bool) -> None:
        """What sounds pauses at once, where it can."""
        self._talk.glimpse(is_speech=is_speech)

    async def forget(self, item: str) -> None:
        """It is not answered."""
        await self._talk.forget(item)

    async def follow(self) -> None:
        """How it is answered, and when."""
        session, wishes = self._call.session, self._call.session.wishes
        if self._call.carried is not None:  # the server plays it, and so can pause it
            wishes = replace(wishes, holds=True)
        self._talk.manner, self._talk.wishes = session.manner, wishes
        await self._kept.follow()

    async def answer(self, event: Asking) -> None:
        """What cannot be is told, and changes nothing."""
        try:
            await self._do(event)
        except (Gone, TooSlow):
            raise
        except SottoError as error:
            await self._call.tell(_refusal(error, event))

    async def _do(self, event: Asking) -> None:
        match event:
            case Create():
                await self._create(event)
            case Delete(id):
                self._conversation.delete(id)
                await self._call.tell({"type": "conversation.item.deleted", "item_id": id})
            case Retrieve(id):
                item = item_view(self._conversation.get(id))
                await self._call.tell({"type": "conversation.item.retrieved", "item": item})
            case Truncate():
                await self._truncate(event)
            case Respond():
                await self._respond(event)
            case Cancel(response):
                await self._talk.cancel(response)
            case Silence():
                if self._call.carried is None:
                    raise BadOption(
                        "type", "expected a call over WebRTC to play anything, got a socket"
                    )
                await self._talk.cleared()

    async def _create(self, event: Create) -> None:
        item = await self._made(event.item)
        before = self._conversation.add(item, event.after)
        await self._call.tell(*put(before, item))

    async def _truncate(self, event: Truncate) -> None:
        if event.content:
            raise BadOption("content_index", f"expected content_index 0, got {event.content}")
        await self._talk.truncate(event.item, event.audio_end_ms)

    async def _respond(self, event: Respond) -> None:
        wanted = event.wanted
        items = None
        if event.input is not None:
            items = tuple([await self._made(each) for each in event.input])
        request = ResponseRequest(
            id=made_up("resp"),
            manner=manner_of(wanted, self._talk.manner),
            input=items,
            is_apart=wanted.conversation == "none",
            metadata=wanted.metadata or {},
        )
        if wanted.audio.output.format is not None:
            self._telling.expect(request.id, wanted.audio.output.format.pcm)
        await self._talk.respond(request)

    async def _made(self, given: GivenItem | Reference) -> Item:
        """Raises UnknownItem, and what hearing does."""
        if isinstance(given, Reference):
            return self._conversation.get(given.id)
        return await given.item(given.id or made_up("item"), partial(hear_item, self._call))


def _refusal(error: SottoError, event: Asking) -> Json:
    """In the words that clients look for."""
    param = (error.param or None) if isinstance(error, BadOption) else None
    code = None
    match error:
        case Busy():
            code = "conversation_already_has_active_response"
        case NotActive():
            message = f"Cancellation failed: {error.message}"
            return failed("response_cancel_not_active", message, param, event.event_id)
        case DuplicateItem():
            code = "item_create_duplicate_item_id"
        case UnknownItem():
            code = _UNKNOWN.get(type(event))
    if code is None:
        return error_event(error, event.event_id)
    return failed(code, error.message, param, event.event_id)
