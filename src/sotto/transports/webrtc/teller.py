"""Events told in order, for those who cannot wait until they are taken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from sotto.errors import CallerError
from sotto.transports.realtime.events import Json


class Teller:
    """What is still to be told to one client."""

    def __init__(self, tell: Callable[[Json], Awaitable[None]]) -> None:
        """`tell`: sends an event. Raises CallerError where the client takes no more."""
        self._tell = tell
        self._untold: deque[Json] = deque()
        self._changed = asyncio.Event()
        self._is_heard = True

    def say(self, event: Json) -> None:
        """As soon as what was said before is told."""
        if self._is_heard:
            self._untold.append(event)
            self._changed.set()

    async def settled(self) -> None:
        """Come back once all is told, or nobody listens any more."""
        while self._untold and self._is_heard:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Tell, until the client takes no more, or for ever."""
        try:
            while True:
                while not self._untold:
                    self._changed.clear()
                    await self._changed.wait()
                await self._tell(self._untold[0])
                self._untold.popleft()
                self._changed.set()
        except CallerError:
            return  # whoever reads from the client finds out, too
        finally:
            self._is_heard = False
            self._untold.clear()
            self._changed.set()
