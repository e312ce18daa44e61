"""Events that a program has not read yet."""

from __future__ import annotations

import asyncio
from collections import deque

from sotto.client.changes import Changes
from sotto.client.events import Committed, Event, Final, Partial, SpeechEnded
from sotto.errors import SottoError, TooSlow

MOST_UNREAD = 10_000
"""Events: some hours of speech, since a partial that is out of date is left out."""
READ_SECONDS = 20.0
"""In which a program whose inbox is full must read something; servers wait as long."""


class Inbox:
    """Bounded: whoever puts waits for whoever takes."""

    def __init__(self, most: int, patience: float) -> None:
        """Events, and seconds."""
        self._most = most
        self._patience = patience
        self._events: deque[Event] = deque()
        self._changes = Changes()
        self._failure: SottoError | None = None
        self.is_closed = False

    async def put(self, event: Event) -> None:
        """One more event. Raises TooSlow where there is no room and nobody reads."""
        if self._events and _is_outdated(self._events[-1], event):
            self._events.pop()
        try:
            async with asyncio.timeout(self._patience):
                await self._changes.until(lambda: len(self._events) < self._most)
        except TimeoutError:
            raise TooSlow(
                f"expected a program that reads its events, got {len(self._events):,} unread"
            ) from None
        self._events.append(event)
        self._changes.tell()

    def close(self, failure: SottoError | None = None) -> None:
        """No more events come; what ended them is raised after the last."""
        self.is_closed, self._failure = True, failure
        self._changes.tell()

    def check(self) -> None:
        """Raises what ended the events, if anything did."""
        if self._failure is not None:
            raise self._failure

    async def take(self) -> Event | None:
        """The next event; None after the last. Raises what ended them."""
        await self._changes.until(lambda: bool(self._events) or self.is_closed)
        if not self._events:
            self.check()
            return None
        event = self._events.popleft()
        self._changes.tell()
        return event


def _is_outdated(last: Event, event: Event) -> bool:
    return (
        isinstance(last, Partial)
        and isinstance(event, Partial | Committed | SpeechEnded | Final)
        and last.utterance == event.utterance
    )
