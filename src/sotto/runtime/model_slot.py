"""One configured model, and all that changes about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeAlias, TypeVar

from sotto.clock import Clock
from sotto.interfaces.engine import Traits

FIRST_RETRY, LAST_RETRY = 15.0, 600.0
"""Seconds before a failed load may be tried again; doubled with each failure up to the last."""


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
    DRAINING = "draining"
    """About to be unloaded: who holds it goes on, and nobody new gets it."""
    FAILED = "failed"


Tell: TypeAlias = Callable[[str, ModelState], None]
"""Told a model's name, and where it stands from now on."""


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
    """Why the last load, or unload, failed."""
    seconds_to_load: float | None
    """Of the last load that succeeded."""
    in_use: int
    """How many hold it now."""
    put_away: bool = False
    """Whether it was unloaded by hand: nothing but a load by hand brings it back."""


class Slot(Generic[M]):
    """One model. Lives in one event loop."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.tell: Tell = _nobody
        self.model: M | None = None
        self.traits: Traits | None = None
        self.error: str | None = None
        self.seconds_to_load: float | None = None
        self.in_use = 0
        self.unused = asyncio.Event()
        """While nobody holds it."""
        self.unused.set()
        self.unused_since = 0.0
        self.put_away = False
        self.failures = 0
        self.retry_at = 0.0
        self.task: asyncio.Task[None] | None = None
        """Its load."""
        self.leaving: asyncio.Task[None] | None = None
        """Its unload, while that waits for those who hold it."""
        self._state = ModelState.UNLOADED

    @property
    def state(self) -> ModelState:
        """Where it stands; whoever watches is told of a change."""
        return self._state

    @state.setter
    def state(self, state: ModelState) -> None:
        self._state = state
        self.tell(self.spec.name, state)

    @property
    def comes_back(self) -> bool:
        """Whether it is being loaded and is known to load."""
        return self.state is ModelState.LOADING and self.seconds_to_load is not None

    @property
    def reason(self) -> str | None:
        """Why it cannot be had."""
        return "it was taken out of use" if self.put_away else self.error

    @property
    def is_loading(self) -> bool:
        """Whether a load is under way, or waits for its turn."""
        return self.task is not None and not self.task.done()

    @contextmanager
    def held(self, clock: Clock) -> Iterator[None]:
        """Keep it from being freed."""
        self.in_use += 1
        self.unused.clear()
        try:
            yield
        finally:
            self.in_use -= 1
            self.unused_since = clock.monotonic()
            if not self.in_use:
                self.unused.set()

    def ready(self, model: M, now: float, took: float) -> None:
        """A load came to its end; where nobody wants it any more, it is on its way out."""
        self.model, self.traits = model, model.traits
        self.error, self.failures = None, 0
        self.seconds_to_load, self.unused_since = took, now
        self.state = ModelState.DRAINING if self.put_away else ModelState.READY

    def failed(self, error: Exception, now: float) -> None:
        """A load broke."""
        self.error = str(error) or type(error).__name__
        self.retry_at = now + min(FIRST_RETRY * 2**self.failures, LAST_RETRY)
        self.failures += 1
        self.state = ModelState.FAILED

    def unload(self) -> None:
        """Free the memory."""
        model, self.model = self.model, None
        self.state = ModelState.UNLOADED
        if model is not None:
            model.close()

    def keep(self, error: str | None = None) -> None:
        """Call an unload off: it is as it was before."""
        self.put_away, self.error = False, error
        if self.leaving is not None and self.leaving is not asyncio.current_task():
            self.leaving.cancel()
        self.leaving = None
        if self.state is ModelState.DRAINING:
            self.state = self._before()

    def status(self) -> ModelStatus:
        """What can be said of it now."""
        return ModelStatus(
            name=self.spec.name,
            state=self.state,
            traits=self.traits,
            error=self.error,
            seconds_to_load=self.seconds_to_load,
            in_use=self.in_use,
            put_away=self.put_away,
        )

    def _before(self) -> ModelState:
        if self.model is not None:
            return ModelState.READY
        return ModelState.LOADING if self.is_loading else ModelState.UNLOADED


def _nobody(name: str, state: ModelState) -> None:
    """Nobody watches."""
