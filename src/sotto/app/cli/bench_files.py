"""`sotto bench files`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from sotto.app.cli import bench_peers as others
from sotto.app.cli.bench_options import (
    AsJson,
    Language,
    Model,
    OnePass,
    Output,
    Peers,
    Pid,
    Set,
    Split,
    Threads,
    Url,
)
from sotto.app.cli.bench_outlet import Outlet, telling
from sotto.app.cli.bench_peers import PeerOptions
from sotto.app.cli.bench_server import ServerChoice, ServerOptions
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.bench.files import File, Result
    from sotto.bench.results import Json

HELP = """Measure how fast a server hears long files.

Without FILES, they are built of the labelled clips of --data, 40 % of them speech,
and the word error rate is told too. With --peer, others hear the same files in
turn (docs/peers.md).

[bold]Examples[/bold]

  sotto bench files talk.mp3 lecture.ogg --model small
  sotto bench files --data data/digits --split eval --minutes 10
  sotto bench files talk.mp3 --model models/base --threads 2 \\
      --peer faster-whisper=peers/faster-whisper/bin/python
"""


Paths: TypeAlias = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILES...]", help="Any audio or video files.")
]
Clips: TypeAlias = Annotated[
    list[Path] | None, typer.Option(help="Clips to build files of; may be repeated.")
]
Minutes: TypeAlias = Annotated[float, typer.Option(min=0.1, help="Of each file that is built.")]
Number: TypeAlias = Annotated[int, typer.Option(min=1, help="Files that are built.")]
Rounds: TypeAlias = Annotated[int, typer.Option(min=1, help="Times that each file is heard.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of what is said in files that are built.")]


def files(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    paths: Paths = None,
    data: Clips = None,
    split: Split = None,
    minutes: Minutes = 10.0,
    number: Number = 1,
    url: Url = None,
    pid: Pid = None,
    model: Model = None,
    threads: Threads = None,
    settings: Set = None,
    language: Language = "en",
    rounds: Rounds = 3,
    seed: Seed = 0,
    peer: Peers = None,
    one_pass: OnePass = False,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Hear every file, tell how long it took."""
    place = ServerOptions(url, pid, model, threads, settings, ctx.obj)
    company = PeerOptions("files", peer or [], language, rounds, one_pass=one_pass)
    server, against = others.chosen(place, company)
    sounds = _files(paths or [], data or [], split, minutes, number, seed=seed)
    fields = server.fields | {"language": language}
    built: dict[str, Any] = {"minutes": minutes, "number": number, "split": split, "seed": seed}
    about = {"files": [path.name for path in paths]} if paths else built
    options = server.options | fields | about | {"rounds": rounds}
    outlet = Outlet(output, as_json=as_json)
    if against is None:
        _alone(server, sounds, fields, rounds, options, outlet)
    else:
        others.files(server, sounds, fields, against, options, outlet)


def _files(
    paths: list[Path],
    data: list[Path],
    split: str | None,
    minutes: float,
    number: int,
    *,
    seed: int,
) -> list[File]:
    """Raises BadAudio, BadManifest, BadOption."""
    from sotto.app.evaluate import Wanted, read_sets
    from sotto.bench.clips import read_clips
    from sotto.bench.files import build, read
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.sound import Bank

    if bool(paths) == bool(data):
        raise BadOption("files", "expected either FILES or --data, got both or none")
    if paths:
        return [read(path) for path in paths]
    bank = Bank(read_clips(read_sets(data, Wanted(split, None))))
    return build(bank, Talk(counted=60 * minutes, tail=0.0), seed, number)


def _alone(
    server: ServerChoice,
    sounds: list[File],
    fields: dict[str, str],
    rounds: int,
    options: Json,
    outlet: Outlet,
) -> None:
    """Raises ServerError."""
    from sotto.bench.files import Door, measure
    from sotto.bench.results import document
    from sotto.clock import SystemClock

    with telling() as tell, server.opened() as opened:
        door = Door(opened, SystemClock(), fields)
        measure(door, sounds[:1], 1, lambda what: None)  # warms up
        result = measure(door, sounds, rounds, tell)
    outlet.keep(document("files", options, asdict(result)), lambda: _print(result))


def _print(result: Result) -> None:
    from sotto.app.cli.table import print_table

    head = ("file", "seconds", "took, s", "real-time factor", "CPU, s", "WER %")
    rows = [
        (
            one.name,
            f"{one.seconds:.1f}",
            f"{one.took:.2f}",
            f"{one.real_time_factor:.4f}",
            "–" if one.cpu is None else f"{one.cpu:.2f}",
            "–" if one.score is None or one.score.wer is None else f"{100 * one.score.wer:.1f}",
        )
        for one in result.heard
    ]
    print_table(head, rows)
    typer.echo(
        f"\n{result.speed:.1f} seconds of sound a second (median of the rounds), real-time factor "
        f"{result.real_time_factor:.4f}"
    )
