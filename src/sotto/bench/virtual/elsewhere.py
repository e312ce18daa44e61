"""The engine of another process, as sessions of this one know it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sotto.bench.virtual.line import Answers, Asks, Begins, Leaves, Line
from sotto.errors import EngineFailed, Overloaded
from sotto.interfaces.engine import DecodeJob, Traits
from sotto.runtime.batcher import Ticket

BREATH = 0.1
"""Seconds until a queue that was full is asked again."""


@dataclass(eq=False)
class _Away(Ticket):
    """A job that is there."""

    number: int = 0
    begun: bool = False


@dataclass(eq=False)
class Elsewhere:
    """A recognizer at the other end of a line."""

    line: Line
    its_traits: Traits
    _away: dict[int, _Away] = field(default_factory=dict)
    _last: int = 0

    @property
    def traits(self) -> Traits:
        """What the model there is."""
        return self.its_traits

    def submit(self, job: DecodeJob) -> Ticket:
        """Hand in a job; that the queue is full is told by its result."""
        self._last += 1
        ticket = _Away(asyncio.get_running_loop().create_future(), 0.0, number=self._last)
        ticket.result.add_done_callback(lambda result: self._settled(ticket))
        self._away[ticket.number] = ticket
        self.line.send(Asks(ticket.number, job))
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """Take a job back, unless word came that it has begun."""
        assert isinstance(ticket, _Away), "expected a ticket of this recognizer"
        if ticket.begun or ticket.result.done():
            return False
        ticket.result.cancel()
        self._settled(ticket)
        return True

    async def room(self) -> None:
        """Return after a moment."""
        await asyncio.sleep(BREATH)

    def close(self) -> None:
        """The engine is others' too, and stays."""

    def hear(self, message: Begins | Answers) -> None:
        """Word of a job."""
        ticket = self._away.get(message.number)
        if ticket is None:
            return
        if isinstance(message, Begins):
            ticket.begun = True
            return
        del self._away[message.number]
        if ticket.result.done():
            return
        if message.heard is not None:
            ticket.result.set_result(message.heard)
        elif message.full:
            ticket.result.set_exception(Overloaded("expected room in the queue, got none"))
        else:
            ticket.result.set_exception(EngineFailed("the engine broke"))

    def _settled(self, ticket: _Away) -> None:
        if ticket.result.cancelled() and self._away.pop(ticket.number, None) is not None:
            self.line.send(Leaves(ticket.number))
