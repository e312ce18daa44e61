"""What is asked of the tables of sessions and finals."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sotto.interfaces.store import Beginning, Query
from sotto.plugins.storage.rows import session_row
from sotto.plugins.storage.tables import segments, sessions
from sotto.transcript.words import Segment


def named(session: str) -> sa.Select[Any]:
    """A session by its id."""
    return sa.select(sessions).where(sessions.c.id == session)


async def held(connection: AsyncConnection, session: str) -> sa.Row[Any] | None:
    """The session's row, which nobody else changes meanwhile: SQLite has one writer anyway."""
    found = await connection.execute(named(session).with_for_update())
    row: sa.Row[Any] | None = found.one_or_none()
    return row


async def added(connection: AsyncConnection, session: Beginning, now: float) -> sa.Row[Any]:
    """The row of a session that is new, or was until this moment."""
    new = insert_into(connection, sessions).values(session_row(session, now))
    await connection.execute(new.on_conflict_do_nothing(index_elements=["id"]))
    row = await held(connection, session.id)
    assert row is not None, "expected the row that was just written"
    return row


def insert_into(connection: AsyncConnection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """What knows of conflicts, in the database's own words."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table)


async def kept(connection: AsyncConnection, row: dict[str, Any]) -> int | None:
    """The number of the new final; None where it is kept already."""
    new = insert_into(connection, segments).values(row)
    once = new.on_conflict_do_nothing(index_elements=["session", "id"])
    return (await connection.execute(once.returning(segments.c.number))).scalar_one_or_none()


def counted(known: sa.Row[Any], kept: Segment, stream: int | None, now: float) -> sa.Update:
    """What one more final, of that stream, changes of its session."""
    return (
        sa.update(sessions)
        .where(sessions.c.number == known.number)
        .values(
            language=kept.language if kept.words else known.language,
            heard=now,
            frames=max(known.frames, kept.end),
            words=known.words + len(kept.words),
            segments=known.segments + bool(kept.words),
            stream=max(known.stream, stream or 0),
        )
    )


def narrowed(found: sa.Select[Any], query: Query) -> sa.Select[Any]:
    """Sessions that are asked for, but for the words."""
    wanted = {"owner": query.owner, "meeting": query.group, "speaker": query.speaker}
    for name, value in wanted.items():
        if value is not None:
            found = found.where(sessions.c[name] == value)
    return found if query.after is None else found.where(sessions.c.number < query.after)
