"""The answers of one talk that are being given, and what of them enters the conversation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from sotto.dialogue.answer import Answer, Scene
from sotto.dialogue.conversation import Conversation, UnknownItem
from sotto.dialogue.events import (
    AnswerEvent,
    ItemDone,
    ItemStarted,
    Reason,
    ResponseDone,
    ResponseStarted,
)
from sotto.dialogue.outbox import Letter, Outbox
from sotto.dialogue.partner import Partner
from sotto.dialogue.request import ResponseRequest
from sotto.dialogue.told import Told
from sotto.errors import BadOption

log = logging.getLogger(__name__)

AHEAD = 64
"""Events that wait for a slow listener before an answer is made no further."""
MOST_APART = 4
"""Answers beside that of the conversation."""


class Busy(BadOption):
    """An answer is being given, or too many are that stay out of the conversation."""

    code = "busy"


class NotActive(BadOption):
    """No such answer is being given."""

    code = "not_active"


class Answers:
    """One answer of the conversation at most, and some apart from it."""

    def __init__(
        self,
        partner: Partner,
        conversation: Conversation,
        outbox: Outbox,
        tasks: asyncio.TaskGroup,
        make_id: Callable[[str], str],
    ) -> None:
        self.main: Told | None = None
        """That of the conversation, from its beginning until its last event is told."""
        self._partner = partner
        self._conversation = conversation
        self._outbox = outbox
        self._tasks = tasks
        self._make_id = make_id
        self._apart: dict[str, Told] = {}

    def begin(self, request: ResponseRequest, scene: Scene) -> None:
        """Raises Busy."""
        if request.is_apart and len(self._apart) >= MOST_APART:
            raise Busy("response", f"expected at most {MOST_APART} answers apart, got one more")
        if self.main is not None and not request.is_apart:
            raise Busy("response", f"expected no active response, got {self.main.request.id!r}")

        async def tell(event: AnswerEvent) -> None:
            await self._tell(told, event)

        answer = Answer(self._partner, request, scene, tell, self._make_id)
        told = Told(request, answer.tape, answer.watch)
        told.task = self._started(answer)
        if request.is_apart:
            self._apart[request.id] = told
        else:
            self.main = told
        self._outbox.put(ResponseStarted(request), told)

    def _started(self, answer: Answer) -> asyncio.Task[None]:
        """Raises RuntimeError where the talk is over, which its own error then comes before."""
        run = answer.run()
        try:
            return self._tasks.create_task(run)
        except RuntimeError:
            run.close()  # else it is told of as forgotten
            raise

    def find(self, response: str | None) -> Told:
        """The answer of that id; None: the conversation's. Raises NotActive."""
        if response in self._apart:
            return self._apart[response]
        if self.main is not None and response in (None, self.main.request.id):
            return self.main
        what = "an active response" if response is None else f"{response[:200]!r} to be active"
        raise NotActive("response_id", f"expected {what}, got none")

    def stop(self, told: Told, reason: Reason) -> None:
        """Nothing more of it is made, and nothing told but how it ends."""
        assert told.task is not None
        told.task.cancel()
        self._outbox.drop(told)
        self._forget(told)
        for event in told.close(reason):
            if isinstance(event, ItemDone):
                self._keep(told, event)
            self._outbox.put(event, told)

    def note(self, letter: Letter) -> None:
        """It is told now."""
        told, event = letter.told, letter.event
        if told is None:
            return
        told.note(event)
        if isinstance(event, ResponseDone):
            self._forget(told)
            told.context.run(self._partner.watch, event)
            if event.error is not None:
                log.warning("talk: answer %s failed: %s", event.request.id, event.error[1])

    def cancel(self) -> None:
        """End all tasks; nobody is told anything."""
        for told in (self.main, *self._apart.values()):
            if told is not None and told.task is not None:
                told.task.cancel()

    async def _tell(self, told: Told, event: AnswerEvent) -> None:
        await self._outbox.room(AHEAD)
        if told.is_over:  # its task is cancelled, and its parts may not know it yet
            return
        if isinstance(event, ItemStarted):
            if not told.request.is_apart:
                event = replace(event, previous=self._conversation.add(event.item))
            told.begin(event)
        elif isinstance(event, ItemDone):
            self._keep(told, event)
        self._outbox.put(event, told)

    def _keep(self, told: Told, event: ItemDone) -> None:
        if not told.request.is_apart:
            with suppress(UnknownItem):  # the client may have deleted it
                self._conversation.replace(event.item)

    def _forget(self, told: Told) -> None:
        if self.main is told:
            self.main = None
        else:
            self._apart.pop(told.request.id, None)
