"""The outbox in memory: what is not told when the process ends never is."""

from __future__ import annotations

import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sotto.clock import Clock
from sotto.interfaces.outbox import Delivery
from sotto.interfaces.store import Record
from sotto.plugins.storage.waking import Waking
from sotto.transcript.words import Segment

log = logging.getLogger(__name__)

MAX_PENDING = 10_000
"""Finals that wait to be told; of more, the oldest are dropped."""


@dataclass
class _Pending:
    id: str
    session: str
    segment: Segment
    written: float
    due: float
    attempts: int = 0


class MemoryOutbox:
    """Finals of sessions whose records somebody else keeps."""

    def __init__(self, record_of: Callable[[str], Record | None], clock: Clock) -> None:
        self._record_of = record_of
        self._clock = clock
        self._waking = Waking()
        self._all: OrderedDict[str, _Pending] = OrderedDict()
        self._queues: dict[str, OrderedDict[str, _Pending]] = {}
        """By session; none is empty."""

    def add(self, session: str, segment: Segment) -> None:
        """Have a final told."""
        now = self._clock.wall()
        new = _Pending(uuid.uuid4().hex, session, segment, now, due=now)
        self._all[new.id] = self._queues.setdefault(session, OrderedDict())[new.id] = new
        if len(self._all) > MAX_PENDING:
            log.warning("expected at most %d finals that wait to be told, got more", MAX_PENDING)
            self._remove(next(iter(self._all)))
        self._waking.wake()

    def forget(self, session: str) -> None:
        """All of a session's."""
        for pending in self._queues.pop(session, {}).values():
            del self._all[pending.id]

    async def take(self, most: int, lease: float) -> list[Delivery]:
        """Some that are due, each leased."""
        now = self._clock.wall()
        heads = [next(iter(queue.values())) for queue in self._queues.values()]
        due = sorted((head for head in heads if head.due <= now), key=lambda head: head.due)
        taken = []
        for pending in due[:most]:
            record = self._record_of(pending.session)
            if record is None:
                continue
            pending.due, pending.attempts = now + lease, pending.attempts + 1
            taken.append(
                Delivery(pending.id, record, pending.segment, pending.written, pending.attempts)
            )
        return taken

    async def finish(self, delivery: Delivery) -> None:
        """Forget one."""
        self._remove(delivery.id)
        self._waking.wake()

    async def postpone(self, delivery: Delivery, seconds: float) -> None:
        """Have one due again later."""
        pending = self._all.get(delivery.id)
        if pending is not None and pending.attempts == delivery.attempt:
            pending.due = self._clock.wall() + seconds

    async def drop(self, before: float) -> int:
        """Forget the old ones."""
        old = [pending.id for pending in self._all.values() if pending.written < before]
        for each in old:
            self._remove(each)
        self._waking.wake()
        return len(old)

    async def length(self) -> int:
        """How many there are."""
        return len(self._all)

    async def wait(self, seconds: float) -> None:
        """Come back when there may be work."""
        await self._waking.wait(seconds)

    def _remove(self, id: str) -> None:
        pending = self._all.pop(id, None)
        if pending is None:
            return
        queue = self._queues[pending.session]
        del queue[id]
        if not queue:
            del self._queues[pending.session]
