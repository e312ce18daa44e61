"""A conversation that has a name: it comes back as it was left, and is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from sotto.dialogue.conversation import Conversation
from sotto.dialogue.items import Item
from sotto.dialogue.keeping import Keeper, Shelf, kept
from sotto.interfaces.conversations import taken_over
from sotto.runtime.names import Hold
from sotto.transports.conversation_names import owner_of
from sotto.transports.realtime.call import Call, made_up
from sotto.transports.realtime.events import Json
from sotto.transports.realtime.item_shapes import item_view


class Kept:
    """One conversation's; nothing of it is, until its client gives it a name."""

    def __init__(self, call: Call, conversation: Conversation) -> None:
        self._call = call
        self._conversation = conversation
        self._name: str | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._call.has_items = lambda: bool(self._conversation.items)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call.has_items = lambda: False
        await self._open.__aexit__(kind, error, trace)

    async def follow(self) -> None:
        """It is called as the session says. Raises Gone, TooSlow."""
        name = self._call.session.conversation
        if name is not None and self._name is None:
            self._name = name
            await self._open.enter_async_context(self._kept(name))

    @asynccontextmanager
    async def _kept(self, name: str) -> AsyncIterator[None]:
        """Whoever else has it lets go of it, and has kept all by then."""
        call = self._call
        owner = owner_of(call.caller)
        async with call.service.names.hold(("conversation", owner, name)) as hold:
            letting_go = asyncio.create_task(self._let_go(hold, name))
            try:
                shelf = Shelf(call.conversations(), owner, name, made_up("holder"))
                async with kept(Keeper(shelf, self._conversation, self._tell, call.leave)):
                    yield
            finally:
                letting_go.cancel()

    async def _let_go(self, hold: Hold, name: str) -> None:
        await hold.wanted.wait()
        self._call.leave(taken_over(name))

    async def _tell(self, items: tuple[Item, ...]) -> None:
        """What was said before, in order."""
        before = None
        for item in items:
            await self._call.tell(*put(before, item))
            before = item.id


def put(before: str | None, item: Item) -> list[Json]:
    """An item is there, and done."""
    where: Json = {"previous_item_id": before, "item": item_view(item)}
    return [{"type": f"conversation.item.{kind}", **where} for kind in ("added", "done")]
