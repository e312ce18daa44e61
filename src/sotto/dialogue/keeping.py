"""A conversation in a store: what was kept of it comes back, and what changes is kept.

One task writes, always the newest state, so that no talk waits for a store. What is written is the
whole conversation: it is bounded, and items are made into documents once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sotto.dialogue.archive import from_json, to_json
from sotto.dialogue.conversation import Conversation
from sotto.dialogue.history import said
from sotto.dialogue.items import Item, Message
from sotto.errors import BadOption, Gone, StoreUnavailable, Superseded, TooSlow
from sotto.interfaces.conversations import MAX_CHARACTERS, ConversationStore

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a store may take before it is held to be away: to begin with, a client waits for
it; at the end, whoever carries the conversation on does."""


@dataclass(frozen=True)
class Shelf:
    """Where one conversation is kept."""

    store: ConversationStore
    owner: str | None
    id: str
    holder: str
    """Whose it is from now on; nobody else is called so."""


def items_of(id: str, documents: Iterable[str]) -> tuple[Item, ...]:
    """What was kept of a conversation: nothing, where it is broken."""
    try:
        return Conversation(map(from_json, documents)).items
    except (StoreUnavailable, BadOption) as error:
        log.warning("what was kept of conversation %s is broken, and left out: %s", id, error)
        return ()


class Keeper:
    """Of one conversation, as long as somebody talks."""

    def __init__(
        self,
        shelf: Shelf,
        conversation: Conversation,
        tell: Callable[[tuple[Item, ...]], Awaitable[None]],
        lost: Callable[[Superseded], None],
    ) -> None:
        """`tell`: given what was said earlier, which stands before all else from then on.
        `lost`: told that somebody else carries the conversation on."""
        self._shelf = shelf
        self._conversation = conversation
        self._tell = tell
        self._lost = lost
        self._changed = asyncio.Event()
        self._is_claimed = False
        self._is_away = False
        """Whether the store was, the last time."""
        self._is_over = False
        """Whether nothing changes any more."""
        self._is_lost = False
        """Whether nothing is kept any more."""
        self._untold: tuple[Item, ...] = ()
        """What came back."""
        self._documents: dict[str, tuple[Item, str]] = {}
        """By item, as it was when its document was made."""
        self._kept: tuple[str, ...] = ()

    async def open(self) -> None:
        """What was kept comes back; where the store is away, once it is there."""
        self._conversation.changed = self._changed.set
        await self._in_time(self._claim)

    async def run(self) -> None:
        """Keep what changes, until `finish`; what has changed by then is kept still."""
        while not self._is_over or self._changed.is_set():
            await self._changed.wait()
            self._changed.clear()
            await self._in_time(self._save)

    def finish(self) -> None:
        """Nothing changes any more."""
        self._is_over = True
        self._changed.set()

    async def _in_time(self, work: Callable[[], Awaitable[None]]) -> None:
        """What cannot be done now is tried again with the next change."""
        try:
            async with asyncio.timeout(PATIENCE):
                await work()
        except (StoreUnavailable, TimeoutError) as error:
            self._miss(error)
        except Superseded as error:
            self._is_lost = True
            self._lost(error)
        else:
            self._is_away = False
        untold, self._untold = self._untold, ()
        with suppress(Gone, TooSlow):  # whoever talks to the client finds that out too
            await self._tell(untold)

    async def _claim(self) -> None:
        shelf = self._shelf
        self._kept = await shelf.store.claim(shelf.owner, shelf.id, shelf.holder)
        self._is_claimed = True
        self._untold = items_of(shelf.id, self._kept)
        self._conversation.restore(self._untold)

    async def _save(self) -> None:
        if not self._is_claimed:
            await self._claim()
        documents = self._written()
        if self._is_lost or documents == self._kept:
            return
        shelf = self._shelf
        if await shelf.store.save(shelf.owner, shelf.id, documents, shelf.holder):
            self._kept = documents
            return
        log.info("conversation %s was deleted: what is said now is not kept", shelf.id)
        self._is_lost = True

    def _written(self) -> tuple[str, ...]:
        """The newest that are taken, without what says nothing, such as a turn of noise."""
        before, self._documents = self._documents, {}
        for item in self._conversation.items:
            if isinstance(item, Message) and not said(item):
                continue
            known = before.get(item.id)
            is_same = known is not None and known[0] is item
            self._documents[item.id] = known if known and is_same else (item, to_json(item))
        return _fitting([document for _, document in self._documents.values()])

    def _miss(self, error: Exception) -> None:
        if not self._is_away:
            why = str(error) or f"it took more than {PATIENCE:g} s"
            log.warning("conversation %s is not kept for now: %s", self._shelf.id, why)
        self._is_away = True


@asynccontextmanager
async def kept(keeper: Keeper) -> AsyncIterator[None]:
    """The conversation as it was left, and kept for as long as the context lasts."""
    await keeper.open()
    writing = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        keeper.finish()
        try:
            await asyncio.wait({writing}, timeout=2 * PATIENCE)  # one write may be on its way
        finally:
            writing.cancel()


def _fitting(documents: list[str]) -> tuple[str, ...]:
    """The newest of them, as many as a store takes: JSON may be six times as long as its text."""
    left = MAX_CHARACTERS
    for at in range(len(documents) - 1, -1, -1):
        left -= len(documents[at])
        if left < 0:
            return tuple(documents[at + 1 :])
    return tuple(documents)
