"""What is still to be told: in one order, by one task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sotto.dialogue.events import ItemStarted, ResponseStarted, TalkEvent
from sotto.dialogue.told import Told


@dataclass(frozen=True)
class Letter:
    """One event, and the answer that it is of."""

    event: TalkEvent
    told: Told | None = None


class Outbox:
    """The only way to a listener."""

    def __init__(self, tell: Callable[[Letter], Awaitable[None]]) -> None:
        self._tell = tell
        self._letters: deque[Letter] = deque()
        self._changed = asyncio.Event()

    def put(self, event: TalkEvent, told: Told | None = None) -> None:
        """Tell it after all that was put before."""
        self._letters.append(Letter(event, told))
        self._changed.set()

    async def room(self, most: int) -> None:
        """Come back once fewer than that wait."""
        await self._until(lambda: len(self._letters) < most)

    def drop(self, told: Told) -> None:
        """Nothing of the answer is told any more but that it began, and of which items."""
        kept = (
            letter
            for letter in self._letters
            if letter.told is not told or isinstance(letter.event, ResponseStarted | ItemStarted)
        )
        self._letters = deque(kept)
        self._changed.set()

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await self._until(lambda: bool(self._letters))
            letter = self._letters.popleft()
            self._changed.set()
            await self._tell(letter)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
