"""Finals in SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sotto.clock import Clock, SystemClock
from sotto.interfaces.store import MAX_SEGMENTS, Beginning, Page, Query, Record
from sotto.plugins.storage.begun import Begun, check_owner
from sotto.plugins.storage.connecting import place_of
from sotto.plugins.storage.migrating import migrate
from sotto.plugins.storage.rows import record_of, segment_of, segment_row, session_row
from sotto.plugins.storage.shifting import later
from sotto.plugins.storage.tables import segments, sessions
from sotto.plugins.storage.terms import asked, terms
from sotto.plugins.storage.together import FAULTS, Together, Work, unavailable
from sotto.transcript.words import Segment

T = TypeVar("T")

EXPIRED_AT_ONCE = 100
"""Sessions that are forgotten in one transaction, so that finals need not wait long."""

PARSED_AT_ONCE = 100
"""Finals whose words are made of JSON in a millisecond or two; more are in a thread."""


class SqlStore:
    """Keeps finals until they are deleted, or grow old."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        """Raises BadOption for an address that is none."""
        self._place = place_of(url)
        self._clock = clock or SystemClock()
        self._begun = Begun()
        self._forgot = False
        """Whether something was deleted since the index was tidied."""
        self._reader: AsyncEngine | None = None
        self._writer: AsyncEngine | None = None
        self._together: Together | None = None

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
            known = await _held(connection, session.id)
            if known is None:
                known = await _added(connection, session, self._clock.wall())
            check_owner(session, known.owner)
            changed = (
                sa.update(sessions)
                .where(sessions.c.number == known.number)
                .values(
                    model=session.model,
                    language=session.language or known.language,
                    heard=self._clock.wall(),
                    start=known.start if session.continues else known.frames,
                )
                .returning(sessions)
            )
            return record_of((await connection.execute(changed)).one())

        record = await self._write(work)
        self._begun.note(session)
        return record

    async def append(self, session: str, segment: Segment) -> None:
        """Keep one final. Raises StoreUnavailable."""

        async def work(connection: AsyncConnection) -> None:
            known = await _held(connection, session)
            if known is None:
                known = await _added(connection, self._begun.of(session), self._clock.wall())
            kept = later(segment, known.start)
            number = await _kept(connection, segment_row(known.number, kept))
            if number is None:
                return
            await connection.execute(_counted(known, kept, self._clock.wall()))
            said = terms(segment.text)
            if said:
                await connection.execute(self._place.words.keep(number, said))

        await self._write(work)

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
            row = (await connection.execute(_named(session))).one_or_none()
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
            rows = (await connection.execute(_narrowed(found, query))).all()
        page = rows[: query.limit]
        after = page[-1].number if len(rows) > query.limit else None
        return Page(tuple(map(record_of, page)), after)

    async def delete(self, session: str) -> bool:
        """Forget a session and all its words. Raises StoreUnavailable."""
        gone = sa.delete(sessions).where(sessions.c.id == session)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(gone)).rowcount > 0

        self._forgot = True
        return await self._write(work)

    async def expire(self, before: float) -> int:
        """Forget the sessions that were last heard before. Raises StoreUnavailable."""
        some = sa.select(sessions.c.number).where(sessions.c.heard < before).limit(EXPIRED_AT_ONCE)
        gone = sa.delete(sessions).where(sessions.c.number.in_(some))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(gone)).rowcount

        total = 0
        while count := await self._write(work):
            total += count
        await self._tidy(forgot=self._forgot or total > 0)
        return total

    async def _tidy(self, *, forgot: bool) -> None:
        tidy = self._place.words.tidy()
        if not forgot or tidy is None:
            return
        self._forgot = False

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(tidy)

        await self._write(work)

    async def _write(self, work: Work[T]) -> T:
        assert self._together is not None, "expected a store that was opened"
        return await self._together.write(work)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """Raises StoreUnavailable."""
        assert self._reader is not None, "expected a store that was opened"
        try:
            async with self._reader.connect() as connection:
                yield connection
        except FAULTS as error:
            raise unavailable(error) from error


def _named(session: str) -> sa.Select[Any]:
    return sa.select(sessions).where(sessions.c.id == session)


async def _held(connection: AsyncConnection, session: str) -> sa.Row[Any] | None:
    """The session's row, which nobody else changes meanwhile: SQLite has one writer anyway."""
    found = await connection.execute(_named(session).with_for_update())
    row: sa.Row[Any] | None = found.one_or_none()
    return row


async def _added(connection: AsyncConnection, session: Beginning, now: float) -> sa.Row[Any]:
    """The row of a session that is new, or was until this moment."""
    new = _insert_into(connection, sessions).values(session_row(session, now))
    await connection.execute(new.on_conflict_do_nothing(index_elements=["id"]))
    row = await _held(connection, session.id)
    assert row is not None, "expected the row that was just written"
    return row


def _insert_into(connection: AsyncConnection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table)


async def _kept(connection: AsyncConnection, row: dict[str, Any]) -> int | None:
    """The number of the new final; None where it is kept already."""
    new = _insert_into(connection, segments).values(row)
    once = new.on_conflict_do_nothing(index_elements=["session", "id"])
    return (await connection.execute(once.returning(segments.c.number))).scalar_one_or_none()


def _counted(known: sa.Row[Any], kept: Segment, now: float) -> sa.Update:
    """What one more final changes of its session."""
    return (
        sa.update(sessions)
        .where(sessions.c.number == known.number)
        .values(
            language=kept.language if kept.words else known.language,
            heard=now,
            frames=max(known.frames, kept.end),
            words=known.words + len(kept.words),
            segments=known.segments + bool(kept.words),
        )
    )


def _narrowed(found: sa.Select[Any], query: Query) -> sa.Select[Any]:
    wanted = {"owner": query.owner, "meeting": query.group, "speaker": query.speaker}
    for name, value in wanted.items():
        if value is not None:
            found = found.where(sessions.c[name] == value)
    return found if query.after is None else found.where(sessions.c.number < query.after)
