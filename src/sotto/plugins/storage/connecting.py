"""Where transcripts lie, as an address, and the connections there."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sotto.clock import SystemClock
from sotto.errors import BadOption, StoreUnavailable
from sotto.plugins.storage.full_text import Fts5, FullText, TsVector
from sotto.plugins.storage.together import unavailable

BUSY_SECONDS = 5.0
"""How long a write waits where another process writes, or a pool has no connection left."""
AGAIN_SECONDS = 0.02
"""Until SQLite is asked again for what it refuses at once."""
READERS = 4
"""Connections that read at once, each a thread of its own on SQLite."""
COMMAND_SECONDS = 30.0
"""After which PostgreSQL's answer is not waited for any more."""


@dataclass(frozen=True)
class Place:
    """A database: how to connect for reading and for writing, and how it finds words."""

    reader: Callable[[], AsyncEngine]
    writer: Callable[[], AsyncEngine]
    """One connection: a process writes one transaction at a time."""
    words: FullText
    prepare: Callable[[], None]
    """Before the first connection. Raises StoreUnavailable."""


def place_of(url: str) -> Place:
    """`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`. Raises BadOption."""
    try:
        address = sa.make_url(url)
    except ArgumentError:
        raise _bad(url.partition(":")[0]) from None
    match address.get_backend_name():
        case "sqlite" if address.database:
            return _sqlite(Path(address.database).expanduser().absolute())
        case "postgresql" | "postgres":
            return _postgresql(address)
        case other:
            raise _bad(other)


def _bad(kind: str) -> BadOption:
    return BadOption(
        "store.url",
        "expected store.url to be sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE "
        f"or memory, got one of {kind!r}",
    )


def _sqlite(file: Path) -> Place:
    url = sa.URL.create("sqlite+aiosqlite", database=str(file))

    def connect(size: int, begin: str) -> AsyncEngine:
        engine = create_async_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            hide_parameters=True,
            connect_args={"timeout": BUSY_SECONDS},
        )
        sa.event.listen(engine.sync_engine, "connect", _configure)
        sa.event.listen(engine.sync_engine, "begin", lambda on: on.exec_driver_sql(begin))
        return engine

    return Place(
        reader=lambda: connect(READERS, "BEGIN"),
        writer=lambda: connect(1, "BEGIN IMMEDIATE"),
        words=Fts5(),
        prepare=lambda: _prepare(file),
    )


def _prepare(file: Path) -> None:
    """Raises StoreUnavailable."""
    _make_private(file)
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection:
            _use_log(connection)
    except sqlite3.DatabaseError as error:
        raise unavailable(error) from error


def _use_log(connection: sqlite3.Connection) -> None:
    """Have the database written by a log (WAL), from now on.

    Of several servers that ask for it at the same moment all but one are refused at once, whatever
    time they would have: they ask again.
    """
    clock = SystemClock()
    until = clock.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or clock.monotonic() > until:
                raise
            time.sleep(AGAIN_SECONDS)
        else:
            return


def _configure(connection: Any, _: object) -> None:
    """What each connection is told.

    FULL: each commit is on the disk before it is acknowledged, also where the power fails; with
    NORMAL it would outlive the process alone, and clients have let go of the sound.
    """
    connection.isolation_level = None  # the driver begins nothing: `begin` says how
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _make_private(file: Path) -> None:
    """The file, readable by its owner alone; SQLite gives those beside it the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"cannot write transcripts to {file}: {error.strerror}") from error


def _postgresql(address: sa.URL) -> Place:
    url = address.set(drivername="postgresql+asyncpg")

    def connect(size: int) -> AsyncEngine:
        try:
            return create_async_engine(
                url,
                pool_size=size,
                max_overflow=0,
                pool_timeout=BUSY_SECONDS,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={"timeout": BUSY_SECONDS, "command_timeout": COMMAND_SECONDS},
            )
        except ImportError as error:
            raise BadOption(
                "store.url",
                f"PostgreSQL needs a package more: pip install 'sotto[postgres]' ({error})",
            ) from error

    return Place(
        reader=lambda: connect(READERS),
        writer=lambda: connect(1),
        words=TsVector(),
        prepare=lambda: None,
    )
