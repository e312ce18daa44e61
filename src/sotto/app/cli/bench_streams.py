"""`sotto bench streams`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli import bench_peers as others
from sotto.app.cli import bench_server as at
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.bench.results import Json
    from sotto.bench.servers import Server
    from sotto.bench.streams.dialect import Dialect
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.run import Bench, Offline
    from sotto.bench.streams.search import Search
    from sotto.bench.streams.sound import Bank
    from sotto.bench.streams.step import Step

HELP = """Measure how many live streams a server bears, and how late words come.

Clients speak the labelled clips of DATA at real-time pace, 40 % of the time,
each in utterances of its own. Their number is doubled until the 95th
percentile of the commit lag passes --bound, and then narrowed.

With --peer, other servers are measured beside Sotto, in turn, each step on a
server that was started for it, with the same model (docs/peers.md).

[bold]Examples[/bold]

  sotto bench streams data/digits --split eval --model nano
  sotto bench streams data/digits --split eval --streams 1,4,16 -o report
  sotto bench streams data/digits --split eval --set engine.max_batch=8
  sotto bench streams data/digits --url http://localhost:8000
  sotto bench streams data/digits --model models/base --threads 2 --rounds 2 \\
      --peer whisperlive=peers/whisperlive/bin/python
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
    peer: others.Peers = None,
    rounds: Annotated[int, typer.Option(min=1, help="Times that all take their turns.")] = 1,
    decoder: others.Decoder = None,
    one_pass: others.OnePass = False,
    output: at.Output = None,
    as_json: at.AsJson = False,
) -> None:
    """Read the clips, start the server, try more and more streams, tell what was found."""
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.report import report

    choose = _choose(counts, first, most)
    threads = others.threads_for(peer or [], threads)
    own = others.settings_for(peer or [], settings)
    server = at.chosen(url, pid, model, threads, own, ctx.obj)
    against = None
    if peer:
        against = others.rivals(
            peer,
            server,
            "streams",
            config=ctx.obj,
            threads=threads,
            language=language,
            decoder=decoder,
            one_pass=one_pass,
            rounds=rounds,
        )
    elif rounds > 1 or decoder is not None or one_pass:
        raise BadOption("peer", "expected --peer beside --rounds, --decoder and --one-pass")
    sets, bank = _read(data, split, limit)
    fields = server.fields | {"language": language}
    policies = {} if policy is None else {"policy": policy}
    asked = Asked(
        Talk(speech=speech, warm_up=warm_up, counted=seconds), bound, seed, offline, deflate
    )
    about = {"data": sets, "split": split, "clips": len(bank.spoken)} | policies
    options = server.options | fields | about | asdict(asked)
    if against is not None:
        held = others.hold(server, bank, asked, choose, fields | policies, against)
        result = held.result(options | against.options, bank, choose)
        at.keep(result, output, as_json=as_json)
        if output is not None:
            others.draw(result, output)
        if not as_json:
            others.print_streams(held, result)
        return
    steps, heard = _measure(server, bank, asked, choose, fields | policies)
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

    def bench(self, server: Server, dialect: Dialect, bank: Bank) -> Bench:
        """What measures a server so."""
        from sotto.bench.streams.run import Bench
        from sotto.bench.streams.step import Bounds
        from sotto.clock import SystemClock

        bounds = Bounds(self.bound)
        return Bench(server, dialect, bank, SystemClock(), self.talk, bounds, self.seed)


def _choose(counts: str | None, first: int, most: int) -> Search | list[int]:
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


def _measure(
    server: at.ServerChoice,
    bank: Bank,
    asked: Asked,
    choose: Search | list[int],
    config: dict[str, str],
) -> tuple[list[Step], Offline | None]:
    """All steps. Raises ServerError, GeneratorFailed."""
    from sotto.bench.streams.run import in_turn
    from sotto.bench.streams.sotto_stream import SottoStream
    from sotto.bench.streams.tables import line

    fields = {key: value for key, value in config.items() if key != "policy"}
    following = in_turn(choose) if isinstance(choose, list) else choose.following
    least = choose[0] if isinstance(choose, list) else choose.first
    with at.telling() as tell, server.opened() as opened:
        dialect = SottoStream(tuple(config.items()), asked.deflate)
        bench = asked.bench(opened, dialect, bank)
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
