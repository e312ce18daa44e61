"""Waiting for a condition that others may make true, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Whoever changes something tells; whoever waits looks again."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """Something is not as it was."""
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once it holds."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()
