"""`sotto bench soak`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sotto.app.cli.bench_options import (
    AsJson,
    Data,
    Deflate,
    Language,
    Limit,
    Model,
    Output,
    Pid,
    Set,
    Split,
    Threads,
    Url,
)
from sotto.app.cli.bench_outlet import Outlet, telling
from sotto.app.cli.bench_server import ServerChoice, ServerOptions
from sotto.app.cli.table import print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sotto.bench.soak_result import Plan, Result
    from sotto.bench.streams.sotto_stream import SottoStream
    from sotto.bench.streams.sound import Bank

HELP = """Measure whether memory stays flat over hours of sound, at speed.

Clients speak the labelled clips of DATA as fast as the server hears them: one
session lasts as long as the soak, the others come one after the other, and idle
ones come and go beside them. Told is how much the server's memory grew for each
hour of sound, and whether every committed word was in a final, as committed.

[bold]Example[/bold]

  sotto bench soak data/digits --split eval --hours 8
"""

Hours: TypeAlias = Annotated[float, typer.Option(min=0.01, help="Of sound, of all streams.")]
Streams: TypeAlias = Annotated[int, typer.Option(min=1, help="That talk at once.")]
Idle: TypeAlias = Annotated[int, typer.Option(min=0, help="Idle ones beside them.")]
Seconds: TypeAlias = Annotated[
    float, typer.Option(min=5, help="Of sound in a session, but of the one that lasts.")
]
Speech: TypeAlias = Annotated[
    float, typer.Option(min=0.05, max=0.9, help="Share of the time in which a client speaks.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of what is said, and when.")]


def soak(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    data: Data,
    split: Split = None,
    limit: Limit = None,
    url: Url = None,
    pid: Pid = None,
    model: Model = None,
    threads: Threads = None,
    settings: Set = None,
    language: Language = "en",
    deflate: Deflate = False,
    hours: Hours = 2.0,
    streams: Streams = 24,
    idle: Idle = 8,
    seconds: Seconds = 60.0,
    speech: Speech = 0.4,
    seed: Seed = 0,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Read the clips, start the server, talk for hours, tell what it kept."""
    from sotto.bench.results import document
    from sotto.bench.soak_result import Plan
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.sotto_stream import SottoStream

    server = ServerChoice(ServerOptions(url, pid, model, threads, settings, ctx.obj))
    sets, bank = _read(data, split, limit)
    talk = Talk(speech=speech, warm_up=0.0, counted=seconds, tail=0.0)
    wanted = Plan(hours, streams, idle, talk, seed)
    fields = server.fields | {"language": language}
    result = _measure(server, SottoStream(tuple(fields.items()), deflate), bank, wanted)
    about = {"data": sets, "split": split, "clips": len(bank.spoken), "deflate": deflate}
    options = server.options | fields | about | asdict(wanted)
    outlet = Outlet(output, as_json=as_json)
    outlet.keep(document("soak", options, asdict(result)), lambda: _print(result))


def _read(data: list[Path], split: str | None, limit: int | None) -> tuple[list[str], Bank]:
    """The sets' names and their clips. Raises BadManifest, BadOption, BadAudio."""
    from sotto.app.evaluate import Wanted, read_sets
    from sotto.bench.clips import read_clips
    from sotto.bench.streams.sound import Bank

    sets = read_sets(data, Wanted(split, limit))
    return [manifest.name for manifest in sets], Bank(read_clips(sets))


def _measure(server: ServerChoice, dialect: SottoStream, bank: Bank, wanted: Plan) -> Result:
    """Raises ServerError."""
    from sotto.bench.soak import soak as run
    from sotto.clock import SystemClock

    with telling() as tell, server.opened() as opened:
        return asyncio.run(run(opened, dialect, bank, wanted, SystemClock(), tell))


def _print(result: Result) -> None:
    print_table(("figure", "value"), list(_rows(result)))
    if result.failures:
        typer.echo(f"\nthe first that failed: {result.failures[0]}")


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    told = result.told
    yield "hours of sound", f"{result.hours:.2f}"
    yield "seconds of sound a second", f"{result.speed:.0f}"
    yield "cores of the server", f"{result.cores:.2f}"
    yield "RSS after a tenth, MB", f"{result.rss_first / 2**20:.1f}"
    yield "RSS at the end, MB", f"{result.rss_last / 2**20:.1f}"
    yield "RSS at most, MB", f"{result.rss_most / 2**20:.1f}"
    yield "growth, MB an hour of sound", f"{result.growth / 2**20:+.2f}"
    yield "growth in the second half", f"{result.growth_late / 2**20:+.2f}"
    yield "sessions that talked", f"{told.sessions}"
    yield "idle sessions", f"{result.visits}"
    yield "utterances said, finals", f"{told.utterances}, {told.finals}"
    yield "words said, committed", f"{told.said}, {told.words}"
    yield "words that finals have otherwise", f"{told.taken_back}"
    yield "words without a final", f"{told.lost}"
    yield "sessions that failed", f"{len(result.failures)}"
    yield "sessions left open at the end", f"{result.left_open}"
    errors = ", ".join(f"{code} {number:g}" for code, number in result.errors.items())
    yield "errors that the server told", errors or "0"
