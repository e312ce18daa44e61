"""One stream of a name at a time: the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Hold:
    """A name, for as long as a stream has it."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody else waits for it."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Names:
    """Who has which name.

    A client that reconnects may be quicker than the network that tells of its hanging up: the
    stream that it left behind is ended, and its last word stored, before the new one begins.
    """

    def __init__(self) -> None:
        self._held: dict[str, Hold] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[Hold]:
        """The name, once whoever has it has let go."""
        while (other := self._held.get(name)) is not None:
            other.wanted.set()
            await other.over.wait()
        mine = self._held[name] = Hold()
        try:
            yield mine
        finally:
            del self._held[name]
            mine.over.set()
