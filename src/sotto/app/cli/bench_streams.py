"""`sotto bench streams`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sotto.app.cli import bench_peers as others
from sotto.app.cli import bench_virtual
from sotto.app.cli.bench_options import (
    AsJson,
    Data,
    Decoder,
    Deflate,
    Language,
    Limit,
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
from sotto.app.cli.bench_run import Asked, Run
from sotto.app.cli.bench_server import ServerOptions
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.bench.results import Json
    from sotto.bench.streams.run import Offline
    from sotto.bench.streams.search import Search
    from sotto.bench.streams.sound import Bank
    from sotto.bench.streams.step import Step

HELP = """Measure how many live streams a server bears, and how late words come.

Clients speak the labelled clips of DATA at real-time pace, 40 % of the time,
each in utterances of its own. Their number is doubled until the 95th
percentile of the commit lag passes --bound, and then narrowed.

With --peer, other servers are measured beside Sotto, in turn, each step on a
server that was started for it, with the same model (docs/peers.md).

With --virtual, or --device, there is no server and no network: sessions are fed
in this process, so that the model's engine is what bears them (docs/gpu.md).

[bold]Examples[/bold]

  sotto bench streams data/digits --split eval --model nano
  sotto bench streams data/digits --split eval --streams 1,4,16 -o report
  sotto bench streams data/digits --split eval --set engine.max_batch=8
  sotto bench streams data/digits --url http://localhost:8000
  sotto bench streams data/digits --model models/base --device cuda --bound 1
  sotto bench streams data/digits --model models/base --threads 2 --rounds 2 \\
      --peer whisperlive=peers/whisperlive/bin/python
"""

Policy: TypeAlias = Annotated[
    str | None, typer.Option(help="When words are certain; the server's if not given.")
]
Counts: TypeAlias = Annotated[
    str | None,
    typer.Option("--streams", metavar="N,N,…", help="These numbers of streams, no search."),
]
First: TypeAlias = Annotated[int, typer.Option(min=1, help="Streams that the search begins with.")]
Most: TypeAlias = Annotated[int, typer.Option(min=1, help="Streams that it ends with.")]
Bound: TypeAlias = Annotated[
    float, typer.Option(min=0.1, help="Seconds of p95 commit lag that are borne.")
]
Seconds: TypeAlias = Annotated[
    float, typer.Option(min=5, help="Of each step, in which words are counted.")
]
WarmUp: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Seconds before that in which they are not.")
]
Speech: TypeAlias = Annotated[
    float, typer.Option(min=0.05, max=0.9, help="Share of the time in which a client speaks.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of what is said, and when.")]
OfflineCount: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Utterances that are heard as files too; 0: none.")
]
CountWords: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0.5,
        metavar="RATE",
        help="The model is of make-shape and says RATE words a second: lags by their number.",
    ),
]
Rounds: TypeAlias = Annotated[int, typer.Option(min=1, help="Times that all take their turns.")]
Virtual: TypeAlias = Annotated[
    bool, typer.Option("--virtual", help="No server: sessions in this process, fed with frames.")
]
Device: TypeAlias = Annotated[
    str | None, typer.Option(metavar="DEVICE", help="The same, with the model there: cpu, cuda.")
]
Processes: TypeAlias = Annotated[
    int, typer.Option(min=0, help="The same, with the sessions in so many other processes.")
]


def streams(  # noqa: PLR0913, PLR0917 - a command's options, each by name
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
    policy: Policy = None,
    deflate: Deflate = False,
    counts: Counts = None,
    first: First = 4,
    most: Most = 512,
    bound: Bound = 1.5,
    seconds: Seconds = 60.0,
    warm_up: WarmUp = 10.0,
    speech: Speech = 0.4,
    seed: Seed = 0,
    offline: OfflineCount = 40,
    count_words: CountWords = None,
    peer: Peers = None,
    rounds: Rounds = 1,
    decoder: Decoder = None,
    one_pass: OnePass = False,
    virtual: Virtual = False,
    device: Device = None,
    processes: Processes = 0,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Read the clips, start the server, try more and more streams, tell what was found."""
    from sotto.bench.streams.plan import Talk

    choose = streams_to_try(counts, first, most)
    place = ServerOptions(url, pid, model, threads, settings, ctx.obj)
    company = PeerOptions("streams", peer or [], language, rounds, decoder, one_pass=one_pass)
    server, against = others.chosen(place, company)
    sets, bank = _read(data, split, limit)
    talk = Talk(speech=speech, warm_up=warm_up, counted=seconds)
    asked = Asked(talk, bound, seed, offline, deflate, count_words)
    fields = server.fields | {"language": language}
    policies = {} if policy is None else {"policy": policy}
    about = {"data": sets, "split": split, "clips": len(bank.spoken)} | policies
    options = server.options | fields | about | asdict(asked)
    run = Run(server, bank, asked, choose, fields | policies)
    outlet = Outlet(output, as_json=as_json)
    way = bench_virtual.Way(virtual, device, processes, ctx.obj)
    if way.is_wanted:
        peers = {} if against is None else against.options
        bench_virtual.alone(run, way, options | peers, outlet)
    elif against is None:
        _alone(run, options, outlet)
    else:
        others.streams(run, against, options, outlet)


def streams_to_try(counts: str | None, first: int, most: int) -> Search | list[int]:
    """Raises BadOption."""
    from sotto.bench.streams.search import Search

    if counts is None:
        return Search(first, most)
    numbers = [int(part) if part.strip().isdecimal() else 0 for part in counts.split(",")]
    if min(numbers) < 1:
        raise BadOption("streams", f"expected numbers such as 1,4,16, got {counts!r}")
    return numbers


def _read(data: list[Path], split: str | None, limit: int | None) -> tuple[list[str], Bank]:
    """The sets' names and their clips. Raises BadManifest, BadOption, BadAudio."""
    from sotto.app.evaluate import Wanted, read_sets
    from sotto.bench.clips import read_clips
    from sotto.bench.streams.sound import Bank

    sets = read_sets(data, Wanted(split, limit))
    return [manifest.name for manifest in sets], Bank(read_clips(sets))


def _alone(run: Run, options: Json, outlet: Outlet) -> None:
    """Raises ServerError, GeneratorFailed."""
    from sotto.bench.streams.report import report

    steps, heard = _measure(run)
    tried = [(step.clients, step.borne) for step in steps]
    sustained = None if isinstance(run.choose, list) else run.choose.best(tried)
    result = report(options, run.bank, steps, heard, sustained)
    outlet.keep(
        result,
        lambda: _print(steps, heard, sustained, run.bank),
        lambda folder: _draw(result, folder),
    )


def _measure(run: Run) -> tuple[list[Step], Offline | None]:
    """All steps. Raises ServerError, GeneratorFailed."""
    from sotto.bench.streams.tables import line

    with telling() as tell, run.server.opened() as opened:
        bench = run.bench(opened, run.dialect)
        places = run.places(bench)
        heard = run.offline(bench, places, tell)
        steps = []
        for step in bench.steps(run.following, places, tell):
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
