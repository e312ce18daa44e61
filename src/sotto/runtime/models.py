"""The configured models: loaded in the background, lent to whoever needs one, freed when idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from sotto.clock import Clock
from sotto.errors import Draining, ModelNotReady, ModelUnavailable, UnknownModel
from sotto.interfaces.engine import Traits
from sotto.runtime.background import LOAD_ERRORS, in_daemon_thread

AUTO = "auto"
"""The name of the largest model that is ready."""

_MEAN_DEFAULT = ("", "default", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")
"""OpenAI's own names are what its clients send where nobody chose a model."""

FIRST_RETRY, LAST_RETRY = 15.0, 600.0
"""Seconds before a failed load may be tried again; doubled with each failure up to the last."""

_SWEEPS_PER_IDLE_TIME = 4


class LoadedModel(Protocol):
    """What a load gives."""

    @property
    def traits(self) -> Traits:
        """What the checkpoint is."""
        ...

    def close(self) -> None:
        """Free the memory."""
        ...


M = TypeVar("M", bound=LoadedModel)


class ModelState(StrEnum):
    """Where a model stands."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class ModelSpec:
    """A model that was configured."""

    name: str
    size: int
    """Any measure that puts models in order, as parameters or bytes."""
    aliases: tuple[str, ...] = ()
    """Other names that find it."""


@dataclass(frozen=True)
class ModelStatus:
    """What can be said of a model at one moment."""

    name: str
    state: ModelState
    traits: Traits | None
    """None until it was loaded once."""
    error: str | None
    """Why the last load failed."""
    seconds_to_load: float | None
    """Of the last load that succeeded."""
    in_use: int
    """How many hold it now."""


class _Slot(Generic[M]):
    """One model and all that changes about it."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.state = ModelState.UNLOADED
        self.model: M | None = None
        self.traits: Traits | None = None
        self.error: str | None = None
        self.seconds_to_load: float | None = None
        self.in_use = 0
        self.unused_since = 0.0
        self.failures = 0
        self.retry_at = 0.0
        self.task: asyncio.Task[None] | None = None

    @property
    def comes_back(self) -> bool:
        """Whether it is being loaded and is known to load."""
        return self.state is ModelState.LOADING and self.seconds_to_load is not None

    def ready(self, model: M, now: float, took: float) -> None:
        self.state, self.model, self.traits = ModelState.READY, model, model.traits
        self.error, self.failures = None, 0
        self.seconds_to_load, self.unused_since = took, now

    def failed(self, error: Exception, now: float) -> None:
        self.state = ModelState.FAILED
        self.error = str(error) or type(error).__name__
        self.retry_at = now + min(FIRST_RETRY * 2**self.failures, LAST_RETRY)
        self.failures += 1

    def unload(self) -> None:
        model, self.model = self.model, None
        self.state = ModelState.UNLOADED
        if model is not None:
            model.close()

    def status(self) -> ModelStatus:
        return ModelStatus(
            name=self.spec.name,
            state=self.state,
            traits=self.traits,
            error=self.error,
            seconds_to_load=self.seconds_to_load,
            in_use=self.in_use,
        )


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
        self._slots: list[_Slot[M]] = [
            _Slot(spec) for spec in sorted(specs, key=lambda spec: spec.size)
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
        slot.in_use += 1
        try:
            yield slot.spec.name, model
        finally:
            slot.in_use -= 1
            slot.unused_since = self._clock.monotonic()

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
        tasks = [task for task in (self._sweeper, *(slot.task for slot in self._slots)) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for slot in self._slots:
            slot.unload()

    async def _sweep_now_and_then(self, idle_unload: float) -> None:
        while True:
            await asyncio.sleep(idle_unload / _SWEEPS_PER_IDLE_TIME)
            self.sweep()

    async def _largest(self) -> tuple[_Slot[M], M]:
        """The largest model that is ready; a larger one that is not returns for the next time."""
        self._retry_failed()
        freed = [slot for slot in self._slots if slot.state is ModelState.UNLOADED]
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
        reasons = "; ".join(f"{slot.spec.name}: {slot.error}" for slot in self._slots)
        raise ModelUnavailable(f"no model could be loaded ({reasons or 'none is configured'})")

    def _retry_failed(self) -> None:
        now = self._clock.monotonic()
        for slot in self._slots:
            if slot.state is ModelState.FAILED and now >= slot.retry_at:
                self._begin(slot)

    async def _ready(self, slot: _Slot[M]) -> M:
        """The slot's model, loaded first where it is not."""
        due = slot.state is ModelState.FAILED and self._clock.monotonic() >= slot.retry_at
        if due or slot.state is ModelState.UNLOADED:
            self._begin(slot)
        if slot.state is ModelState.LOADING and slot.task is not None:
            await asyncio.wait([slot.task], timeout=self._wait)
        if slot.model is not None:
            return slot.model
        if slot.state is ModelState.FAILED:
            raise ModelUnavailable(f"{slot.spec.name} could not be loaded: {slot.error}")
        if self._closed:
            raise Draining("the server is about to stop")
        raise ModelNotReady(f"{slot.spec.name} is not loaded yet")

    def _begin(self, slot: _Slot[M]) -> None:
        """Queue a load; `slot.task` ends when the model is ready or has failed."""
        if slot.state in (ModelState.UNLOADED, ModelState.FAILED):
            slot.state = ModelState.LOADING
            slot.task = asyncio.create_task(self._load_in_turn(slot))

    async def _load_in_turn(self, slot: _Slot[M]) -> None:
        async with self._turn:
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
