"""Finals in SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sotto.clock import Clock, SystemClock
from sotto.interfaces.conversations import ConversationStore
from sotto.interfaces.outbox import Outbox
from sotto.interfaces.store import MAX_SEGMENTS, Beginning, Page, Query, Record, check_spent
from sotto.plugins.storage.begun import Begun, check_owner, check_stream
from sotto.plugins.storage.connecting import place_of
from sotto.plugins.storage.conversations import SqlConversations
from sotto.plugins.storage.migrating import migrate
from sotto.plugins.storage.outbox import SqlOutbox, add_to_outbox
from sotto.plugins.storage.rows import record_of, segment_of, segment_row
from sotto.plugins.storage.statements import added, counted, held, kept, named, narrowed
from sotto.plugins.storage.tables import segments, sessions
from sotto.plugins.storage.terms import asked, terms
from sotto.plugins.storage.together import FAULTS, Together, Work, unavailable
from sotto.plugins.storage.usage import add_used, forgotten, of_day, oldest_day
from sotto.transcript.later import later_segment
from sotto.transcript.words import Segment

T = TypeVar("T")

EXPIRED_AT_ONCE = 100
"""Sessions that are forgotten in one transaction, so that finals need not wait long."""

PARSED_AT_ONCE = 100
"""Finals whose words are made of JSON in a millisecond or two; more are in a thread."""


class SqlStore:
    """Keeps finals until they are deleted, or grow old."""

    def __init__(self, url: str, clock: Clock | None = None, *, keeps_outbox: bool = False) -> None:
        """Raises BadOption for an address that is none."""
        self._place = place_of(url)
        self._clock = clock or SystemClock()
        self._outbox = SqlOutbox(self._write, self._reading, self._clock) if keeps_outbox else None
        self._conversations = SqlConversations(self._write, self._reading, self._clock)
        self._begun = Begun()
        self._forgot = False
        """Whether something was deleted since the index was tidied."""
        self._reader: AsyncEngine | None = None
        self._writer: AsyncEngine | None = None
        self._together: Together | None = None

    @property
    def outbox(self) -> Outbox | None:
        """Finals that are to be told; None where none are."""
        return self._outbox

    @property
    def conversations(self) -> ConversationStore:
        """In the same database."""
        return self._conversations

    async def open(self) -> None:
        """Bring the database up to date. Raises StoreUnavailable, BadOption."""
        await asyncio.to_thread(self._place.prepare)
        try:
            await migrate(self._place.writer)
        except FAULTS as error:
            raise unavailable(error) from error
        self._reader, self._writer = self._place.reader(), self._place.writer()
        self._together = Together(self._writer)

    async def close(self) -> None:
        """Write what waits, and disconnect."""
        if self._together is not None:
            await self._together.close()
        for engine in (self._writer, self._reader):
            if engine is not None:
                await engine.dispose()
        self._reader = self._writer = self._together = None

    async def begin(self, session: Beginning) -> Record:
        """A stream begins. Raises StoreUnavailable, Forbidden."""

        async def work(connection: AsyncConnection) -> Record:
            known = await held(connection, session.id)
            if known is None:
                known = await added(connection, session, self._clock.wall())
            check_owner(session, known.owner)
            changed = (
                sa.update(sessions)
                .where(sessions.c.number == known.number)
                .values(
                    model=session.model,
                    language=session.language or known.language,
                    heard=self._clock.wall(),
                    start=known.start if session.continues else known.frames,
                    stream=known.stream + 1,
                )
                .returning(sessions)
            )
            return record_of((await connection.execute(changed)).one())

        record = await self._write(work, session.id)
        self._begun.note(session)
        return record

    async def append(self, session: str, segment: Segment, *, stream: int | None = None) -> None:
        """Keep one final. Raises StoreUnavailable, Superseded."""

        async def work(connection: AsyncConnection) -> None:
            known = await held(connection, session)
            if known is None:
                known = await added(connection, self._begun.of(session), self._clock.wall())
            check_stream(stream, known.stream)
            final = later_segment(segment, known.start)
            number = await kept(connection, segment_row(known.number, final))
            if number is None:
                return
            now = self._clock.wall()
            await connection.execute(counted(known, final, stream, now))
            if self._outbox is not None and final.words:
                await add_to_outbox(connection, known.number, number, now)
            said = terms(segment.text)
            if said:
                await connection.execute(self._place.words.keep(number, said))

        await self._write(work, session)
        if self._outbox is not None:
            self._outbox.waking.wake()

    async def segments(self, session: str, *, last: int = MAX_SEGMENTS) -> list[Segment]:
        """The last finals of a session in order. Raises StoreUnavailable."""
        newest = (
            sa.select(segments)
            .join(sessions, sessions.c.number == segments.c.session)
            .where(sessions.c.id == session)
            .order_by(segments.c.id.desc())
            .limit(min(last, MAX_SEGMENTS))
        )
        async with self._reading() as connection:
            rows = (await connection.execute(newest)).all()
        if len(rows) < PARSED_AT_ONCE:
            return [segment_of(row) for row in reversed(rows)]
        return await asyncio.to_thread(lambda: [segment_of(row) for row in reversed(rows)])

    async def record(self, session: str) -> Record | None:
        """What is known of a session. Raises StoreUnavailable."""
        async with self._reading() as connection:
            row = (await connection.execute(named(session))).one_or_none()
        return None if row is None else record_of(row)

    async def sessions(self, query: Query) -> Page:
        """The sessions that are asked for, newest first. Raises StoreUnavailable."""
        wanted = asked(query.text)
        if query.text and not wanted:
            return Page((), None)
        found = sa.select(sessions).order_by(sessions.c.number.desc()).limit(query.limit + 1)
        for term in wanted:
            finals = self._place.words.found(term)
            said = sa.select(segments.c.session).where(segments.c.number.in_(finals))
            found = found.where(sessions.c.number.in_(said))
        async with self._reading() as connection:
            rows = (await connection.execute(narrowed(found, query))).all()
        page = rows[: query.limit]
        after = page[-1].number if len(rows) > query.limit else None
        return Page(tuple(map(record_of, page)), after)

    async def delete(self, session: str) -> bool:
        """Forget a session and all its words. Raises StoreUnavailable."""
        gone = sa.delete(sessions).where(sessions.c.id == session)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(gone)).rowcount > 0

        self._forgot = True
        return await self._write(work, session)

    async def expire(self, before: float) -> int:
        """Forget the sessions that were last heard before. Raises StoreUnavailable."""
        some = sa.select(sessions.c.number).where(sessions.c.heard < before).limit(EXPIRED_AT_ONCE)
        gone = sa.delete(sessions).where(sessions.c.number.in_(some))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(gone)).rowcount

        async def work_on_usage(connection: AsyncConnection) -> None:
            await connection.execute(forgotten(oldest_day(self._clock.wall())))

        total = 0
        while count := await self._write(work):
            total += count
        await self._write(work_on_usage)
        await self._conversations.expire(before)
        await self._tidy(forgot=self._forgot or total > 0)
        return total

    async def spend(self, owner: str, day: str, frames: int) -> int:
        """Add frames to what an owner used on a day. Raises StoreUnavailable, ValueError."""
        check_spent(day, frames)
        if frames:
            return await self._write(
                lambda connection: add_used(connection, owner, day, frames), f"\0used by {owner}"
            )
        async with self._reading() as connection:
            return (await connection.execute(of_day(owner, day))).scalar() or 0

    async def _tidy(self, *, forgot: bool) -> None:
        tidy = self._place.words.tidy()
        if not forgot or tidy is None:
            return
        self._forgot = False

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(tidy)

        await self._write(work)

    async def _write(self, work: Work[T], row: str = "") -> T:
        assert self._together is not None, "expected a store that was opened"
        return await self._together.write(work, row)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """Raises StoreUnavailable."""
        assert self._reader is not None, "expected a store that was opened"
        try:
            async with self._reader.connect() as connection:
                yield connection
        except FAULTS as error:
            raise unavailable(error) from error
