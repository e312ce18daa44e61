"""Bringing a database of any age up to date, with Alembic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import AsyncEngine

from sotto.errors import StoreUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"

_ONE_AT_A_TIME = 0x50770
"""PostgreSQL's lock under which servers that start together take turns; SQLite's writer is one."""


async def migrate(connect: Callable[[], AsyncEngine]) -> None:
    """Run the revisions that are lacking, in a thread, on a connection of its own.

    Alembic reads and compiles its revisions, which takes a tenth of a second or more. Raises
    StoreUnavailable for a database of a newer server, and what the database raises.
    """
    await asyncio.to_thread(asyncio.run, _migrate(connect))


async def _migrate(connect: Callable[[], AsyncEngine]) -> None:
    engine = connect()
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(
            f"expected transcripts of this or an older version of the server, got others: {error}"
        ) from error
