"""Sotto and its peers hear the same long files, in turn: A B A B, each round in a fresh process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sotto.bench.files import Ear, File, Heard, Result, add_up, hear
from sotto.bench.peers.contest import brief
from sotto.bench.peers.faster_whisper import Listener, listening
from sotto.bench.peers.peer import Place, Program, Setup
from sotto.bench.usage import Usage
from sotto.errors import ServerError

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Hearer:
    """One that hears files."""

    name: str
    start: Callable[[], AbstractContextManager[Ear]]
    """A new one each time. Raises ServerError."""
    place: Place | None = None
    """Where a peer was found; None: it was not, or it is Sotto."""
    obstacle: str | None = None
    """One sentence that says why it cannot run; None: it can."""


@dataclass(frozen=True)
class Turns:
    """What came of one of them."""

    name: str
    place: Place | None
    obstacle: str | None
    """Why it did not run, or not all the way."""
    result: Result | None
    """Of the rounds that it ended; None: of none."""


class _Paths:
    """A peer's ear, to which a file is a path."""

    def __init__(self, listener: Listener, folder: Path) -> None:
        self._listener, self._folder = listener, folder

    def usage(self) -> Usage | None:
        """What it uses."""
        return self._listener.usage()

    def hear(self, file: File) -> tuple[str, float]:
        """Text, and the seconds that it took by the peer's own clock. Raises ServerError."""
        path = self._folder / Path(file.name).name
        path.write_bytes(file.data)  # each time: two files may have one name
        heard = self._listener.hear(path)
        return heard.text, heard.seconds


def hearer(program: Program, python: str, setup: Setup) -> Hearer:
    """A peer, once it was looked whether it can run."""

    @contextmanager
    def start() -> Iterator[Ear]:
        with (
            tempfile.TemporaryDirectory() as folder,
            listening(program, python, setup) as listener,
        ):
            yield _Paths(listener, Path(folder))

    obstacle = program.obstacle(python, setup)
    place = program.place(python) if obstacle is None else None
    return Hearer(program.name, start, place, obstacle)


def measure(
    hearers: Sequence[Hearer], files: Sequence[File], rounds: int, tell: Tell
) -> list[Turns]:
    """Every file in each round, by one after the other; who fails is left out from then on."""
    heard: dict[str, list[list[Heard]]] = {one.name: [] for one in hearers}
    failed: dict[str, str] = {one.name: one.obstacle for one in hearers if one.obstacle}
    for number in range(1, rounds + 1):
        for one in hearers:
            if one.name in failed:
                continue
            tell(f"{one.name}: round {number} of {rounds}")
            try:
                heard[one.name].append(_round(one, files))
            except ServerError as error:
                failed[one.name] = brief(error)
    return [
        Turns(
            one.name,
            one.place,
            failed.get(one.name),
            add_up(heard[one.name]) if heard[one.name] else None,
        )
        for one in hearers
    ]


def _round(one: Hearer, files: Sequence[File]) -> list[Heard]:
    with one.start() as ear:
        hear(ear, files[0])  # warms up
        return [hear(ear, file) for file in files]
