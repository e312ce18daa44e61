"""The outbox in SQLite or PostgreSQL.

A final is due, or leased, where `due` is a time; behind another one of its session it has none. So
finding what is due looks at one row of each session, however many wait behind. Whoever adds to a
session's finals here or takes away from them holds the session's row meanwhile, so that none is
left without a time when the one before it goes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from sotto.clock import Clock
from sotto.interfaces.outbox import Delivery
from sotto.plugins.storage.rows import record_of, segment_of
from sotto.plugins.storage.tables import outbox, segments, sessions
from sotto.plugins.storage.together import Work
from sotto.plugins.storage.waking import Waking

T = TypeVar("T")

DROPPED_AT_ONCE = 100
"""Finals that are dropped in one transaction, so that others need not wait long."""


class Write(Protocol):
    """The store's writer."""

    async def __call__(self, work: Work[T], row: str = "") -> T:
        """What the work gives, once it is committed; see `Together`. Raises StoreUnavailable."""
        ...


async def add_to_outbox(
    connection: AsyncConnection, session: int, segment: int, now: float
) -> None:
    """Have a final told, whose session's row is held."""
    behind = sa.select(outbox.c.number).where(outbox.c.session == session).limit(1)
    waits = (await connection.execute(behind)).first() is not None
    await connection.execute(
        sa.insert(outbox).values(
            id=uuid.uuid4().hex,
            session=session,
            segment=segment,
            written=now,
            due=None if waits else now,
            attempts=0,
        )
    )


@dataclass(frozen=True)
class SqlOutbox:
    """Reads and writes as its store does."""

    write: Write
    reading: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
    clock: Clock
    waking: Waking = field(default_factory=Waking)

    async def take(self, most: int, lease: float) -> list[Delivery]:
        """Some that are due, each leased. Raises StoreUnavailable."""
        now = self.clock.wall()
        due = sa.select(outbox.c.number).where(outbox.c.due <= now).order_by(outbox.c.due)
        async with self.reading() as connection:
            if (await connection.execute(due.limit(1))).first() is None:
                return []

        async def work(connection: AsyncConnection) -> list[Delivery]:
            free = due.limit(most).with_for_update(skip_locked=True)
            numbers = (await connection.execute(free)).scalars().all()
            if not numbers:
                return []
            leased = (
                sa.update(outbox)
                .where(outbox.c.number.in_(numbers))
                .values(due=now + lease, attempts=outbox.c.attempts + 1)
                .returning(outbox)
            )
            rows = (await connection.execute(leased)).all()
            return await _deliveries(connection, sorted(rows, key=lambda row: row.number))

        return await self.write(work)

    async def finish(self, delivery: Delivery) -> None:
        """Forget one. Raises StoreUnavailable."""
        found = sa.select(outbox.c.number, outbox.c.session).where(outbox.c.id == delivery.id)

        async def work(connection: AsyncConnection) -> None:
            rows = (await connection.execute(found)).all()
            await _remove(connection, rows, self.clock.wall())

        await self.write(work, delivery.record.id)
        self.waking.wake()

    async def postpone(self, delivery: Delivery, seconds: float) -> None:
        """Have one due again later. Raises StoreUnavailable."""
        later = (
            sa.update(outbox)
            .where(outbox.c.id == delivery.id, outbox.c.attempts == delivery.attempt)
            .values(due=self.clock.wall() + seconds)
        )

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(later)

        await self.write(work)

    async def drop(self, before: float) -> int:
        """Forget the old ones. Raises StoreUnavailable."""
        old = (
            sa.select(outbox.c.number, outbox.c.session)
            .where(outbox.c.written < before)
            .order_by(outbox.c.written)
            .limit(DROPPED_AT_ONCE)
        )

        async def work(connection: AsyncConnection) -> int:
            rows = (await connection.execute(old)).all()
            return await _remove(connection, rows, self.clock.wall())

        total = 0
        async with self.reading() as connection:
            if (await connection.execute(old.limit(1))).first() is None:
                return 0
        while count := await self.write(work):
            total += count
        self.waking.wake()
        return total

    async def length(self) -> int:
        """How many there are. Raises StoreUnavailable."""
        async with self.reading() as connection:
            counted = sa.select(sa.func.count()).select_from(outbox)
            return int((await connection.execute(counted)).scalar_one())

    async def wait(self, seconds: float) -> None:
        """Come back when there may be work."""
        await self.waking.wait(seconds)


async def _remove(connection: AsyncConnection, rows: Sequence[sa.Row[int, int]], now: float) -> int:
    """Forget rows of `number` and `session`; the next of each session is due. How many went."""
    if not rows:
        return 0
    of = sorted({row.session for row in rows})
    held = sa.select(sessions.c.number).where(sessions.c.number.in_(of))
    await connection.execute(held.order_by(sessions.c.number).with_for_update())
    gone = sa.delete(outbox).where(outbox.c.number.in_([row.number for row in rows]))
    count = (await connection.execute(gone)).rowcount
    first = (
        sa.select(sa.func.min(outbox.c.number))
        .where(outbox.c.session.in_(of))
        .group_by(outbox.c.session)
    )
    await connection.execute(
        sa.update(outbox).where(outbox.c.number.in_(first), outbox.c.due.is_(None)).values(due=now)
    )
    return count


async def _deliveries(connection: AsyncConnection, rows: Sequence[sa.Row[Any]]) -> list[Delivery]:
    """With all that is known of them. A session that is deleted just now has taken its rows."""
    records = await _by_number(connection, sessions, [row.session for row in rows])
    finals = await _by_number(connection, segments, [row.segment for row in rows])
    return [
        Delivery(
            id=row.id,
            record=record_of(records[row.session]),
            segment=segment_of(finals[row.segment]),
            written=row.written,
            attempt=row.attempts,
        )
        for row in rows
        if row.session in records and row.segment in finals
    ]


async def _by_number(
    connection: AsyncConnection, table: sa.Table, numbers: Sequence[int]
) -> dict[int, sa.Row[Any]]:
    found = await connection.execute(sa.select(table).where(table.c.number.in_(numbers)))
    return {row.number: row for row in found}
