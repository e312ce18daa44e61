"""The configured models: loaded in the background, lent to whoever needs one, freed when idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic

from sotto.clock import Clock
from sotto.errors import Draining, ModelNotReady, ModelUnavailable, UnknownModel
from sotto.runtime.background import LOAD_ERRORS, in_daemon_thread
from sotto.runtime.model_slot import (
    FIRST_RETRY,
    LAST_RETRY,
    LoadedModel,
    M,
    ModelSpec,
    ModelState,
    ModelStatus,
    Slot,
    Tell,
)

__all__ = [
    "AUTO",
    "FIRST_RETRY",
    "LAST_RETRY",
    "LoadedModel",
    "ModelPool",
    "ModelSpec",
    "ModelState",
    "ModelStatus",
]

AUTO = "auto"
"""The name of the largest model that is ready."""

_MEAN_DEFAULT = ("", "default", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")
"""OpenAI's own names are what its clients send where nobody chose a model."""

_SWEEPS_PER_IDLE_TIME = 4

HELD = 600.0
"""Seconds for which an unload waits for those who hold the model."""


class ModelPool(Generic[M]):
    """Loads models one at a time and lends them. Lives in one event loop."""

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        load: Callable[[ModelSpec], M],
        clock: Clock,
        *,
        default: str = AUTO,
        idle_unload: float | None = None,
        wait: float = 30.0,
    ) -> None:
        """`load` blocks, and runs in a thread of its own.

        `default`: what a request means that names none. Raises UnknownModel where it is none.
        `idle_unload`: seconds after which a model that nobody holds is freed; None keeps it.
        `wait`: seconds that a request for one model by name waits for its load.
        """
        self._slots: list[Slot[M]] = [
            Slot(spec) for spec in sorted(specs, key=lambda spec: spec.size)
        ]
        self._by_name = {slot.spec.name: slot for slot in self._slots}
        aliases = {a.casefold(): slot.spec.name for slot in self._slots for a in slot.spec.aliases}
        self._names = aliases | {name.casefold(): name for name in self._by_name}
        self._load = load
        self._clock = clock
        self._idle_unload = idle_unload
        self._wait = wait
        self._turn = asyncio.Lock()
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False
        self._default = AUTO
        self._default = self.resolve(default)

    async def start(self) -> None:
        """Begin to load every model, the smallest first; return at once."""
        for slot in self._slots:
            self._begin(slot)
        if self._idle_unload is not None:
            self._sweeper = asyncio.create_task(self._sweep_now_and_then(self._idle_unload))

    def watch(self, tell: Tell) -> None:
        """Have somebody told where each model stands: now, and whenever it changes."""
        for slot in self._slots:
            slot.tell = tell
            tell(slot.spec.name, slot.state)

    def resolve(self, name: str) -> str:
        """The configured name, or `auto`, that a request's name means. Raises UnknownModel."""
        wanted = name.strip().casefold()
        if wanted in self._names:
            return self._names[wanted]
        if wanted in _MEAN_DEFAULT:
            return self._default
        if wanted == AUTO:
            return AUTO
        raise UnknownModel(name, [AUTO, *self._by_name])

    @asynccontextmanager
    async def use(self, name: str = AUTO) -> AsyncIterator[tuple[str, M]]:
        """Hold a model, so that it is not freed meanwhile; gives its name and itself.

        `auto` takes the largest that is ready, at once. A name waits for its load.
        Raises UnknownModel, ModelNotReady, ModelUnavailable, Draining.
        """
        wanted = self.resolve(name)
        if self._closed:
            raise Draining("the server is about to stop")
        if wanted == AUTO:
            slot, model = await self._largest()
        else:
            slot = self._by_name[wanted]
            model = await self._ready(slot)
        with slot.held(self._clock):
            yield slot.spec.name, model

    def load(self, name: str) -> ModelStatus:
        """Begin to load a model by hand, also one whose last load failed a moment ago.

        One that is on its way out stays. Raises UnknownModel, Draining.
        """
        slot = self._named(name)
        slot.keep()
        self._begin(slot)
        return slot.status()

    def unload(self, name: str, within: float = HELD) -> ModelStatus:
        """Begin to take a model out of use: nobody new gets it; once nobody holds it, it is freed.

        Held for longer than `within` seconds, it goes on to serve. Nothing but `load` brings back
        one that is gone. Raises UnknownModel, Draining.
        """
        slot = self._named(name)
        slot.put_away = True
        if slot.state in (ModelState.READY, ModelState.LOADING):
            slot.state = ModelState.DRAINING
            slot.leaving = asyncio.create_task(self._leave(slot, within))
        elif slot.state is ModelState.FAILED:
            slot.unload()
        return slot.status()

    def snapshot(self) -> list[ModelStatus]:
        """How the models stand now, smallest first."""
        return [slot.status() for slot in self._slots]

    async def settled(self) -> None:
        """Wait until every load that was begun has ended, well or not."""
        tasks = [slot.task for slot in self._slots if slot.task is not None]
        if tasks:
            await asyncio.wait(tasks)

    def sweep(self) -> None:
        """Free the models that nobody has held for `idle_unload` seconds."""
        if self._idle_unload is None:
            return
        now = self._clock.monotonic()
        for slot in self._slots:
            idle = slot.state is ModelState.READY and slot.in_use == 0
            if idle and now - slot.unused_since >= self._idle_unload:
                slot.unload()

    async def close(self) -> None:
        """Free every model; a load that is under way is left to end by itself and then freed."""
        self._closed = True
        of_slots = (task for slot in self._slots for task in (slot.task, slot.leaving))
        tasks = [task for task in (self._sweeper, *of_slots) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for slot in self._slots:
            slot.unload()

    async def _sweep_now_and_then(self, idle_unload: float) -> None:
        while True:
            await asyncio.sleep(idle_unload / _SWEEPS_PER_IDLE_TIME)
            self.sweep()

    async def _largest(self) -> tuple[Slot[M], M]:
        """The largest model that is ready; a larger one that is not returns for the next time."""
        self._retry_failed()
        out = [slot for slot in self._slots if slot.state is ModelState.UNLOADED]
        freed = [slot for slot in out if not slot.put_away]
        ready = [slot for slot in self._slots if slot.state is ModelState.READY]
        if freed and (not ready or freed[-1].spec.size > ready[-1].spec.size):
            self._begin(freed[-1])
        for slot in reversed(ready):
            if slot.model is not None:
                return slot, slot.model
        for slot in reversed(self._slots):
            if slot.comes_back:
                return slot, await self._ready(slot)
        if any(slot.state is ModelState.LOADING for slot in self._slots):
            raise ModelNotReady("no model is ready yet; they are being loaded")
        reasons = "; ".join(f"{slot.spec.name}: {slot.reason}" for slot in self._slots)
        raise ModelUnavailable(f"no model could be loaded ({reasons or 'none is configured'})")

    def _retry_failed(self) -> None:
        now = self._clock.monotonic()
        for slot in self._slots:
            if slot.state is ModelState.FAILED and now >= slot.retry_at:
                self._begin(slot)

    async def _ready(self, slot: Slot[M]) -> M:
        """The slot's model, loaded first where it is not."""
        self._check_offered(slot)
        due = slot.state is ModelState.FAILED and self._clock.monotonic() >= slot.retry_at
        if due or slot.state is ModelState.UNLOADED:
            self._begin(slot)
        if slot.state is ModelState.LOADING and slot.task is not None:
            await asyncio.wait([slot.task], timeout=self._wait)
            self._check_offered(slot)
        if slot.model is not None:
            return slot.model
        if slot.state is ModelState.FAILED:
            raise ModelUnavailable(f"{slot.spec.name} could not be loaded: {slot.error}")
        if self._closed:
            raise Draining("the server is about to stop")
        raise ModelNotReady(f"{slot.spec.name} is not loaded yet")

    def _check_offered(self, slot: Slot[M]) -> None:
        if slot.put_away:
            raise ModelUnavailable(f"{slot.spec.name} cannot be had: {slot.reason}")

    def _named(self, name: str) -> Slot[M]:
        """Raises UnknownModel, also for `auto`; Draining."""
        wanted = self.resolve(name)
        if self._closed:
            raise Draining("the server is about to stop")
        if wanted == AUTO:
            raise UnknownModel(name, [*self._by_name])
        return self._by_name[wanted]

    async def _leave(self, slot: Slot[M], within: float) -> None:
        """Free the model once nobody holds it; a load that is under way comes to its end first."""
        if slot.task is not None:
            await asyncio.wait([slot.task])
        try:
            async with asyncio.timeout(within):
                await slot.unused.wait()
        except TimeoutError:
            slot.keep(f"it was not unloaded: after {within:g} s {slot.in_use} held it still")
        else:
            slot.unload()

    def _begin(self, slot: Slot[M]) -> None:
        """Queue a load; `slot.task` ends when the model is ready or has failed."""
        if slot.state in (ModelState.UNLOADED, ModelState.FAILED):
            slot.state = ModelState.LOADING
            slot.task = asyncio.create_task(self._load_in_turn(slot))

    async def _load_in_turn(self, slot: Slot[M]) -> None:
        async with self._turn:
            if slot.put_away:  # while it waited for its turn
                return
            began = self._clock.monotonic()
            try:
                model = await in_daemon_thread(lambda: self._load(slot.spec), _close)
            except LOAD_ERRORS as error:
                slot.failed(error, self._clock.monotonic())
            else:
                now = self._clock.monotonic()
                slot.ready(model, now, now - began)


def _close(model: LoadedModel) -> None:
    model.close()
