"""The deployment of one model: its replicas decode what the ingress' sessions hand over."""

from __future__ import annotations

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from sotto.app import logs
from sotto.app.build import loader, model_spec
from sotto.app.ray.figures import Reports
from sotto.app.ray.places import Keeper
from sotto.app.ray.wire import Failed, pack, unpack_job
from sotto.app.settings import Settings
from sotto.clock import SystemClock
from sotto.errors import SottoError
from sotto.interfaces.engine import (
    DecodeJob,
    Engine,
    Priority,
)
from sotto.runtime.batcher import Recognizer
from sotto.runtime.beginning import announcing
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool

TAKEN, BEGUN = b"taken", b"begun"
"""Said of a job before its result: it waits; it is being decoded and cannot be taken back."""
SOON = 0.5
"""Seconds after which a job that still waits is said to be taken, so that its sender knows that
somebody has it."""


class EngineReplica:
    """One model in one process, with a queue of its own."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings: Settings, name: str, keeper: Keeper
    ) -> None:
        """Ready once the model is loaded, or could not be: then it is tried again when asked for.

        So a model that is broken breaks nothing but itself, as in one process.
        """
        logs.configure(settings.log)
        clock, metrics = SystemClock(), Metrics()
        self._name = name
        self._begun = _Beginnings(asyncio.get_running_loop())
        self._models: ModelPool[Recognizer] = ModelPool(
            [model_spec(name)],
            loader(settings, clock, metrics, self._begun.around),
            clock,
            wait=settings.models.wait,
        )
        self._models.watch(metrics.model_is)
        await self._models.start()
        await self._models.settled()
        self._reports = Reports(metrics, keeper)

    async def traits(self) -> bytes:
        """What the model is, or why it cannot be had."""
        try:
            async with self._models.use(self._name) as (_, model):
                return pack(model.traits)
        except SottoError as error:
            return pack(Failed.of(error))

    async def decode(self, parcel: bytes) -> AsyncIterator[bytes]:
        """What becomes of a job: TAKEN where it has to wait, BEGUN, and the hypothesis.

        Nobody asks when a file's begins. Whoever stops to listen withdraws it.
        """
        try:
            async with (
                self._models.use(self._name) as (_, model),
                aclosing(self._decode(unpack_job(parcel), model)) as answers,
            ):
                async for said in answers:
                    yield said
        except SottoError as error:
            yield pack(Failed.of(error))

    async def __del__(self) -> None:
        """Serve calls it once no job is left, or the time for that is over."""
        self._reports.close()
        await self._models.close()

    async def _decode(self, job: DecodeJob, model: Recognizer) -> AsyncGenerator[bytes, None]:
        ticket = model.submit(job)
        either: set[asyncio.Future[Any]] = {self._begun.of(job), ticket.result}
        try:
            done, _ = await asyncio.wait(either, timeout=SOON, return_when=FIRST_COMPLETED)
            if not done:
                yield TAKEN
                await asyncio.wait(either, return_when=FIRST_COMPLETED)
            if job.priority is not Priority.FILE and not ticket.result.done():
                yield BEGUN
            yield pack(await ticket.result)
        finally:
            self._begun.forget(job)
            if not model.withdraw(ticket):
                ticket.result.cancel()  # its room is another's, where an engine can leave it


class _Beginnings:
    """Tells when a job leaves the queue: nobody but the engine sees that."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._awaited: dict[int, asyncio.Future[None]] = {}
        """By the job's identity."""

    def of(self, job: DecodeJob) -> asyncio.Future[None]:
        """Done once the job is being decoded."""
        return self._awaited.setdefault(id(job), self._loop.create_future())

    def forget(self, job: DecodeJob) -> None:
        """Nobody waits any more."""
        del self._awaited[id(job)]

    def around(self, engine: Engine) -> Engine:
        """The engine, which says so when it begins."""
        return announcing(engine, self._announce)

    def _announce(self, jobs: Sequence[DecodeJob]) -> None:
        self._loop.call_soon_threadsafe(self._note, [id(job) for job in jobs])

    def _note(self, jobs: Sequence[int]) -> None:
        for job in jobs:
            begun = self._awaited.get(job)
            if begun is not None and not begun.done():
                begun.set_result(None)
