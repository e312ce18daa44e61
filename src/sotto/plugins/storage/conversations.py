"""Conversations in SQLite or PostgreSQL, and in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from sotto.clock import Clock
from sotto.interfaces.conversations import check_conversation, check_name, taken_over
from sotto.plugins.storage.outbox import Write
from sotto.plugins.storage.statements import insert_into
from sotto.plugins.storage.tables import conversations

FORGOTTEN_AT_ONCE = 100
"""In one transaction, so that finals need not wait long."""


@dataclass(frozen=True)
class SqlConversations:
    """Reads and writes as its store does. An item is a line: JSON escapes the ends of lines."""

    write: Write
    reading: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
    clock: Clock

    async def claim(self, owner: str | None, id: str, holder: str) -> tuple[str, ...]:
        """What was kept last, from now on this holder's. Raises StoreUnavailable, BadOption."""
        check_name(id)
        since = {"holder": holder, "changed": self.clock.wall()}

        async def work(connection: AsyncConnection) -> str:
            new = insert_into(connection, conversations)
            new = new.values(owner=_known(owner), id=id, said="", **since)
            mine = new.on_conflict_do_update(index_elements=["owner", "id"], set_=since)
            said = mine.returning(conversations.c.said)
            return str((await connection.execute(said)).scalar_one())

        return _documents(await self.write(work, _row(owner, id)))

    async def save(self, owner: str | None, id: str, documents: Sequence[str], holder: str) -> bool:
        """Keep a conversation. Raises StoreUnavailable, Superseded, BadOption, TooLarge,
        ValueError."""
        check_conversation(id, documents)
        kept = {"said": "\n".join(documents), "changed": self.clock.wall()}

        async def work(connection: AsyncConnection) -> bool:
            mine = sa.update(conversations).where(
                *_named(owner, id), conversations.c.holder == holder
            )
            if (await connection.execute(mine.values(**kept))).rowcount:
                return True
            another = sa.select(conversations.c.number).where(*_named(owner, id))
            if (await connection.execute(another)).scalar_one_or_none() is not None:
                raise taken_over(id)
            return False

        return await self.write(work, _row(owner, id))

    async def load(self, owner: str | None, id: str) -> tuple[str, ...] | None:
        """What was kept last. Raises StoreUnavailable."""
        found = sa.select(conversations.c.said).where(*_named(owner, id))
        async with self.reading() as connection:
            said = (await connection.execute(found)).scalar_one_or_none()
        return None if said is None else _documents(said)

    async def delete(self, owner: str | None, id: str) -> bool:
        """Forget a conversation. Raises StoreUnavailable."""
        gone = sa.delete(conversations).where(*_named(owner, id))

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(gone)).rowcount > 0

        return await self.write(work)

    async def expire(self, before: float) -> int:
        """Forget those that were kept last before. Raises StoreUnavailable."""
        old = sa.select(conversations.c.number).where(conversations.c.changed < before)
        some = old.limit(FORGOTTEN_AT_ONCE)
        gone = sa.delete(conversations).where(conversations.c.number.in_(some))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(gone)).rowcount

        total = 0
        while count := await self.write(work):
            total += count
        return total


def _known(owner: str | None) -> str:
    """In the table nobody is the empty name: no two of SQL's NULLs are the same."""
    return owner or ""


def _row(owner: str | None, id: str) -> str:
    return f"\0conversation {id} of {_known(owner)}"


def _documents(said: str) -> tuple[str, ...]:
    return tuple(said.split("\n")) if said else ()


def _named(owner: str | None, id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (conversations.c.owner == _known(owner), conversations.c.id == id)


@dataclass(frozen=True)
class _Kept:
    changed: float
    documents: tuple[str, ...]
    holder: str

    @property
    def size(self) -> int:
        return sum(map(len, self.documents))


class MemoryConversations:
    """Of too many, those that were claimed and kept longest ago are forgotten."""

    def __init__(
        self, clock: Clock, *, max_conversations: int = 1_000, max_characters: int = 20_000_000
    ) -> None:
        self._clock = clock
        self._max_conversations = max_conversations
        self._max_characters = max_characters
        self._size = 0
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        """The one that was kept last at the end."""

    async def claim(self, owner: str | None, id: str, holder: str) -> tuple[str, ...]:
        """What was kept last, from now on this holder's. Raises BadOption."""
        check_name(id)
        kept = self._kept.get((_known(owner), id))
        documents = kept.documents if kept else ()
        self._put((_known(owner), id), documents, holder)
        return documents

    async def save(self, owner: str | None, id: str, documents: Sequence[str], holder: str) -> bool:
        """Keep a conversation. Raises Superseded, BadOption, TooLarge, ValueError."""
        check_conversation(id, documents)
        kept = self._kept.get((_known(owner), id))
        if kept is None:
            return False
        if kept.holder != holder:
            raise taken_over(id)
        self._put((_known(owner), id), tuple(documents), holder)
        return True

    async def load(self, owner: str | None, id: str) -> tuple[str, ...] | None:
        """What was kept last."""
        kept = self._kept.get((_known(owner), id))
        return None if kept is None else kept.documents

    async def delete(self, owner: str | None, id: str) -> bool:
        """Forget a conversation."""
        return self._drop((_known(owner), id))

    async def expire(self, before: float) -> int:
        """Forget those that were kept last before."""
        old = [key for key, kept in self._kept.items() if kept.changed < before]
        for key in old:
            self._drop(key)
        return len(old)

    def _put(self, key: tuple[str, str], documents: tuple[str, ...], holder: str) -> None:
        self._drop(key)
        kept = self._kept[key] = _Kept(self._clock.wall(), documents, holder)
        self._size += kept.size
        while len(self._kept) > 1 and (
            len(self._kept) > self._max_conversations or self._size > self._max_characters
        ):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str]) -> bool:
        """Whether it was there."""
        kept = self._kept.pop(key, None)
        self._size -= kept.size if kept else 0
        return kept is not None
