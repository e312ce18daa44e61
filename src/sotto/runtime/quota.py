"""Minutes of sound that a caller may have heard in a day, by UTC; kept in the store.

Who is let in carries a meter along, in the context of its task: whatever streams and files are
begun there count by it, through however many hands they go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from sotto.audio.format import FRAMES_PER_SECOND
from sotto.clock import Clock
from sotto.errors import RateLimited, StoreUnavailable
from sotto.interfaces.store import TranscriptStore
from sotto.runtime.access import Caller
from sotto.runtime.runner import Flush, Heard

log = logging.getLogger(__name__)

BATCH = 5 * FRAMES_PER_SECOND  # 500
"""Frames that are told to the store at once: what a crash may forget of one caller."""
PAUSE = 5.0
"""Seconds before a store that failed is told again."""
LAST_SECONDS = 3.0
"""In which the store is told the rest, once the server stops."""
DAY = 86_400
FRAMES_PER_MINUTE = 60 * FRAMES_PER_SECOND  # 6000
DAYS = 2
"""Days of which it is kept what a store that fails was not told yet: the newest."""

_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


class Account:
    """What one caller has used, over all it has under way on this server and others."""

    def __init__(self, owner: str, store: TranscriptStore, clock: Clock) -> None:
        self.open = 0
        """Requests and sockets that may add to it."""
        self._owner = owner
        self._store = store
        self._clock = clock
        self._day = ""
        self._known = 0
        """Frames of the day that the store has, as it said last."""
        self._untold: dict[str, int] = {}
        """Day → frames that the store was not told yet."""
        self._saving: asyncio.Task[None] | None = None
        self._paused_until = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be lost if it was forgotten."""
        return not self.open and not self._untold

    def used(self) -> int:
        """Frames of today."""
        day = self._today()
        return self._known + self._untold.get(day, 0)

    def add(self, frames: int) -> None:
        """So much more was heard."""
        day = self._today()
        self._untold[day] = self._untold.get(day, 0) + frames
        for old in sorted(self._untold)[:-DAYS]:
            del self._untold[old]
        if self._untold[day] >= BATCH:
            self.save_soon()

    def save_soon(self) -> None:
        """Tell the store, beside whatever goes on."""
        busy = self._saving is not None and not self._saving.done()
        if self._untold and not busy and self._clock.monotonic() >= self._paused_until:
            self._saving = asyncio.create_task(self._save_or_wait())

    async def save(self) -> None:
        """Tell the store all. Raises StoreUnavailable; what it was not told is kept."""
        for day, frames in tuple(self._untold.items()):
            total = await self._store.spend(self._owner, day, frames)
            rest = self._untold.get(day, frames) - frames
            if rest > 0:
                self._untold[day] = rest
            else:
                self._untold.pop(day, None)
            if day == self._day:
                self._known = total

    async def refresh(self) -> None:
        """Ask the store what others have used. Raises StoreUnavailable."""
        day = self._today()
        known = await self._store.spend(self._owner, day, 0)
        if day == self._day:
            self._known = max(self._known, known)

    async def finish(self) -> None:
        """Save once nothing more is added. Raises StoreUnavailable."""
        if self._saving is not None:
            await asyncio.wait({self._saving})
        await self.save()

    async def _save_or_wait(self) -> None:
        try:
            await self.save()
        except StoreUnavailable as error:
            self._paused_until = self._clock.monotonic() + PAUSE
            log.warning("what %s uses is counted, but not kept yet: %s", self._owner, error)

    def _today(self) -> str:
        day = datetime.fromtimestamp(self._clock.wall(), UTC).date().isoformat()
        if day != self._day:
            self._day, self._known = day, 0
        return day


@dataclass(frozen=True)
class Meter:
    """A caller's account, and how much may be on it."""

    account: Account
    minutes: int
    """A day."""
    clock: Clock

    def add(self, frames: int) -> None:
        """Count what was heard."""
        self.account.add(frames)

    def check(self) -> None:
        """Raises RateLimited where all of it is used."""
        if self.account.used() >= self.minutes * FRAMES_PER_MINUTE:
            raise RateLimited(
                f"expected at most {self.minutes} minutes of sound a day (UTC), got more",
                DAY - self.clock.wall() % DAY,
            )


class Quotas:
    """The accounts of all callers that have a quota; each is kept while it changes."""

    def __init__(self, store: TranscriptStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._accounts: dict[str, Account] = {}

    async def check(self, caller: Caller) -> None:
        """Raises RateLimited where the caller has used its minutes up.

        Where the store cannot be asked, what this server itself has counted decides.
        """
        meter = self._meter(caller)
        if meter is None:
            return
        try:
            await meter.account.refresh()
        except StoreUnavailable as error:
            log.warning("what %s has used is not known just now: %s", caller.account, error)
        meter.check()

    @contextmanager
    def counting(self, caller: Caller) -> Iterator[None]:
        """What is heard in this context counts, if the caller has a quota."""
        meter = self._meter(caller)
        if meter is None:
            yield
            return
        before = _METER.set(meter)
        meter.account.open += 1
        try:
            yield
        finally:
            _METER.reset(before)
            meter.account.open -= 1
            meter.account.save_soon()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """At the end, the store is told what it does not know yet."""
        try:
            yield
        finally:
            try:
                async with asyncio.timeout(LAST_SECONDS):
                    for account in self._accounts.values():
                        await account.finish()
            except (StoreUnavailable, TimeoutError) as error:
                log.error("some of what was used today could not be kept: %s", error)

    def _meter(self, caller: Caller) -> Meter | None:
        minutes = caller.allowance.minutes
        if minutes is None:
            return None
        if caller.account not in self._accounts:
            kept = {name: one for name, one in self._accounts.items() if not one.is_idle}
            kept[caller.account] = Account(caller.account, self._store, self._clock)
            self._accounts = kept
        return Meter(self._accounts[caller.account], minutes, self._clock)


async def metered(
    heard: AsyncIterator[Heard], over: Callable[[RateLimited], None] | None = None
) -> AsyncIterator[Heard]:
    """What is heard, counted for whoever was let in.

    Where their minutes are used up, `over` is told, each time; without it, RateLimited is raised.
    """
    meter = _METER.get()
    async for item in heard:
        if meter is not None and not isinstance(item, Flush):
            meter.add(len(item))
            try:
                meter.check()
            except RateLimited as error:
                if over is None:
                    raise
                over(error)
        yield item
