"""`sotto tune-machine`: the threads and the batches that serve best on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli.bench_outlet import Outlet, telling
from sotto.app.cli.options import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sotto.app.settings import Settings
    from sotto.bench.machine import Choice, Point, Result
    from sotto.interfaces.engine import Engine

HELP = """Measure which engine.threads and engine.max_batch serve best on this machine.

Nothing is trained (that is `sotto tune`) and nothing is written: lines for the
file of settings are printed. They suit the model that was measured, which is
the largest that is served if none is named. Nothing else should run meanwhile.

[bold]Examples[/bold]

  sotto tune-machine
  sotto tune-machine --model small --seconds 120
  sotto tune-machine --json > machine.json

docs/settings.md says how the choice is made.
"""

THREADS, MAX_BATCH = "engine.threads", "engine.max_batch"
QUIET = 0.5
"""Load average up to which nothing else is taken to run."""


def tune_machine(
    ctx: typer.Context,
    model: Model = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="In which to measure; more is surer.")
    ] = 45.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Load, decode, choose, tell."""
    from sotto.app.cli.local import settings_for
    from sotto.bench.results import document

    settings = settings_for([], model, ctx.obj)
    name, load = _named(settings), _load()
    with telling() as tell:
        result = _measure(settings, name, seconds, tell)
    options = {
        "model": Path(name).name,
        "seconds": seconds,
        "device": settings.engine.device,
        "compute_type": settings.engine.compute_type,
        "beam_size": settings.engine.beam_size,
    }
    outlet = Outlet(None, as_json=as_json)
    body = result.json() | {"load_before": load}
    outlet.keep(document("machine", options, body), lambda: _print(result, settings))
    if load is not None and load > QUIET:
        typer.echo(
            f"sotto: something else ran (load average {load:.1f} before this began); "
            "measure again when nothing does",
            err=True,
        )


def _load() -> float | None:
    """Processes that wanted a core in the last minute, on average; None where nobody knows."""
    if sys.platform == "win32":
        return None
    return os.getloadavg()[0]


def _named(settings: Settings) -> str:
    """The model that requests get which name none."""
    from sotto.app.build import model_spec
    from sotto.runtime.models import AUTO

    if settings.models.default != AUTO:
        return settings.models.default
    return max(settings.models.served, key=lambda name: model_spec(name).size)


def _measure(settings: Settings, name: str, seconds: float, tell: Callable[[str], None]) -> Result:
    """Raises ModelUnavailable, UnknownModel, EngineFailed."""
    import numpy as np

    from sotto.app.engines import checkpoint, load_engine
    from sotto.app.server import clip
    from sotto.bench.machine import Choice, Plan, measure
    from sotto.bench.results import machine
    from sotto.clock import SystemClock
    from sotto.runtime.container import read_file
    from sotto.transcript.options import DecodeOptions

    engine = settings.engine
    options = DecodeOptions(beam_size=engine.beam_size, audio_context=settings.decode.audio_context)
    in_force = Choice(engine.threads, engine.batch)
    tell(f"{name}: fetching it, if it is not here")
    folder = checkpoint(settings, name)

    def load(threads: int) -> Engine:
        changed = engine.model_copy(update={"threads": threads})
        return load_engine(settings.model_copy(update={"engine": changed}), folder)

    plan = Plan(machine().cores, in_force, options, seconds)
    sound = np.concatenate(list(read_file(clip())))
    return measure(load, sound, plan, SystemClock(), tell)


def _print(result: Result, settings: Settings) -> None:
    from sotto.app.cli.config import to_toml
    from sotto.app.cli.table import print_table
    from sotto.app.settings import effective

    typer.echo("milliseconds a window, by the number of windows in a batch\n")
    print_table(*_table(result.points))
    typer.echo("\nwindows of 3 s, in the largest batch that is allowed and was measured\n")
    head = ("", THREADS, MAX_BATCH, "windows a second", "a full batch, ms")
    shown = (("in force", result.in_force), ("chosen", result.choice))
    print_table(head, [(what, *_row(choice, result.points)) for what, choice in shown])
    typer.echo(
        f"\n{result.ratio:.2f} times the throughput of what is in force. For the file of settings:"
    )
    chosen = {THREADS: result.choice.threads, MAX_BATCH: result.choice.max_batch}
    typer.echo(f"\n{to_toml([(key, value, 'measured') for key, value in chosen.items()])}")
    for key, value, source in effective(settings):
        if key in chosen and source.startswith("env "):
            typer.echo(f"sotto: {source} says {value}, and goes before the file", err=True)


def _table(points: Sequence[Point]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one for each count of threads and each length."""
    from sotto.audio.format import seconds

    batches = sorted({point.batch for point in points})
    took = {(p.threads, p.frames, p.batch): f"{1000 / p.throughput:.1f}" for p in points}
    cases = list(dict.fromkeys((point.threads, point.frames) for point in points))
    rows = [
        [
            _threads(threads),
            f"{seconds(frames):.2g} s",
            *(took.get((threads, frames, batch), "") for batch in batches),
        ]
        for threads, frames in cases
    ]
    return ["threads", "window", *map(str, batches)], rows


def _row(choice: Choice, points: Sequence[Point]) -> tuple[str, ...]:
    point = choice.point(points)
    whole = f"{1000 * point.took:.0f}" if point.batch == choice.max_batch else "–"
    return _threads(choice.threads), str(choice.max_batch), f"{point.throughput:.1f}", whole


def _threads(count: int) -> str:
    from sotto.bench.machine import ENGINES_OWN

    return "0, the engine's own" if count == ENGINES_OWN else str(count)
