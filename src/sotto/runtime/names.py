"""One stream of a name at a time: the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Hold:
    """A name, for as long as a stream has it."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody else waits for it, or wants its stream to end."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    is_superseded: bool = False
    """Somebody else waits for it."""

    def give_up(self) -> None:
        """Let somebody else have it."""
        self.is_superseded = True
        self.wanted.set()


class Names:
    """Who has which name.

    A client that reconnects may be quicker than the network that tells of its hanging up: the
    stream that it left behind is ended, and its last word stored, before the new one begins.
    """

    def __init__(self) -> None:
        self._held: dict[Hashable, Hold] = {}

    def ask(self, name: Hashable) -> None:
        """Let whoever has the name let go of it, and all that it takes up, as soon as may be."""
        if (other := self._held.get(name)) is not None:
            other.give_up()

    @asynccontextmanager
    async def hold(self, name: Hashable) -> AsyncIterator[Hold]:
        """The name, once whoever has it has let go."""
        while (other := self._held.get(name)) is not None:
            other.give_up()
            await other.over.wait()
        mine = self._held[name] = Hold()
        try:
            yield mine
        finally:
            del self._held[name]
            mine.over.set()
