"""Waiting for what may never come, without a task for each thing that does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


async def until(items: AsyncIterator[Item], event: asyncio.Event) -> AsyncGenerator[Item]:
    """The items up to where the event happens; what waits for one then is stopped."""
    waiting: asyncio.Timeout | None = None

    def stop(_: object) -> None:
        if waiting is not None:
            waiting.reschedule(0)

    happened = asyncio.ensure_future(event.wait())
    happened.add_done_callback(stop)
    try:
        while not event.is_set():
            try:
                async with asyncio.timeout(None) as waiting:
                    item = await anext(items, None)
            except TimeoutError:
                if event.is_set():
                    return
                raise
            finally:
                waiting = None
            if item is None:
                return
            yield item
    finally:
        happened.cancel()


async def unless_idle(
    items: AsyncIterator[Item], seconds: float, instead: Item
) -> AsyncGenerator[Item]:
    """The items, and `instead` once wherever one is waited for and none comes for so long.

    As without it, an item is asked for once the one before it is dealt with: what brings them may
    look at what became of that.
    """
    slot = _Slot(seconds, instead)
    filling = asyncio.ensure_future(slot.fill(items))
    try:
        while (item := await slot.take()) is not None:
            yield item
        await filling
    finally:
        slot.close()
        if not filling.done():
            filling.cancel()
            await asyncio.wait({filling})
        if not filling.cancelled():
            filling.exception()  # it came too late to matter: somebody must have looked at it
        if isinstance(items, AsyncGenerator):
            await items.aclose()


class _Slot(Generic[Item]):
    """Room for one item, between who brings and who takes."""

    def __init__(self, seconds: float, instead: Item) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._instead = instead
        self._item: Item | None = None
        self._is_over = False
        self._wanted = asyncio.Event()
        self._brought = asyncio.Event()
        self._since = self._loop.time()
        """When an item was asked for last."""
        self._timer: asyncio.TimerHandle | None = None
        """One for many items: most of them find that there is no need of it."""
        self._is_idle = False
        """Whether `instead` was told since the last item."""

    async def fill(self, items: AsyncIterator[Item]) -> None:
        """Bring all items, each once it is wanted. Raises what they raise."""
        try:
            await self._wanted.wait()
            async for item in items:
                while self._item is not None:
                    await self._want()
                self._put(item)
                self._is_idle = False
                await self._want()
        finally:
            self._is_over = True
            self._brought.set()

    async def take(self) -> Item | None:
        """The next item; None after the last."""
        while self._item is None:
            if self._is_over:
                return None
            self._since = self._loop.time()
            if self._timer is None and not self._is_idle:
                self._timer = self._loop.call_later(self._seconds, self._look)
            self._brought.clear()
            self._wanted.set()
            await self._brought.wait()
        item, self._item = self._item, None
        return item

    def close(self) -> None:
        """Nobody takes any more."""
        if self._timer is not None:
            self._timer.cancel()

    async def _want(self) -> None:
        self._wanted.clear()
        await self._wanted.wait()

    def _put(self, item: Item) -> None:
        self._item = item
        self._brought.set()

    def _look(self) -> None:
        self._timer = None
        if self._brought.is_set() or self._is_over:  # nobody waits: taking will ask again
            return
        due = self._since + self._seconds
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
        elif not self._is_idle:
            self._is_idle = True
            self._put(self._instead)
