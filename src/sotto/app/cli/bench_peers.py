"""`--peer` of `sotto bench streams` and `files`: other servers beside Sotto, in one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from sotto.app.cli import bench_server as at
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.app.cli.bench_streams import Asked
    from sotto.bench.files import File, Result
    from sotto.bench.peers.contest import Attempt, Entry
    from sotto.bench.peers.files import Turns
    from sotto.bench.peers.peer import Setup
    from sotto.bench.results import Json
    from sotto.bench.servers import Server
    from sotto.bench.streams.dialect import Dialect
    from sotto.bench.streams.run import Bench, Offline
    from sotto.bench.streams.search import Search
    from sotto.bench.streams.sound import Bank

Peers: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        metavar="NAME=PYTHON",
        help="Another server beside Sotto, and the Python that has it; may be repeated.",
    ),
]
Decoder: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The same model for peers that decode in PyTorch."),
]
OnePass: TypeAlias = Annotated[
    bool, typer.Option("--one-pass", help="No peer decodes a window again for being doubtful.")
]

BEAM = "engine.beam_size"
LEVEL = ("engine.device=cpu", "engine.compute_type=int8")
"""What `bench/peers/inside/start.py` sees to for the peers."""
FILES_HEAD = ("server", "seconds of sound a second", "real-time factor", "cores", "WER %", "")


def settings_for(peers: Sequence[str], settings: Sequence[str] | None) -> list[str]:
    """Of Sotto's server: beside peers its engine is theirs, unless it is told otherwise."""
    return [*(LEVEL if peers else ()), *(settings or ())]


def threads_for(peers: Sequence[str], threads: int | None) -> int | None:
    """Of each engine: beside peers it is the same number for all, by default one a core."""
    from sotto.bench.results import machine

    return machine().cores if peers and threads is None else threads


@dataclass(frozen=True)
class Rivals:
    """Which peers, and what is the same for them and Sotto."""

    pythons: dict[str, str]
    """Peer → its Python."""
    setup: Setup
    rounds: int

    @property
    def options(self) -> Json:
        """For the result: nothing of this machine's places."""
        return {
            "peers": list(self.pythons),
            "rounds": self.rounds,
            "threads": self.setup.threads,
            "beam": self.setup.beam,
            "one_pass": self.setup.one_pass,
        }


def rivals(  # noqa: PLR0913 - what is the same for all, each by name
    peers: Sequence[str],
    server: at.ServerChoice,
    kind: Literal["streams", "files"],
    *,
    config: Path | None,
    threads: int | None,
    language: str,
    decoder: Path | None = None,
    one_pass: bool = False,
    rounds: int = 1,
) -> Rivals:
    """Of the options of a command. Raises BadOption."""
    from sotto.bench.peers.peer import Setup, named_python
    from sotto.bench.peers.table import FILES, STREAMS

    if server.is_running:
        raise BadOption("peer", "expected servers that are all started here, got --url")
    if decoder is not None and not decoder.exists():
        raise BadOption("decoder", f"expected a file or a folder, got {decoder}")
    beam = server.options["settings"].get(BEAM, "1")
    if not beam.isdecimal():
        raise BadOption("set", f"expected {BEAM} to be a number, got {beam!r}")
    pythons = dict(
        named_python(text, list(STREAMS if kind == "streams" else FILES)) for text in peers
    )
    setup = Setup(
        _folder(server.model, config),
        threads or 1,
        int(beam),
        language,
        decoder,
        one_pass,
    )
    return Rivals(pythons, setup, rounds)


def _folder(model: str, config: Path | None) -> Path:
    """Raises BadOption where it is not on this machine."""
    from sotto.app.settings import load
    from sotto.plugins.checkpoints.source import Checkpoints

    settings = load([], config=config)
    named = settings.models.paths.get(model)
    found = named or Checkpoints(settings.models.folder).find(model)
    if found is None:
        raise BadOption("model", f"expected a checkpoint that is on this machine, got {model!r}")
    return Path(found)


@dataclass(frozen=True)
class Held:
    """A contest that is over."""

    entries: list[Entry]
    attempts: list[Attempt]
    offline: Offline | None
    """By Sotto."""

    def result(self, options: Json, bank: Bank, choose: Search | list[int]) -> Json:
        """All that was found."""
        from sotto.bench.peers.results import of_streams

        best = None if isinstance(choose, list) else choose.best
        return of_streams(options, bank, self.entries, self.attempts, self.offline, best)


def hold(
    server: at.ServerChoice,
    bank: Bank,
    asked: Asked,
    choose: Search | list[int],
    config: dict[str, str],
    against: Rivals,
) -> Held:
    """All rounds. Raises ServerError where Sotto does not even hear the files."""
    from sotto.bench.peers.contest import Contest, Entry, entry, told
    from sotto.bench.peers.table import STREAMS
    from sotto.bench.streams.run import in_turn
    from sotto.bench.streams.sotto_stream import SottoStream

    dialect = SottoStream(tuple(config.items()), asked.deflate)
    least = choose[0] if isinstance(choose, list) else choose.first
    following = in_turn(choose) if isinstance(choose, list) else choose.following
    fields = {key: value for key, value in config.items() if key != "policy"}

    def start() -> AbstractContextManager[Server]:
        return server.opened(against.setup.environ())

    def bench(opened: Server, spoken: Dialect) -> Bench:
        return asked.bench(opened, spoken, bank)

    peers = [
        entry(STREAMS[name], python, against.setup) for name, python in against.pythons.items()
    ]
    entries = [Entry("sotto", start, dialect), *peers]
    with at.telling() as tell:
        with start() as opened:  # not one of those that are measured: this would warm it up
            own = bench(opened, dialect)
            places = own.counted(least, asked.offline)
            offline = own.offline(places, fields, tell) if places else None
        attempts = []
        for attempt in Contest(entries, bench, following, against.rounds, places).attempts(tell):
            attempts.append(attempt)
            typer.echo(f"sotto: {told(attempt)}", err=True)  # stays above the live line
    return Held(entries, attempts, offline)


def print_streams(held: Held, result: Json) -> None:
    """A row for each step of each server."""
    from sotto.app.cli.table import print_table
    from sotto.bench.peers.results import HEAD, rows

    print_table(HEAD, rows(held.entries, held.attempts))
    typer.echo(f"\nthe end of the sound is known {result['ends_known']}")
    if held.offline is not None and held.offline.wer is not None:
        wer = f"{100 * held.offline.wer:.1f} % WER"
        typer.echo(f"sotto, {held.offline.utterances} utterances as files: {wer}")
    for server in result["servers"]:
        borne = [
            str(part["sustained"]) for part in server["rounds"] if part["sustained"] is not None
        ]
        if borne:
            typer.echo(f"streams borne by {server['name']}: {', '.join(borne)}")


def draw(result: Json, output: Path) -> None:
    """All servers and rounds in one picture, as far as there is anything to draw."""
    from sotto.bench.peers.results import apart
    from sotto.bench.results import write
    from sotto.bench.streams.plots import picture

    several = result["options"]["rounds"] > 1
    runs = {
        f"{name}, round {run['round']}" if several else name: run for name, run in apart("", result)
    }
    if runs:
        write(output / "streams-peers.svg", picture(runs))


def hear(
    server: at.ServerChoice, files: Sequence[File], fields: dict[str, str], against: Rivals
) -> list[Turns]:
    """All rounds of all files."""
    from sotto.bench.files import Door
    from sotto.bench.peers.files import Hearer, hearer, measure
    from sotto.bench.peers.table import FILES
    from sotto.clock import SystemClock

    @contextmanager
    def start() -> Iterator[Door]:
        with server.opened(against.setup.environ()) as opened:
            yield Door(opened, SystemClock(), fields)

    peers = [hearer(FILES[name], python, against.setup) for name, python in against.pythons.items()]
    with at.telling() as tell:
        return measure([Hearer("sotto", start), *peers], files, against.rounds, tell)


def print_files(turns: Sequence[Turns]) -> None:
    """A row for each server."""
    from sotto.app.cli.table import print_table

    print_table(
        FILES_HEAD, [(one.name, *_figures(one.result), one.obstacle or "") for one in turns]
    )


def _figures(result: Result | None) -> tuple[str, ...]:
    if result is None:
        return ("–",) * 4
    return (
        f"{result.speed:.1f}",
        f"{result.real_time_factor:.4f}",
        "–" if result.cores is None else f"{result.cores:.2f}",
        "–" if result.wer is None else f"{100 * result.wer:.1f}",
    )
