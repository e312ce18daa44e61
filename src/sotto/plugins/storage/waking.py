"""Telling whoever waits for the outbox that something may be due."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Waking:
    """One waits; what happens while nobody does is not forgotten."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Something may be due."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Come back when something may be due, at the latest after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
