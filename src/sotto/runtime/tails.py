"""The utterances that were open when a connection was lost.

A client that comes back sends their sound again, and then they are heard as a whole, as if nothing
had happened. One that does not has said them all the same: after a while they are stored. A server
that stops before stores none: it would cut a word in two for whoever comes back to the next one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from sotto.errors import SottoError, Superseded
from sotto.interfaces.store import TranscriptStore
from sotto.runtime.requests import Place
from sotto.transcript.words import Segment

log = logging.getLogger(__name__)

Whose: TypeAlias = tuple[str | None, str]
"""An owner, and a session."""

PATIENCE = 180.0
"""Seconds in which a client may come back: its own tries take two minutes, and a wait that it is
asked for."""
MOST = 10_000
"""Utterances that wait; one more, and the oldest is stored."""


@dataclass(frozen=True)
class Tail:
    """What was understood of an utterance up to the cut."""

    owner: str | None
    session: str
    segment: Segment
    """On the session's clock."""
    stream: int | None
    """The number of its stream in the session."""

    @property
    def whose(self) -> Whose:
        """Nobody settles another's."""
        return self.owner, self.session


@dataclass(frozen=True, eq=False)
class _Waiting:
    tail: Tail
    due: asyncio.Event
    task: asyncio.Task[None]


class Tails:
    """Of one process, one for each session. Lives in one event loop."""

    def __init__(self, patience: float = PATIENCE, most: int = MOST) -> None:
        self._patience = patience
        self._most = most
        self._waiting: dict[Whose, _Waiting] = {}

    def keep(self, store: TranscriptStore, tail: Tail) -> None:
        """Store it, unless its client comes back before."""
        if len(self._waiting) >= self._most:
            next(iter(self._waiting.values())).due.set()
        due = asyncio.Event()
        task = asyncio.create_task(self._store(store, tail, due))
        self._waiting[tail.whose] = _Waiting(tail, due, task)

    async def settle(self, whose: Whose, place: Place | None) -> None:
        """The client is back: what it sends again is forgotten, what it does not is stored."""
        waiting = self._waiting.get(whose)
        if waiting is None:
            return
        if place is not None and place.at <= waiting.tail.segment.start:
            waiting.task.cancel()
        waiting.due.set()
        await asyncio.wait({waiting.task})

    async def close(self) -> None:
        """Nobody comes back to this process: the next one hears what clients send again."""
        tasks = {waiting.task for waiting in self._waiting.values()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _store(self, store: TranscriptStore, tail: Tail, due: asyncio.Event) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await due.wait()
            await store.append(tail.session, tail.segment, stream=tail.stream)
        except Superseded:
            pass  # it came back to another server, and sent the sound again there
        except SottoError as error:
            log.warning("the last words before a cut are not stored: %s", error)
        finally:
            del self._waiting[tail.whose]
