"""The models of a cluster, as the sessions of one process see them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from sotto.app.build import model_spec
from sotto.app.ray.arguments import Arguments
from sotto.app.ray.places import EngineHandle
from sotto.app.ray.recognizer import Handling, find
from sotto.app.settings import Settings
from sotto.clock import Clock, SystemClock
from sotto.runtime.batcher import Recognizer
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool, ModelSpec, ModelState

WAKE = 900.0
"""Seconds in which a replica must come up: a machine may have to be had for it, and files fetched.

Those who asked for the model are told ModelNotReady long before."""
RARE = -(10**9)
"""Added to the size of rare models: `auto` means the largest of those that are always there."""


def model_pool(
    settings: Settings,
    arguments: Arguments,
    engines: Mapping[str, EngineHandle],
    metrics: Metrics,
) -> ModelPool[Recognizer]:
    """The models whose engines are elsewhere. Belongs to the loop that runs."""
    clock, loop = SystemClock(), asyncio.get_running_loop()

    def load(spec: ModelSpec) -> Recognizer:
        how = Handling(clock, metrics, arguments.of_model(spec.name).patience)
        finding = find(spec.name, engines[spec.name], WAKE, how)
        return asyncio.run_coroutine_threadsafe(finding, loop).result()

    rare = {
        name: arguments.of_model(name).down_after
        for name in settings.models.served
        if not arguments.of_model(name).least
    }
    specs = [model_spec(name) for name in settings.models.served]
    return _Engines(
        [replace(spec, size=spec.size + RARE) if spec.name in rare else spec for spec in specs],
        load,
        clock,
        default=settings.models.default,
        wait=settings.models.wait,
        idle_unload=min(rare.values(), default=None),
    )


class _Engines(ModelPool[Recognizer]):
    """Loads that cost this process nothing: all may go on at once.

    Replicas of a rare model go where no job comes for long. So a model that no stream holds is
    taken for gone when they may be, and who asks for it then waits for its load again.
    """

    def __init__(
        self,
        specs: list[ModelSpec],
        load: Callable[[ModelSpec], Recognizer],
        clock: Clock,
        *,
        default: str,
        wait: float,
        idle_unload: float | None,
    ) -> None:
        super().__init__(specs, load, clock, default=default, wait=wait, idle_unload=idle_unload)
        self._turn = _AnyTurn()

    async def start(self) -> None:
        """Begin with the models that are always there."""
        for slot in self._slots:
            if slot.spec.size > 0:
                self._begin(slot)
        if self._idle_unload is not None:
            self._sweeper = asyncio.create_task(self._sweep_now_and_then(self._idle_unload))

    def sweep(self) -> None:
        """Let go of the rare models that nobody has held for so long."""
        now = self._clock.monotonic()
        for slot in self._slots:
            idle = slot.state is ModelState.READY and not slot.in_use and slot.spec.size <= 0
            if idle and now - slot.unused_since >= (self._idle_unload or 0.0):
                slot.unload()


class _AnyTurn(asyncio.Lock):
    """It is everybody's."""

    async def acquire(self) -> Literal[True]:
        return True

    def release(self) -> None:
        pass
