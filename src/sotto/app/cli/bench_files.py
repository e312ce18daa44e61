"""`sotto bench files`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sotto.app.cli import bench_server as at

if TYPE_CHECKING:
    from sotto.bench.files import File, Result

HELP = """Measure how fast a server hears long files.

Without FILES, they are built of the labelled clips of --data, 40 % of them speech,
and the word error rate is told too.

[bold]Examples[/bold]

  sotto bench files talk.mp3 lecture.ogg --model small
  sotto bench files --data data/digits --split eval --minutes 10
"""


def files(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILES...]", help="Any audio or video files.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Clips to build files of; may be repeated.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only clips of this split.")] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="Of each file that is built.")] = 10.0,
    number: Annotated[int, typer.Option(min=1, help="Files that are built.")] = 1,
    url: at.Url = None,
    pid: at.Pid = None,
    model: at.Model = None,
    threads: at.Threads = None,
    settings: at.Set = None,
    language: Annotated[str, typer.Option("--language", "-l", help="A code such as en.")] = "en",
    rounds: Annotated[int, typer.Option(min=1, help="Times that each file is heard.")] = 3,
    seed: Annotated[int, typer.Option(help="Of what is said in files that are built.")] = 0,
    output: at.Output = None,
    as_json: at.AsJson = False,
) -> None:
    """Hear every file, tell how long it took."""
    from sotto.bench.files import measure
    from sotto.bench.results import document
    from sotto.clock import SystemClock

    server = at.chosen(url, pid, model, threads, settings, ctx.obj)
    sounds = _files(paths or [], data or [], split, minutes, number, seed=seed)
    fields = server.fields | {"language": language}
    with at.telling() as tell, server.opened() as opened:
        measure(opened, sounds[:1], SystemClock(), fields, 1, lambda what: None)  # warms up
        result = measure(opened, sounds, SystemClock(), fields, rounds, tell)
    built: dict[str, Any] = {"minutes": minutes, "number": number, "split": split, "seed": seed}
    about = {"files": [path.name for path in paths]} if paths else built
    options = server.options | fields | about | {"rounds": rounds}
    at.keep(document("files", options, asdict(result)), output, as_json=as_json)
    if not as_json:
        _print(result)


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
    from sotto.bench.files import build, read
    from sotto.bench.silent.clips import read_clips
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.sound import Bank
    from sotto.errors import BadOption

    if bool(paths) == bool(data):
        raise BadOption("files", "expected either FILES or --data, got both or none")
    if paths:
        return [read(path) for path in paths]
    bank = Bank(read_clips(read_sets(data, Wanted(split, None))))
    return build(bank, Talk(counted=60 * minutes, tail=0.0), seed, number)


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
