"""An engine elsewhere, as the sessions of this process know it."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, field

from ray.exceptions import RayError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException

from sotto.app.ray.engine import BEGUN, TAKEN
from sotto.app.ray.places import Answers, EngineHandle
from sotto.app.ray.wire import pack_job, unpack
from sotto.clock import Clock
from sotto.errors import (
    EngineFailed,
    ModelNotReady,
    ModelUnavailable,
    Overloaded,
    ServerError,
    SottoError,
)
from sotto.interfaces.engine import DecodeJob, Hypothesis, Traits
from sotto.runtime.batcher import Ticket
from sotto.runtime.metrics import Metrics

log = logging.getLogger(__name__)

FAULTS = (RayError, RayServeException, StopAsyncIteration)
"""What a replica that died, was cut off or never came makes of a call."""
TRIES = 2
"""Replicas that are asked for one job where they die; the session's driver has tries of its own."""
BREATH = 0.2
"""Seconds, about, until a queue that was full is asked again."""


@dataclass(frozen=True)
class Handling:
    """What all jobs of a model share."""

    clock: Clock
    metrics: Metrics
    """Of the sessions' process: its admission goes by how long their jobs wait."""
    patience: float
    """Seconds that a job waits for a replica to take it."""


@dataclass(eq=False)
class _Away(Ticket):
    """A job that is elsewhere."""

    priority: str = ""
    begun: bool = False
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class RemoteRecognizer:
    """What decodes jobs: whichever replica of a model's deployment has the least to do."""

    def __init__(self, name: str, engine: EngineHandle, traits: Traits, how: Handling) -> None:
        self._name = name
        self._decode = engine.options(stream=True).decode
        self._traits = traits
        self._how = how
        self._away: set[_Away] = set()

    @property
    def traits(self) -> Traits:
        """What the model is."""
        return self._traits

    def submit(self, job: DecodeJob) -> Ticket:
        """Hand in a job; that a queue is full is told by its result."""
        loop = asyncio.get_running_loop()
        ticket = _Away(loop.create_future(), self._how.clock.monotonic())
        ticket.priority = job.priority.name.lower()
        ticket.task = loop.create_task(self._follow(job, ticket))
        ticket.result.add_done_callback(lambda _: self._settled(ticket))
        self._away.add(ticket)
        self._note_queue()
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """Take a job back, unless a replica said that it has begun.

        One that begins in this very moment, while word of it is on its way, is decoded for nothing.
        """
        assert isinstance(ticket, _Away), "expected a ticket of this recognizer"
        if ticket.begun or ticket.result.done() or ticket.task is None:
            return False
        ticket.result.cancel()
        ticket.task.cancel()
        self._over(ticket, "withdrawn")
        return True

    async def room(self) -> None:
        """Return after a moment: which replica has room, is seen when it is asked."""
        await asyncio.sleep(BREATH * random.uniform(0.5, 1.5))

    def close(self) -> None:
        """Take back what is away; the replicas are others' too, and stay."""
        for ticket in tuple(self._away):
            self.withdraw(ticket)

    def _settled(self, ticket: _Away) -> None:
        """Where nobody waits for a job any more, its replica is told so."""
        if ticket.result.cancelled() and ticket.task is not None:
            ticket.task.cancel()
            self._over(ticket, "withdrawn")

    async def _follow(self, job: DecodeJob, ticket: _Away) -> None:
        """See to it that the ticket has a result, whatever happens to replicas."""
        try:
            hypothesis = await self._ask(pack_job(job), ticket)
        except SottoError as error:
            self._over(ticket, "failed")
            if not ticket.result.done():
                ticket.result.set_exception(error)
        else:
            self._over(ticket, "done")
            if not ticket.result.done():
                ticket.result.set_result(hypothesis)

    async def _ask(self, parcel: bytes, ticket: _Away) -> Hypothesis:
        for tried in range(1, TRIES + 1):
            answers = self._decode.remote(parcel)
            try:
                return await self._hear(answers, ticket)
            except (asyncio.CancelledError, EngineFailed):
                answers.cancel()
                raise
            except FAULTS as error:
                failure = _explained(self._name, error)
                if tried == TRIES or not isinstance(failure, EngineFailed):
                    raise failure from error
                log.warning("%s: asking another replica: %s", self._name, failure)
                ticket.begun = False
        raise AssertionError("expected a result or an error of the last try")

    async def _hear(self, answers: Answers, ticket: _Away) -> Hypothesis:
        patience = self._how.patience
        try:
            async with asyncio.timeout(patience):
                said = await anext(answers)
        except TimeoutError:
            raise EngineFailed(
                f"expected a replica of {self._name} to take a job within {patience:g} s, got none"
            ) from None
        while said in (TAKEN, BEGUN):
            if said == BEGUN:
                self._begins(ticket)
            said = await anext(answers)
        hypothesis: Hypothesis = unpack(said)
        return hypothesis

    def _begins(self, ticket: _Away) -> None:
        ticket.begun = True
        waited = self._how.clock.monotonic() - ticket.since
        self._how.metrics.queue_seconds.labels(self._name, ticket.priority).observe(waited)
        self._note_queue()

    def _over(self, ticket: _Away, outcome: str) -> None:
        if ticket in self._away:
            self._away.discard(ticket)
            self._how.metrics.jobs.labels(self._name, ticket.priority, outcome).inc()
            self._note_queue()

    def _note_queue(self) -> None:
        waiting = sum(not ticket.begun for ticket in self._away)
        self._how.metrics.queue.labels(self._name).set(waiting)


async def find(name: str, engine: EngineHandle, within: float, how: Handling) -> RemoteRecognizer:
    """The recognizer of a model, once a replica can be asked: who asks makes a rare one come up.

    `within`: seconds for that. Raises ModelNotReady, ModelUnavailable, and what its load raised.
    """
    try:
        async with asyncio.timeout(within):
            traits: Traits = unpack(await engine.traits.remote())
    except TimeoutError:
        raise ModelNotReady(f"no replica of {name} came up within {within:g} s") from None
    except FAULTS as error:
        raise _explained(name, error) from error
    return RemoteRecognizer(name, engine, traits, how)


def _explained(name: str, error: Exception) -> ServerError:
    match error:
        case BackPressureError():
            return Overloaded(f"expected room in the queue of {name}, got none")
        case DeploymentUnavailableError():
            return ModelUnavailable(f"{name} could not be deployed")
        case _:
            return EngineFailed(f"a replica of {name} was lost: {type(error).__name__}")
