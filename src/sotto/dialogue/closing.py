"""Generators and tasks at their end.

Generators are closed where they are left, and not once they happen to be collected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from sotto.errors import SottoError

T = TypeVar("T")


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended a TaskGroup first."""
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else error


@asynccontextmanager
async def closing(pieces: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """The pieces; whoever makes them is told when nobody wants more."""
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def in_time(pieces: AsyncIterator[T], within: float, late: SottoError) -> AsyncIterator[T]:
    """The pieces, each of which must come within so many seconds; else raises `late`.

    An async generator: closing it closes theirs.
    """
    async with closing(pieces):
        while True:
            try:
                async with asyncio.timeout(within):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise late from None
            yield piece
