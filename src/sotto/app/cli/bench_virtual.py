"""`sotto bench streams --virtual`: streams without a server, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.app.cli.bench_outlet import Outlet
    from sotto.app.cli.bench_run import Run
    from sotto.app.setting_sources import Flag
    from sotto.app.settings import Settings
    from sotto.bench.results import Json
    from sotto.bench.streams.step import Step
    from sotto.bench.virtual.doors import Spread
    from sotto.bench.virtual.step import Asked, Floor
    from sotto.runtime.batcher import Recognizer
    from sotto.runtime.metrics import Metrics
    from sotto.runtime.models import ModelPool
    from sotto.runtime.service import Service


@dataclass(frozen=True)
class Way:
    """How streams are had without a server."""

    virtual: bool
    device: str | None
    processes: int
    """That have the sessions; 0: the engine's own."""
    config: Path | None

    @property
    def is_wanted(self) -> bool:
        """Whether any of that was asked for."""
        return self.virtual or self.device is not None or self.processes > 0


def alone(run: Run, way: Way, options: Json, outlet: Outlet) -> None:
    """Measure, tell. Raises BadOption where there is a server, or peers; ModelUnavailable."""
    from sotto.app.cli.local import settings_for
    from sotto.bench.streams.report import report

    if run.server.is_running or run.asked.deflate or "peers" in options:
        raise BadOption("virtual", "expected --virtual without --url, --deflate and --peer")
    said = dict(run.server.options["settings"])
    if way.device is not None:
        said["engine.device"] = way.device
    if "policy" in run.config:
        said["decode.policy"] = run.config["policy"]
    settings = settings_for(flags(said), run.server.model, way.config)
    floor, steps = asyncio.run(_measure(settings, run, way.processes))
    tried = [(step.clients, step.borne) for step in steps]
    sustained = None if isinstance(run.choose, list) else run.choose.best(tried)
    where = {"device": settings.engine.device, "processes": way.processes}
    about = options | {"virtual": True} | where
    result = report(about, run.bank, steps, None, sustained)
    outlet.keep(result | beside(floor), lambda: show(floor, steps, sustained))


def flags(said: Mapping[str, object]) -> list[Flag]:
    """Settings of a command's, and those without which streams would be turned away."""
    from sotto.app.setting_sources import Flag

    usual = {"server.admission": False, "server.max_sessions": 1_000_000}
    return [Flag("--set", key, value) for key, value in (usual | dict(said)).items()]


@asynccontextmanager
async def serving(
    settings: Settings,
    models: ModelPool[Recognizer] | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[Service]:
    """A service whose model is loaded; nothing of what is said is kept. Raises ModelUnavailable."""
    from sotto.app.build import build_service, running

    service = build_service(settings, models=models, metrics=metrics)
    async with running(service):
        await service.models.settled()
        async with service.models.use():
            yield service


@asynccontextmanager
async def sessions(settings: Settings, recognizer: Recognizer) -> AsyncIterator[Service]:
    """A service without an engine, in a process of its own."""
    from sotto.clock import SystemClock
    from sotto.runtime.batcher import Recognizer
    from sotto.runtime.models import ModelPool, ModelSpec

    models = ModelPool[Recognizer]([ModelSpec("elsewhere", 1)], lambda _: recognizer, SystemClock())
    async with serving(settings, models) as service:
        yield service


def spread_over(settings: Settings, processes: int) -> Spread | None:
    """None: all streams are in this process."""
    from sotto.bench.virtual.doors import Beginnings, Spread

    return Spread(processes, partial(sessions, settings), Beginnings()) if processes else None


def models_of(settings: Settings, metrics: Metrics, spread: Spread | None) -> ModelPool[Recognizer]:
    """As a server has them."""
    from sotto.app.build import loader, model_spec
    from sotto.clock import SystemClock
    from sotto.runtime.batcher import Recognizer
    from sotto.runtime.models import ModelPool

    clock = SystemClock()
    load = loader(settings, clock, metrics)
    if spread is not None:
        load = loader(settings, clock, metrics, spread.beginnings.around)
    specs = [model_spec(name) for name in settings.models.served]
    return ModelPool[Recognizer](specs, load, clock, default=settings.models.default)


def asked_of(run: Run) -> Asked:
    """As servers are asked."""
    from sotto.bench.streams.step import Bounds
    from sotto.bench.virtual.step import Asked

    own = run.asked
    return Asked(own.talk, Bounds(own.bound), own.seed, own.rate)


async def _measure(settings: Settings, run: Run, processes: int) -> tuple[Floor, list[Step]]:
    from sotto.app.cli.bench_outlet import telling
    from sotto.bench.streams.tables import line
    from sotto.bench.virtual.run import Trying, stream
    from sotto.bench.virtual.step import Floor
    from sotto.runtime.metrics import Metrics

    steps: list[Step] = []
    floor: Floor | None = None
    metrics, spread = Metrics(), spread_over(settings, processes)
    with telling() as tell:
        async with serving(settings, models_of(settings, metrics, spread), metrics) as service:
            trying = Trying(run.following, tell)
            language = run.config["language"]
            found = stream(service, language, run.bank, asked_of(run), trying, spread)
            async for what in found:
                if isinstance(what, Floor):
                    floor = what
                else:
                    steps.append(what)
                    typer.echo(f"sotto: {line(what)}", err=True)  # stays above the live line
    assert floor is not None
    return floor, steps


def beside(floor: Floor) -> Json:
    """What a result of virtual streams has that others have not."""
    from sotto.bench.results import plain

    return {"floor": plain(floor)}


def show(floor: Floor, steps: Sequence[Step], sustained: int | None) -> None:
    """Tables, for people."""
    from sotto.app.cli.table import print_table
    from sotto.bench.streams.tables import HEAD, row
    from sotto.bench.virtual.tables import lines

    print_table(HEAD, [row(step) for step in sorted(steps, key=lambda one: one.clients)])
    typer.echo("")
    for line in lines(floor):
        typer.echo(line)
    if sustained is not None:
        typer.echo(f"streams borne: {sustained}")
