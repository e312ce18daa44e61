"""The tables, as the newest revision under `migrations/` leaves them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import MetaData, Named, Table, TypedColumns
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Line(TypeDecorator[str]):
    """Text of any client: with what no database takes, NUL and halves of pairs, replaced."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """What is written, and what is looked for."""
        if value is None:
            return None
        return value.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


class SessionColumns(TypedColumns):
    """One session."""

    number: Named[int] = sa.Column(sa.BigInteger, primary_key=True)
    """Counts up: a session with a greater one is newer."""
    id: Named[str] = sa.Column(Line)
    dialect: Named[str] = sa.Column(Line)
    owner: Named[str | None] = sa.Column(Line)
    meeting: Named[str | None] = sa.Column(Line)
    """`Record.group`; GROUP is a word of SQL."""
    speaker: Named[str | None] = sa.Column(Line)
    model: Named[str] = sa.Column(Line)
    language: Named[str | None] = sa.Column(Line)
    began: Named[float] = sa.Column(sa.Double)
    heard: Named[float] = sa.Column(sa.Double)
    frames: Named[int] = sa.Column(sa.BigInteger)
    start: Named[int] = sa.Column(sa.BigInteger)
    """The session's frame at which the frames of its present stream are counted from."""
    words: Named[int] = sa.Column(sa.BigInteger)
    segments: Named[int] = sa.Column(sa.BigInteger)
    stream: Named[int] = sa.Column(sa.BigInteger)


class SegmentColumns(TypedColumns):
    """One final; frames are the session's."""

    number: Named[int] = sa.Column(sa.BigInteger, primary_key=True)
    session: Named[int] = sa.Column(sa.BigInteger)
    """Of `sessions.number`; goes with it."""
    id: Named[int] = sa.Column(sa.BigInteger)
    start: Named[int] = sa.Column(sa.BigInteger)
    finish: Named[int] = sa.Column(sa.BigInteger)
    """`Segment.end`; END is a word of SQL."""
    language: Named[str] = sa.Column(Line)
    words: Named[str] = sa.Column(sa.Text)
    """JSON in ASCII: a list of text, start, end, probability for each."""
    measures: Named[str] = sa.Column(sa.Text)
    """JSON: `Segment`'s other fields by name."""


class UsedColumns(TypedColumns):
    """Sound that one owner used on one day; both together are the key."""

    owner: Named[str] = sa.Column(Line, primary_key=True)
    day: Named[str] = sa.Column(sa.Text, primary_key=True)
    """ISO's, so that later ones are greater."""
    frames: Named[int] = sa.Column(sa.BigInteger)


class OutboxColumns(TypedColumns):
    """One final that is to be told."""

    number: Named[int] = sa.Column(sa.BigInteger, primary_key=True)
    """Counts up, within a session in the order in which finals were kept."""
    id: Named[str] = sa.Column(sa.Text)
    session: Named[int] = sa.Column(sa.BigInteger)
    """Of `sessions.number`; goes with it."""
    segment: Named[int] = sa.Column(sa.BigInteger)
    """Of `segments.number`, which goes with the session alone."""
    written: Named[float] = sa.Column(sa.Double)
    due: Named[float | None] = sa.Column(sa.Double)
    """Seconds since 1970: the next attempt, or the end of a lease; None behind another final."""
    attempts: Named[int] = sa.Column(sa.BigInteger)


class ConversationColumns(TypedColumns):
    """One conversation of one owner; both names together are unique."""

    number: Named[int] = sa.Column(sa.BigInteger, primary_key=True)
    owner: Named[str] = sa.Column(Line)
    """Empty: nobody's."""
    id: Named[str] = sa.Column(Line)
    changed: Named[float] = sa.Column(sa.Double)
    """Seconds since 1970."""
    said: Named[str] = sa.Column(Line)
    """JSON, a line each."""
    holder: Named[str] = sa.Column(Line)
    """Who claimed it last."""


sessions = Table("sessions", metadata, SessionColumns)
segments = Table("segments", metadata, SegmentColumns)
used = Table("used", metadata, UsedColumns)
outbox = Table("outbox", metadata, OutboxColumns)
conversations = Table("conversations", metadata, ConversationColumns)
