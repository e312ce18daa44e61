"""`sotto bench talk`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sotto.app.cli.bench_options import (
    AsJson,
    Data,
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
    from sotto.bench.streams.score import Spread
    from sotto.bench.streams.sound import Bank
    from sotto.bench.talk.plan import Plan
    from sotto.bench.talk.reading import Result

HELP = """Measure how soon conversations answer, and how soon they stop.

People ask the labelled clips of DATA at the pace of speech, and hear each answer
to its end; into some they speak, and are answered again. Told is how long it took
from the end of a question's sound, as a microphone would have given it, to the
first sound of the answer, with and without the language model's time; and from
the first sound of an interruption to the word to stop.

A server that is started here has a partner that repeats what it heard, and
espeak; --set talk.url=… takes a language model.

[bold]Examples[/bold]

  sotto bench talk data/digits --split eval
  sotto bench talk data/digits --split eval --conversations 10
  sotto bench talk data/digits --set talk.url=http://localhost:11434/v1
"""

Conversations: TypeAlias = Annotated[
    int, typer.Option("--conversations", "-n", min=1, max=1_000, help="At once.")
]
Turns: TypeAlias = Annotated[
    int, typer.Option(min=1, help="Questions of each whose answers are heard to their end.")
]
Interruptions: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Answers of each that are spoken into.")
]
After: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Seconds of an answer before it is spoken into.")
]
Pause: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--pause", min=100, max=5_000, metavar="MS", help="Silence that ends a question, else 500."
    ),
]
NoHold: TypeAlias = Annotated[
    bool, typer.Option("--no-hold", help="Clients cannot pause what they play, as OpenAI's.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of what is said.")]


def talk(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    data: Data,
    split: Split = None,
    limit: Limit = None,
    url: Url = None,
    pid: Pid = None,
    model: Model = None,
    threads: Threads = None,
    settings: Set = None,
    conversations: Conversations = 1,
    turns: Turns = 6,
    interruptions: Interruptions = 3,
    after: After = 1.0,
    pause: Pause = None,
    no_hold: NoHold = False,
    seed: Seed = 0,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Read the clips, start the server, converse, tell how soon it answered."""
    from sotto.bench.results import document
    from sotto.bench.talk.plan import Plan

    server = ServerChoice(ServerOptions(url, pid, model, threads, settings, ctx.obj))
    sets, bank = _read(data, split, limit)
    plan = Plan(conversations, turns, interruptions, after=after, holds=not no_hold, seed=seed)
    repeats = not server.is_running and not any(one.startswith("talk.") for one in settings or ())
    result = _measure(server, bank, plan, pause, repeats=repeats)
    about = {"data": sets, "split": split, "clips": len(bank.spoken), "pause": pause}
    options = server.options | about | asdict(plan)
    outlet = Outlet(output, as_json=as_json)
    outlet.keep(document("talk", options, asdict(result)), lambda: _print(result))


def _read(data: list[Path], split: str | None, limit: int | None) -> tuple[list[str], Bank]:
    """The sets' names and their clips. Raises BadManifest, BadOption, BadAudio."""
    from sotto.app.evaluate import Wanted, read_sets
    from sotto.bench.clips import read_clips
    from sotto.bench.streams.sound import Bank

    sets = read_sets(data, Wanted(split, limit))
    return [manifest.name for manifest in sets], Bank(read_clips(sets))


def _measure(
    server: ServerChoice, bank: Bank, plan: Plan, pause: int | None, *, repeats: bool
) -> Result:
    """Raises ServerError, BadOption."""
    from sotto.audio.format import SAMPLE_RATE
    from sotto.bench.talk.run import Bench
    from sotto.client.talking import TalkOptions
    from sotto.clock import SystemClock

    detection = {} if pause is None else {"silence_duration_ms": pause}
    options = TalkOptions(rate=SAMPLE_RATE, holds=plan.holds, detection=detection)
    with telling() as tell, server.opened() as opened:
        tell(f"{plan.conversations} conversations, {plan.questions} questions each")
        bench = Bench(opened, bank, SystemClock(), options)
        return asyncio.run(bench.run(plan, repeats=repeats))


def _print(result: Result) -> None:
    print_table(("seconds", "count", "p50", "p95", "most"), list(_times(result)))
    typer.echo("")
    print_table(("figure", "value"), list(_figures(result)))
    if result.failures:
        typer.echo(f"\nthe first that failed: {result.failures[0]}")


def _times(result: Result) -> Iterator[tuple[str, ...]]:
    spreads = (
        ("end of speech to first sound", result.first_sound),
        ("the same without the language model", result.own),
        ("  end of speech to all its words", result.heard),
        ("  its words to the model's first", result.first_word),
        ("  the model's first to first sound", result.voice),
        ("interruption to silence", result.quiet),
        ("interruption to the answer's end", result.stop),
        ("the generator's own lateness", result.late),
    )
    for name, spread in spreads:
        yield (name, *_row(spread))


def _row(spread: Spread | None) -> tuple[str, ...]:
    if spread is None:
        return ("0", "–", "–", "–")
    return (str(spread.count), *(f"{one:.3f}" for one in (spread.p50, spread.p95, spread.most)))


def _figures(result: Result) -> Iterator[tuple[str, str]]:
    yield "conversations at once", f"{result.conversations}"
    yield "questions, answered", f"{result.questions}, {result.answered}"
    yield "interruptions, without a stop", f"{result.interruptions}, {result.unstopped}"
    yield "answers too short to interrupt", f"{result.short}"
    if result.wer is not None:
        yield "questions' words heard wrong", f"{100 * result.wer:.1f} %"
    if result.mixed is not None:
        yield "answers without their question's words", f"{result.mixed}"
    yield "failures", f"{len(result.failures)}"
