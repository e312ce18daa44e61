"""Finals are posted to an address, out of the outbox that they were written to.

Each is posted at least once, those of one session in order: a final that fails is tried again,
later each time, and holds up its session's others until it is accepted or too old.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

from sotto.clock import Clock, SystemClock
from sotto.errors import StoreUnavailable, Unreachable
from sotto.interfaces.outbox import Delivery, Outbox
from sotto.runtime.metrics import Metrics
from sotto.runtime.posting import Answer, Place, Poster
from sotto.runtime.webhook_message import body_of, headers_of

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Posts of one server that are out."""
LEASE = 30.0
"""Seconds, beyond those of an answer, for which no other server takes what this one posts."""
POLL = 1.0
"""Seconds between looks for what other servers wrote, or left, and for what is due again."""
TENDING = 15.0
"""Seconds between looks for what is too old, and for how much there is."""
AWAY = 5.0
"""Seconds until a store that could not be used is asked again."""
STOPPING = 3.0
"""Seconds that posts which are out have when the server stops."""
FIRST_RETRY = 1.0
LAST_RETRY = 600.0
"""Seconds: the first pause, doubled after each attempt, and the longest."""
GONE = 410


@dataclass(frozen=True)
class Webhook:
    """Where finals are posted, and how."""

    outbox: Outbox
    place: Place
    secrets: tuple[bytes, ...]
    """Each signs."""
    timeout: float
    """Seconds for an answer."""
    max_age: float
    """Seconds after which a final is not tried any more."""


def pause(attempt: int, asked: float, chance: float) -> float:
    """Seconds until the next attempt: half of it is chance (0..1), so that not all come at once.

    `asked`: what the receiver wants at least.
    """
    longest: float = min(LAST_RETRY, FIRST_RETRY * 2 ** min(attempt - 1, 32))
    return max(longest * (1 + chance) / 2, min(asked, LAST_RETRY))


@asynccontextmanager
async def delivering(
    webhook: Webhook | None, metrics: Metrics, clock: Clock | None = None
) -> AsyncIterator[None]:
    """Post what is due for as long as the context lasts; without a webhook nothing is."""
    if webhook is None:
        yield
        return
    deliverer = Deliverer(webhook, metrics, clock or SystemClock())
    running = asyncio.create_task(deliverer.run())
    running.add_done_callback(_tell_of_bug)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        await deliverer.stop()


def _tell_of_bug(running: asyncio.Task[None]) -> None:
    if not running.cancelled() and running.exception() is not None:
        log.error("no final is posted any more", exc_info=running.exception())


class Deliverer:
    """One server's."""

    def __init__(
        self, webhook: Webhook, metrics: Metrics, clock: Clock, random: Random | None = None
    ) -> None:
        self._webhook = webhook
        self._outbox = webhook.outbox
        self._poster = Poster(webhook.place, timeout=webhook.timeout)
        self._metrics = metrics
        self._clock = clock
        self._random = random or Random()
        self._out: dict[asyncio.Task[None], Delivery] = {}
        self._tended = float("-inf")
        self._fails = False

    async def run(self) -> None:
        """Until it is cancelled; what is out then, `stop` waits for."""
        while True:
            try:
                await self._tend()
                await self._take()
            except StoreUnavailable:  # which has been logged
                await asyncio.sleep(AWAY)
            await self._until_there_may_be_more()

    async def stop(self) -> None:
        """Wait a moment for what is out, and leave the rest to whoever comes next."""
        if self._out:
            await asyncio.wait(self._out, timeout=STOPPING)
        late = {task: delivery for task, delivery in self._out.items() if not task.done()}
        for task in late:
            task.cancel()
        await asyncio.gather(*self._out, return_exceptions=True)
        for delivery in late.values():
            with suppress(StoreUnavailable):
                await self._outbox.postpone(delivery, 0)

    async def _tend(self) -> None:
        now = self._clock.monotonic()
        if now < self._tended + TENDING:
            return
        max_age = self._webhook.max_age
        dropped = await self._outbox.drop(self._clock.wall() - max_age)
        if dropped:
            self._count("expired", dropped)
            log.error("dropped %d finals that could not be posted in %g s", dropped, max_age)
        self._metrics.webhook_outbox.set(await self._outbox.length())
        self._tended = now

    async def _take(self) -> None:
        free = AT_ONCE - len(self._out)
        if not free:
            return
        for delivery in await self._outbox.take(free, self._webhook.timeout + LEASE):
            self._out[asyncio.create_task(self._deliver(delivery))] = delivery

    async def _until_there_may_be_more(self) -> None:
        waiting = asyncio.create_task(self._outbox.wait(POLL))
        try:
            await asyncio.wait({waiting, *self._out}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        for task in [task for task in self._out if task.done()]:
            del self._out[task]
            task.result()  # where there is a bug, it is told

    async def _deliver(self, delivery: Delivery) -> None:
        answer = await self._post(delivery)
        try:
            if answer is not None and 200 <= answer.status < 300:
                self._note("delivered")
                await self._outbox.finish(delivery)
            elif answer is not None and answer.status == GONE:
                self._count("gone")
                log.warning("the webhook's receiver wants no final %s: 410", delivery.id)
                await self._outbox.finish(delivery)
            else:
                asked = 0.0 if answer is None else answer.retry_after
                seconds = pause(delivery.attempt, asked, self._random.random())
                await self._outbox.postpone(delivery, seconds)
        except StoreUnavailable:
            log.warning("final %s may be posted once more: its lease runs out", delivery.id)

    async def _post(self, delivery: Delivery) -> Answer | None:
        """None: nothing was answered."""
        body = body_of(delivery)
        headers = headers_of(delivery, body, self._webhook.secrets, self._clock.wall())
        try:
            answer = await self._poster.post(body, headers)
        except Unreachable as error:
            self._note("failed", str(error))
            return None
        if not 200 <= answer.status < 300 and answer.status != GONE:
            self._note("failed", f"status {answer.status}")
        return answer

    def _note(self, outcome: str, why: str = "") -> None:
        """Counted each time, and logged when it is no longer as it was."""
        self._count(outcome)
        if why and not self._fails:
            log.warning("finals cannot be posted and will be later: %s", why)
        elif self._fails and not why:
            log.info("finals can be posted again")
        self._fails = bool(why)

    def _count(self, outcome: str, number: int = 1) -> None:
        self._metrics.webhook_posts.labels(outcome).inc(number)
