"""What a user says, as the conversation keeps it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sotto.clock import Clock
from sotto.dialogue.arrivals import Arrivals
from sotto.dialogue.conversation import Conversation, UnknownItem
from sotto.dialogue.hearing import TurnCommitted, TurnComplete, TurnEvent, TurnStopped
from sotto.dialogue.history import messages
from sotto.dialogue.items import Message, Speech
from sotto.dialogue.partner import Partner
from sotto.dialogue.request import ResponseRequest
from sotto.interfaces.chat import ChatMessage, Role

MOST_WAITING = 100
"""Turns whose words did not come."""


class SaidByUser:
    """The turns of one user; events of those that are told come here first."""

    def __init__(self, conversation: Conversation, clock: Clock) -> None:
        self.language = ""
        """In which was spoken last; empty where nobody knows."""
        self.arrivals = Arrivals(clock)
        self._conversation = conversation
        self._stopped: float | None = None
        """Clock time at which the newest speech ended; None: that was answered."""
        self._clock = clock
        self._waiting: dict[str, asyncio.Event] = {}
        """Turns that are committed and not complete; set once they are."""

    def take(self, event: TurnEvent) -> TurnEvent:
        """Keep what is told. The event as the conversation has it."""
        match event:
            case TurnStopped(_, at):
                self._stopped = self.arrivals.of(at)
            case TurnCommitted(item):
                self._wait_for(item)
                message = Message(item, Role.USER, (Speech(),))
                return TurnCommitted(item, self._conversation.add(message))
            case TurnComplete(item, text, language=language):
                self.language = language or self.language
                self._stopped = self._stopped if text.strip() else None
                with suppress(UnknownItem):  # the client may have deleted it
                    self._conversation.replace(Message(item, Role.USER, (Speech(text),)))
                self._settle(item)
            case _:
                pass
        return event

    def lag(self) -> float | None:
        """Seconds since the newest speech ended, as its sound came in; None: it was asked for."""
        stopped, self._stopped = self._stopped, None
        return None if stopped is None else self._clock.monotonic() - stopped

    async def asked(self, request: ResponseRequest, partner: Partner) -> tuple[ChatMessage, ...]:
        """What the model is told. A client may ask for an answer before its turn's words came."""
        items = request.input
        if items is None:
            await self._known(partner.limits.words)
            items = self._conversation.items
        return messages(items, request.manner, partner.budget)

    async def _known(self, within: float) -> None:
        """Come back once the words of what is committed now are there, or after so many seconds."""
        waiting = dict(self._waiting)
        try:
            async with asyncio.timeout(within):
                for event in waiting.values():
                    await event.wait()
        except TimeoutError:
            for item in waiting:
                self._settle(item)  # lost: nobody is to wait for it again

    def _wait_for(self, item: str) -> None:
        self._waiting[item] = asyncio.Event()
        if len(self._waiting) > MOST_WAITING:
            self._settle(next(iter(self._waiting)))

    def _settle(self, item: str) -> None:
        if item in self._waiting:
            self._waiting.pop(item).set()
