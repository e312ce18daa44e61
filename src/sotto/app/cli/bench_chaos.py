"""`sotto bench chaos`."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sotto.app.cli.bench_options import (
    AsJson,
    Language,
    Limit,
    Model,
    Output,
    Set,
    Split,
    Threads,
    Url,
)
from sotto.app.cli.bench_outlet import Outlet, telling
from sotto.app.cli.bench_server import MOST_SESSIONS, ServerChoice, ServerOptions
from sotto.app.cli.table import print_table
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.bench.chaos.plan import Wanted
    from sotto.bench.chaos.result import Result
    from sotto.bench.chaos.target import Target
    from sotto.bench.streams.sound import Bank
    from sotto.client import StreamOptions

HELP = """Measure what is lost where connections are cut and the server is killed.

Clients (`sotto.AsyncClient`) speak through a proxy that ends their connections at
random bytes, by RST, by FIN, or by silence; and the server is killed and started
again, on the same store. What they are told is held against an unbroken run of the
same sound, and against what is stored. It ends with 1 where a word was lost,
doubled or changed.

Without DATA, they say the digits of the clip that ships.

[bold]Examples[/bold]

  sotto bench chaos --cuts 1000
  sotto bench chaos --cuts 0 --kills 10 --streams 50
  sotto bench chaos data/digits --split eval --cuts 200 --stops 5 -o report
"""

Sets: TypeAlias = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[DATA...]", help="Manifests, or folders that hold one."),
]
Cuts: TypeAlias = Annotated[int, typer.Option(min=0, help="Connections that are ended.")]
Kills: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Times that the server gets SIGKILL, and is started again.")
]
Stops: TypeAlias = Annotated[int, typer.Option(min=0, help="Times that it gets SIGTERM instead.")]
Streams: TypeAlias = Annotated[int, typer.Option(min=1, help="At once.")]
Seconds: TypeAlias = Annotated[
    float, typer.Option(min=5, help="Of sound that each says in a round; as many as it takes.")
]
Pace: TypeAlias = Annotated[
    float, typer.Option(min=0.1, max=100, help="Seconds of sound that are said in a second.")
]
Stall: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Seconds for which a silent connection stays, then RST.")
]
Control: TypeAlias = Annotated[
    bool, typer.Option("--control", help="Run each round unbroken twice, and compare these too.")
]
Partials: TypeAlias = Annotated[
    bool,
    typer.Option(
        help="Commit words while they are spoken: which look commits one depends on the load, and "
        "rarely the word does."
    ),
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of what is said, and what is broken.")]

SHOWN = 20
"""Differences and broken promises that are printed; the result's file has more."""


@dataclass(frozen=True)
class Place:
    """Where the server is, or how it is started."""

    url: str | None
    config: Path | None


def chaos(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    data: Sets = None,
    split: Split = None,
    limit: Limit = None,
    url: Url = None,
    model: Model = None,
    threads: Threads = None,
    settings: Set = None,
    language: Language = "en",
    cuts: Cuts = 1_000,
    kills: Kills = 0,
    stops: Stops = 0,
    streams: Streams = 20,
    seconds: Seconds = 60.0,
    pace: Pace = 1.0,
    stall: Stall = 45.0,
    control: Control = False,
    partials: Partials = True,
    seed: Seed = 0,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Talk unbroken, talk while all breaks, compare; again until as much broke as asked for."""
    from sotto.bench.chaos.plan import Wanted, habits
    from sotto.bench.results import document

    server = ServerChoice(ServerOptions(url, None, model, threads, settings, ctx.obj))
    talk = habits(seconds)
    wanted = Wanted(cuts, kills, stops, streams, pace, stall, talk, seed, control)
    if url is not None and wanted.strikes:
        raise BadOption("kills", "expected --cuts alone beside --url: that server is not ours")
    sets, bank = _read(data or [], split, limit)
    said: StreamOptions = {
        "language": language,
        "word_timestamps": True,
        "partials": partials,
    }
    if "model" in server.fields:
        said["model"] = server.fields["model"]
    found = _measure(server, Place(url, ctx.obj), bank, wanted, said)
    about = {"data": sets, "split": split, "clips": len(bank.spoken)}
    options = server.options | said | about | asdict(wanted)
    outlet = Outlet(output, as_json=as_json)
    outlet.keep(document("chaos", options, asdict(found)), lambda: _print(found))
    if not found.is_whole:
        raise typer.Exit(1)


def _read(data: list[Path], split: str | None, limit: int | None) -> tuple[list[str], Bank]:
    """The sets' names and their clips. Raises BadManifest, BadOption, BadAudio."""
    from sotto.app.evaluate import Wanted, read_sets
    from sotto.bench.chaos.material import own_digits
    from sotto.bench.clips import read_clips
    from sotto.bench.streams.sound import Bank

    if not data:
        return ["digits.flac"], Bank(own_digits())
    sets = read_sets(data, Wanted(split, limit))
    return [manifest.name for manifest in sets], Bank(read_clips(sets))


def _measure(
    server: ServerChoice, place: Place, bank: Bank, wanted: Wanted, said: StreamOptions
) -> Result:
    """Raises ServerError."""
    from sotto.bench.chaos.result import result
    from sotto.bench.chaos.run import Chaos
    from sotto.clock import SystemClock

    with telling() as tell, tempfile.TemporaryDirectory(prefix="sotto-chaos-") as folder:
        target = _target(server, place, Path(folder), wanted)
        whole = Chaos(target, bank, wanted, said, SystemClock(), tell)
        asyncio.run(whole.run())
    return result(whole)


def _target(server: ServerChoice, place: Place, folder: Path, wanted: Wanted) -> Target:
    """One that is started here, unless there is one at the address."""
    from sotto.app.settings import variable
    from sotto.bench.chaos.target import STORE, RunningTarget, ServerTarget
    from sotto.bench.servers import sotto_command
    from sotto.clock import SystemClock

    if place.url is not None:
        return RunningTarget(place.url.rstrip("/"))
    # Less than `servers.STOP_SECONDS`, after which who does not stop by itself is killed.
    settings = {MOST_SESSIONS: "4096", "server.stop_seconds": "8"} | server.options["settings"]
    settings["store.url"] = f"sqlite:///{folder / STORE}"
    environ = {variable(key): value for key, value in settings.items()}
    config = () if place.config is None else ("--config", str(place.config))
    command = sotto_command((*config, "serve", "--model", server.model), environ)
    signals = [signal.SIGKILL] * wanted.kills + [signal.SIGTERM] * wanted.stops
    return ServerTarget(command, folder, signals, SystemClock())


def _print(found: Result) -> None:
    from sotto.bench.chaos.result import rows

    print_table(("figure", "value"), list(rows(found)))
    for why in found.why[:SHOWN]:
        typer.echo(f"broken promise: {why}")
    for place in found.places[:SHOWN]:
        what = place.what
        typer.echo(
            f"{place.where}, {what.kind}: expected {what.expected}, got {what.got} at "
            f"{what.at:.2f} s of client {place.client}, round {place.round}; carried on at "
            f"{', '.join(f'{at:.2f}' for at in place.resumed) or 'none'}; said: {place.said}"
        )
