"""`sotto bench files`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sotto.app.cli import bench_peers as others
from sotto.app.cli import bench_server as at
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.bench.files import File, Result

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
    peer: others.Peers = None,
    one_pass: others.OnePass = False,
    output: at.Output = None,
    as_json: at.AsJson = False,
) -> None:
    """Hear every file, tell how long it took."""
    from sotto.bench.files import Door, measure
    from sotto.bench.peers.results import of_files
    from sotto.bench.results import document
    from sotto.clock import SystemClock

    threads = others.threads_for(peer or [], threads)
    own = others.settings_for(peer or [], settings)
    server = at.chosen(url, pid, model, threads, own, ctx.obj)
    against = None
    if peer:
        against = others.rivals(
            peer,
            server,
            "files",
            config=ctx.obj,
            threads=threads,
            language=language,
            one_pass=one_pass,
            rounds=rounds,
        )
    elif one_pass:
        raise BadOption("peer", "expected --peer beside --one-pass")
    sounds = _files(paths or [], data or [], split, minutes, number, seed=seed)
    fields = server.fields | {"language": language}
    built: dict[str, Any] = {"minutes": minutes, "number": number, "split": split, "seed": seed}
    about = {"files": [path.name for path in paths]} if paths else built
    options = server.options | fields | about | {"rounds": rounds}
    if against is not None:
        turns = others.hear(server, sounds, fields, against)
        at.keep(of_files(options | against.options, turns), output, as_json=as_json)
        if not as_json:
            others.print_files(turns)
        return
    with at.telling() as tell, server.opened() as opened:
        door = Door(opened, SystemClock(), fields)
        measure(door, sounds[:1], 1, lambda what: None)  # warms up
        result = measure(door, sounds, rounds, tell)
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
