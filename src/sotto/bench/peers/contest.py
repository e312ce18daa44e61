"""Sotto and its peers under the same streams, in turn: A B A B, each step on a fresh server."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sotto.bench.peers.peer import Peer, Place, Setup
from sotto.bench.servers import Server, started
from sotto.bench.streams.dialect import Dialect
from sotto.bench.streams.generator import GeneratorFailed
from sotto.bench.streams.run import Bench, Choose, Tell, in_turn
from sotto.bench.streams.score import Place as Spoken
from sotto.bench.streams.step import Step
from sotto.bench.streams.tables import line
from sotto.errors import ServerError, SottoError

LONGEST = 300
"""Characters of an error in a result."""


@dataclass(frozen=True)
class Entry:
    """One server of a contest."""

    name: str
    start: Callable[[], AbstractContextManager[Server]]
    """A new one each time. Raises ServerError."""
    dialect: Dialect
    place: Place | None = None
    """Where a peer was found; None: it was not, or it is Sotto."""
    obstacle: str | None = None
    """One sentence that says why it cannot run; None: it can."""
    most: int | None = None
    """Clients at once; None: as many as there are."""


def entry(peer: Peer, python: str, setup: Setup) -> Entry:
    """A peer, once it was looked whether it can run."""

    @contextmanager
    def start() -> Iterator[Server]:
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            started(peer.command(python, setup, Path(folder))) as server,
        ):
            yield replace(server, tells_figures=False)

    obstacle = peer.obstacle(python, setup)
    place = peer.place(python) if obstacle is None else None
    return Entry(peer.name, start, peer.dialect(setup), place, obstacle, peer.most)


@dataclass(frozen=True)
class Attempt:
    """One step of one server."""

    name: str
    round: int
    """From 1."""
    clients: int
    step: Step | None
    """None: there is none, for the error's sake."""
    error: str | None = None
    started: bool = True

    @property
    def borne(self) -> bool:
        """Whether so many streams were not too many."""
        return self.step is not None and self.step.borne


@dataclass(frozen=True)
class Contest:
    """What is the same for all."""

    entries: Sequence[Entry]
    bench: Callable[[Server, Dialect], Bench]
    choose: Choose
    rounds: int = 1
    paired: Sequence[Spoken] = field(default=())
    """Utterances that were heard as files too."""

    def attempts(self, tell: Tell) -> Iterator[Attempt]:
        """Each as it is done; an entry that cannot run makes none."""
        for number in range(1, self.rounds + 1):
            yield from self._round(number, tell)

    def _round(self, number: int, tell: Tell) -> Iterator[Attempt]:
        """One step of each, and again, until nobody has one left."""
        done: dict[str, list[Attempt]] = {
            one.name: [] for one in self.entries if one.obstacle is None
        }
        while done:
            for one in self.entries:
                if one.name not in done:
                    continue
                tried = done[one.name]
                clients = self.choose([(past.clients, past.borne) for past in tried])
                if clients is None or (tried and not tried[-1].started):
                    del done[one.name]
                    continue
                tell(f"{one.name}, round {number}: {clients} streams")
                tried.append(self._attempt(one, number, clients, tried))
                yield tried[-1]

    def _attempt(self, one: Entry, number: int, clients: int, tried: Sequence[Attempt]) -> Attempt:
        if one.most is not None and clients > one.most:
            why = f"it serves {one.most} at once at most"
            return Attempt(one.name, number, clients, None, why)
        first = next((past.step for past in tried if past.step is not None), None)
        try:
            with one.start() as server:
                bench = self.bench(server, one.dialect)
                (step,) = bench.steps(in_turn([clients]), self.paired, _nobody, first)
        except ServerError as error:
            return Attempt(one.name, number, clients, None, brief(error), started=False)
        except GeneratorFailed as error:
            return Attempt(one.name, number, clients, None, brief(error))
        return Attempt(one.name, number, clients, step)


def told(attempt: Attempt) -> str:
    """One attempt in a sentence, while the next one runs."""
    what = attempt.error if attempt.step is None else line(attempt.step)
    return f"{attempt.name}, round {attempt.round}: {what}"


def brief(error: SottoError) -> str:
    """The first line and the last, of what may hold all that a server said before it ended."""
    lines = error.message.splitlines() or [""]
    return (lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}")[:LONGEST]


def _nobody(what: str) -> None:
    """Whom a step alone need not be told."""
