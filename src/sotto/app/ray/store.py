"""The keeper's store, as other processes know it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from sotto.app.ray.places import Keeper
from sotto.app.ray.wire import pack_call, unpack
from sotto.errors import StoreUnavailable
from sotto.interfaces.conversations import ConversationStore
from sotto.interfaces.store import MAX_SEGMENTS, Beginning, Page, Query, Record
from sotto.transcript.words import Segment

PATIENCE = 20.0
"""Seconds that a call waits for the keeper, which is started anew where it died."""
PAUSE = 0.2
"""Seconds between two tries meanwhile."""


class RemoteStore:
    """A TranscriptStore. Every method raises StoreUnavailable."""

    def __init__(self, keeper: Keeper) -> None:
        self._call = keeper.store
        self.conversations: ConversationStore = RemoteConversations(self._ask)

    async def open(self) -> None:
        """The keeper opened it."""

    async def close(self) -> None:
        """It is others' too."""

    async def begin(self, session: Beginning) -> Record:
        """A stream begins. Raises Forbidden too.

        Where the keeper dies meanwhile it may count twice, which does no harm: the newest counts.
        """
        record: Record = await self._ask("begin", session)
        return record

    async def append(self, session: str, segment: Segment, *, stream: int | None = None) -> None:
        """Keep one final. Raises Superseded too."""
        await self._ask("append", session, segment, stream=stream)

    async def segments(self, session: str, *, last: int = MAX_SEGMENTS) -> list[Segment]:
        """The last finals of a session in order."""
        segments: list[Segment] = await self._ask("segments", session, last=last)
        return segments

    async def record(self, session: str) -> Record | None:
        """What is known of a session."""
        record: Record | None = await self._ask("record", session)
        return record

    async def sessions(self, query: Query) -> Page:
        """The sessions that are asked for, newest first."""
        page: Page = await self._ask("sessions", query)
        return page

    async def delete(self, session: str) -> bool:
        """Forget a session and all its words."""
        known: bool = await self._ask("delete", session)
        return known

    async def expire(self, before: float) -> int:
        """Forget the sessions that were last heard before."""
        count: int = await self._ask("expire", before)
        return count

    async def spend(self, owner: str, day: str, frames: int) -> int:
        """Add to what an owner used; where the keeper dies meanwhile, it is not tried again."""
        total: int = await self._ask("spend", owner, day, frames, once=True)
        return total

    async def _ask(self, method: str, *args: object, once: bool = False, **kwargs: object) -> Any:
        parcel = pack_call(method, args, kwargs)
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        return unpack(await self._call.remote(parcel))
                    except RayError:
                        if once:
                            raise
                    await asyncio.sleep(PAUSE)
        except (RayError, RayServeException, TimeoutError) as error:
            raise StoreUnavailable(
                f"expected the store's process to answer, got {type(error).__name__}"
            ) from error


class RemoteConversations:
    """Its ConversationStore; what is asked twice, since the keeper died, does no harm."""

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        """`ask`: a method of the keeper's store."""
        self._ask = ask

    async def claim(self, owner: str | None, id: str, holder: str) -> tuple[str, ...]:
        """What was kept last. Raises BadOption too."""
        documents: tuple[str, ...] = await self._ask("conversations.claim", owner, id, holder)
        return documents

    async def save(self, owner: str | None, id: str, documents: Sequence[str], holder: str) -> bool:
        """Keep a conversation. Raises Superseded, BadOption, TooLarge too."""
        known: bool = await self._ask("conversations.save", owner, id, tuple(documents), holder)
        return known

    async def load(self, owner: str | None, id: str) -> tuple[str, ...] | None:
        """What was kept last."""
        documents: tuple[str, ...] | None = await self._ask("conversations.load", owner, id)
        return documents

    async def delete(self, owner: str | None, id: str) -> bool:
        """Forget a conversation."""
        known: bool = await self._ask("conversations.delete", owner, id)
        return known

    async def expire(self, before: float) -> int:
        """Forget those that were kept last before."""
        count: int = await self._ask("conversations.expire", before)
        return count
