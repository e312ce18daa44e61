"""`sotto bench streams`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli import bench_server as at

if TYPE_CHECKING:
    from sotto.bench.results import Json
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.run import Offline
    from sotto.bench.streams.search import Search
    from sotto.bench.streams.sound import Bank
    from sotto.bench.streams.step import Step

HELP = """Measure how many live streams a server bears, and how late words come.

Clients speak the labelled clips of DATA at real-time pace, 40 % of the time,
each in utterances of its own. Their number is doubled until the 95th
percentile of the commit lag passes --bound, and then narrowed.

[bold]Examples[/bold]

  sotto bench streams data/digits --split eval --model nano
  sotto bench streams data/digits --split eval --streams 1,4,16 -o report
  sotto bench streams data/digits --split eval --set engine.max_batch=8
  sotto bench streams data/digits --url http://localhost:8000
"""


def streams(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Manifests, or folders that hold one.")
    ],
    split: Annotated[str | None, typer.Option(help="Only clips of this split.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N clips of each DATA.")
    ] = None,
    url: at.Url = None,
    pid: at.Pid = None,
    model: at.Model = None,
    threads: at.Threads = None,
    settings: at.Set = None,
    language: Annotated[str, typer.Option("--language", "-l", help="A code such as en.")] = "en",
    policy: Annotated[
        str | None, typer.Option(help="When words are certain; the server's if not given.")
    ] = None,
    deflate: Annotated[
        bool, typer.Option("--deflate", help="Offer to compress messages, as browsers do.")
    ] = False,
    counts: Annotated[
        str | None,
        typer.Option("--streams", metavar="N,N,…", help="These numbers of streams, no search."),
    ] = None,
    first: Annotated[int, typer.Option(min=1, help="Streams that the search begins with.")] = 4,
    most: Annotated[int, typer.Option(min=1, help="Streams that it ends with.")] = 512,
    bound: Annotated[
        float, typer.Option(min=0.1, help="Seconds of p95 commit lag that are borne.")
    ] = 1.5,
    seconds: Annotated[
        float, typer.Option(min=5, help="Of each step, in which words are counted.")
    ] = 60.0,
    warm_up: Annotated[
        float, typer.Option(min=0, help="Seconds before that in which they are not.")
    ] = 10.0,
    speech: Annotated[
        float, typer.Option(min=0.05, max=0.9, help="Share of the time in which a client speaks.")
    ] = 0.4,
    seed: Annotated[int, typer.Option(help="Of what is said, and when.")] = 0,
    offline: Annotated[
        int, typer.Option(min=0, help="Utterances that are heard as files too; 0: none.")
    ] = 40,
    output: at.Output = None,
    as_json: at.AsJson = False,
) -> None:
    """Read the clips, start the server, try more and more streams, tell what was found."""
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.report import report

    choose = _choose(counts, first, most)
    server = at.chosen(url, pid, model, threads, settings, ctx.obj)
    sets, bank = _read(data, split, limit)
    fields = server.fields | {"language": language}
    policies = {} if policy is None else {"policy": policy}
    asked = Asked(
        Talk(speech=speech, warm_up=warm_up, counted=seconds), bound, seed, offline, deflate
    )
    steps, heard = _measure(server, bank, asked, choose, fields | policies)
    about = {"data": sets, "split": split, "clips": len(bank.spoken)} | policies
    options = server.options | fields | about | asdict(asked)
    tried = [(step.clients, step.borne) for step in steps]
    sustained = None if isinstance(choose, list) else choose.best(tried)
    result = report(options, bank, steps, heard, sustained)
    at.keep(result, output, as_json=as_json)
    if output is not None:
        _draw(result, output)
    if not as_json:
        _print(steps, heard, sustained, bank)


@dataclass(frozen=True)
class Asked:
    """How it is to be measured."""

    talk: Talk
    bound: float
    seed: int
    offline: int
    """Utterances."""
    deflate: bool


def _choose(counts: str | None, first: int, most: int) -> Search | list[int]:
    """Raises BadOption."""
    from sotto.bench.streams.search import Search
    from sotto.errors import BadOption

    if counts is None:
        return Search(first, most)
    numbers = [int(part) if part.strip().isdecimal() else 0 for part in counts.split(",")]
    if min(numbers) < 1:
        raise BadOption("streams", f"expected numbers such as 1,4,16, got {counts!r}")
    return numbers


def _read(data: list[Path], split: str | None, limit: int | None) -> tuple[list[str], Bank]:
    """The sets' names and their clips. Raises BadManifest, BadOption, BadAudio."""
    from sotto.app.evaluate import Wanted, read_sets
    from sotto.bench.silent.clips import read_clips
    from sotto.bench.streams.sound import Bank

    sets = read_sets(data, Wanted(split, limit))
    return [manifest.name for manifest in sets], Bank(read_clips(sets))


def _measure(
    server: at.ServerChoice,
    bank: Bank,
    asked: Asked,
    choose: Search | list[int],
    config: dict[str, str],
) -> tuple[list[Step], Offline | None]:
    """All steps. Raises ServerError, GeneratorFailed."""
    from sotto.bench.streams.run import Bench, in_turn
    from sotto.bench.streams.sotto_stream import SottoStream
    from sotto.bench.streams.step import Bounds
    from sotto.bench.streams.tables import line
    from sotto.clock import SystemClock

    fields = {key: value for key, value in config.items() if key != "policy"}
    following = in_turn(choose) if isinstance(choose, list) else choose.following
    least = choose[0] if isinstance(choose, list) else choose.first
    with at.telling() as tell, server.opened() as opened:
        dialect = SottoStream(tuple(config.items()), asked.deflate)
        bench = Bench(
            opened, dialect, bank, SystemClock(), asked.talk, Bounds(asked.bound), asked.seed
        )
        places = bench.counted(least, asked.offline)
        heard = bench.offline(places, fields, tell) if places else None
        steps = []
        for step in bench.steps(following, places, tell):
            steps.append(step)
            typer.echo(f"sotto: {line(step)}", err=True)  # stays above the live line
    return steps, heard


def _draw(result: Json, output: Path) -> None:
    from sotto.bench.results import write
    from sotto.bench.streams.plots import picture

    write(output / "streams.svg", picture({"sotto": result}))


def _print(steps: list[Step], heard: Offline | None, sustained: int | None, bank: Bank) -> None:
    from sotto.app.cli.table import print_table
    from sotto.bench.streams.report import ends_known
    from sotto.bench.streams.tables import HEAD, row

    print_table(HEAD, [row(step) for step in sorted(steps, key=lambda one: one.clients)])
    typer.echo(f"\nthe end of the sound is known {ends_known(bank)}")
    if heard is not None and heard.wer is not None:
        paired = steps[0].paired_wer
        against = "" if paired is None else f", as streams (first step) {100 * paired:.1f} %"
        typer.echo(
            f"the same {heard.utterances} utterances: as files {100 * heard.wer:.1f} % WER{against}"
        )
    if sustained is not None:
        typer.echo(f"streams borne: {sustained}")
