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
    """The items, and `instead` once wherever none comes for so long."""
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


class _Slot(Generic[Item]):
    """Room for one item, between who brings and who takes."""

    def __init__(self, seconds: float, instead: Item) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._instead = instead
        self._item: Item | None = None
        self._is_over = False
        self._changed = asyncio.Event()
        self._since = self._loop.time()
        """When the last item was taken."""
        self._timer: asyncio.TimerHandle | None = None
        """One for many items: most of them find that there is no need of it."""
        self._is_idle = False
        """Whether `instead` was told since the last item."""

    async def fill(self, items: AsyncIterator[Item]) -> None:
        """Bring all items, each once the one before it is taken. Raises what they raise."""
        try:
            async for item in items:
                while self._item is not None:
                    await self._change()
                self._put(item)
                self._is_idle = False
        finally:
            self._is_over = True
            self._changed.set()

    async def take(self) -> Item | None:
        """The next item; None after the last."""
        self._since = self._loop.time()
        if self._timer is None and not self._is_idle:
            self._timer = self._loop.call_later(self._seconds, self._look)
        while self._item is None:
            if self._is_over:
                return None
            await self._change()
        item, self._item = self._item, None
        self._changed.set()
        return item

    def close(self) -> None:
        """Nobody takes any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _put(self, item: Item) -> None:
        self._item = item
        self._changed.set()

    def _look(self) -> None:
        self._timer = None
        if self._item is not None or self._is_over:
            return
        due = self._since + self._seconds
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
        elif not self._is_idle:
            self._is_idle = True
            self._put(self._instead)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
