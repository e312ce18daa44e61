"""Group commit: what waits to be written at the same moment shares one transaction.

What makes a commit slow is that the disk, or the database's, must have it before it counts. The
first that comes is written at once; what comes meanwhile goes together, with the next commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sotto.errors import SottoError, StoreUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[T]]

MOST_AT_ONCE = 256
"""Pieces of work in one transaction."""
DEADLOCK = "40P01"
"""Of PostgreSQL."""
FAULTS = (DBAPIError, PoolTimeout, OSError)
"""What a database that is broken, locked, full or away makes the libraries raise."""


@dataclass(eq=False)
class _Waiting:
    work: Work[Any]
    row: str
    done: asyncio.Future[Any]
    result: Any = None
    error: SottoError | None = field(default=None)


class Together:
    """Writes over one connection."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, work: Work[T], row: str = "") -> T:
        """What the work gives, once it is committed.

        `row`: which one it holds, where other servers' work waits for that. Work on the same row
        is done in the order in which it came.

        Raises StoreUnavailable, and a SottoError of the work itself, which then must have written
        nothing.
        """
        waiting = _Waiting(work, row, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        result: T = await waiting.done
        return result

    async def close(self) -> None:
        """Come back when all is written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _write_all(self) -> None:
        while self._waiting:
            batch = self._waiting[:MOST_AT_ONCE]
            del self._waiting[: len(batch)]
            try:
                await self._commit([each for each in batch if not each.done.done()])
            finally:  # also where a bug raises something else, so that nobody waits forever
                _settle(batch, StoreUnavailable("the transcript store broke; see the log"))

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            async with self._engine.begin() as connection:
                # All servers take their rows in one order, so that no two wait for each other.
                for each in sorted(batch, key=lambda each: each.row):
                    await _do(each, connection)
        except FAULTS as error:
            if len(batch) == 1 or not _is_of_one(error):
                _settle(batch, unavailable(error))
                return
            for each in batch:
                await self._commit([each])
        else:
            for each in batch:
                _settle([each], each.error)


def _is_of_one(error: Exception) -> bool:
    """Whether one piece of work is at fault, or two servers wait for each other's."""
    if isinstance(error, DataError | IntegrityError):
        return True
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == DEADLOCK


async def _do(each: _Waiting, connection: AsyncConnection) -> None:
    each.error = None
    try:
        each.result = await each.work(connection)
    except SottoError as error:
        each.error = error


def _settle(batch: list[_Waiting], error: SottoError | None) -> None:
    for each in batch:
        if each.done.done():
            continue
        if error is None:
            each.done.set_result(each.result)
        else:
            each.done.set_exception(error)


def unavailable(error: Exception) -> StoreUnavailable:
    """What callers are told; the log has the cause, and never what was said."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    log.error("the transcript store cannot be used: %s: %s", type(cause).__name__, cause)
    fault = StoreUnavailable("transcripts cannot be kept or read just now: try again in a moment")
    fault.__cause__ = error
    return fault
