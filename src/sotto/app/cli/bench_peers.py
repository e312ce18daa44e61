"""`--peer` of `sotto bench streams` and `files`: other servers beside Sotto, in one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import typer

from sotto.app.cli.bench_outlet import Outlet, telling
from sotto.app.cli.bench_server import ServerChoice, ServerOptions
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.app.cli.bench_run import Run
    from sotto.bench.files import File, Result
    from sotto.bench.peers.contest import Attempt, Entry
    from sotto.bench.peers.files import Turns
    from sotto.bench.peers.peer import Setup
    from sotto.bench.results import Json
    from sotto.bench.servers import Server
    from sotto.bench.streams.run import Offline

Kind: TypeAlias = Literal["streams", "files"]

BEAM = "engine.beam_size"
LEVEL = ("engine.device=cpu", "engine.compute_type=int8")
"""What `bench/peers/inside/start.py` sees to for the peers."""
ONLY_BESIDE_PEERS = {"streams": "--rounds, --decoder and --one-pass", "files": "--one-pass"}
FILES_HEAD = ("server", "seconds of sound a second", "real-time factor", "cores", "WER %", "")


@dataclass(frozen=True)
class PeerOptions:
    """What a command is told of peers."""

    kind: Kind
    peers: Sequence[str]
    """Each `NAME=PYTHON`."""
    language: str
    rounds: int
    decoder: Path | None = None
    one_pass: bool = field(kw_only=True)

    def check_alone(self) -> None:
        """Raises BadOption where something is asked of peers; there are none."""
        takes_turns = self.kind == "streams" and self.rounds > 1
        if takes_turns or self.decoder is not None or self.one_pass:
            raise BadOption("peer", f"expected --peer beside {ONLY_BESIDE_PEERS[self.kind]}")


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


def chosen(asked: ServerOptions, options: PeerOptions) -> tuple[ServerChoice, Rivals | None]:
    """The server, and its rivals if there are any. Raises BadOption.

    Beside peers its engine is theirs, unless it is told otherwise; and the number of threads is
    the same for all, by default one a core.
    """
    from sotto.bench.results import machine

    if not options.peers:
        server = ServerChoice(asked)
        options.check_alone()
        return server, None
    threads = machine().cores if asked.threads is None else asked.threads
    settings = [*LEVEL, *(asked.settings or ())]
    server = ServerChoice(replace(asked, threads=threads, settings=settings))
    return server, _rivals(server, threads, asked.config, options)


def _rivals(
    server: ServerChoice, threads: int, config: Path | None, options: PeerOptions
) -> Rivals:
    """Raises BadOption."""
    from sotto.bench.peers.peer import Setup, named_python
    from sotto.bench.peers.table import FILES, STREAMS

    if server.is_running:
        raise BadOption("peer", "expected servers that are all started here, got --url")
    decoder = options.decoder
    if decoder is not None and not decoder.exists():
        raise BadOption("decoder", f"expected a file or a folder, got {decoder}")
    beam = server.options["settings"].get(BEAM, "1")
    if not beam.isdecimal():
        raise BadOption("set", f"expected {BEAM} to be a number, got {beam!r}")
    known = list(STREAMS if options.kind == "streams" else FILES)
    pythons = dict(named_python(text, known) for text in options.peers)
    setup = Setup(
        _folder(server.model, config),
        threads,
        int(beam),
        options.language,
        decoder,
        options.one_pass,
    )
    return Rivals(pythons, setup, options.rounds)


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

    def result(self, options: Json, run: Run) -> Json:
        """All that was found."""
        from sotto.bench.peers.results import of_streams

        best = None if isinstance(run.choose, list) else run.choose.best
        return of_streams(options, run.bank, self.entries, self.attempts, self.offline, best)


def streams(run: Run, against: Rivals, options: Json, outlet: Outlet) -> None:
    """All rounds of streams. Raises ServerError where Sotto does not even hear the files."""
    held = _hold(run, against)
    result = held.result(options | against.options, run)
    outlet.keep(result, lambda: _print_streams(held, result), lambda folder: _draw(result, folder))


def _hold(run: Run, against: Rivals) -> Held:
    from sotto.bench.peers.contest import Contest, Entry, entry, told
    from sotto.bench.peers.table import STREAMS

    def start() -> AbstractContextManager[Server]:
        return run.server.opened(against.setup.environ())

    peers = [
        entry(STREAMS[name], python, against.setup) for name, python in against.pythons.items()
    ]
    entries = [Entry("sotto", start, run.dialect), *peers]
    with telling() as tell:
        with start() as opened:  # not one of those that are measured: this would warm it up
            own = run.bench(opened, run.dialect)
            places = run.places(own)
            offline = run.offline(own, places, tell)
        contest = Contest(entries, run.bench, run.following, against.rounds, places)
        attempts = []
        for attempt in contest.attempts(tell):
            attempts.append(attempt)
            typer.echo(f"sotto: {told(attempt)}", err=True)  # stays above the live line
    return Held(entries, attempts, offline)


def _print_streams(held: Held, result: Json) -> None:
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


def _draw(result: Json, output: Path) -> None:
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


def files(
    server: ServerChoice,
    sounds: Sequence[File],
    fields: dict[str, str],
    against: Rivals,
    options: Json,
    outlet: Outlet,
) -> None:
    """All rounds of all files."""
    from sotto.bench.files import Door
    from sotto.bench.peers.files import Hearer, hearer, measure
    from sotto.bench.peers.results import of_files
    from sotto.bench.peers.table import FILES
    from sotto.clock import SystemClock

    @contextmanager
    def start() -> Iterator[Door]:
        with server.opened(against.setup.environ()) as opened:
            yield Door(opened, SystemClock(), fields)

    peers = [hearer(FILES[name], python, against.setup) for name, python in against.pythons.items()]
    with telling() as tell:
        turns = measure([Hearer("sotto", start), *peers], sounds, against.rounds, tell)
    outlet.keep(of_files(options | against.options, turns), lambda: _print_files(turns))


def _print_files(turns: Sequence[Turns]) -> None:
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
