"""What all peers have in common: how one is started in a Python of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sotto.bench.servers import Command, free_port
from sotto.bench.streams.dialect import Dialect, Wire
from sotto.errors import BadOption, ServerError

INSIDE = Path(__file__).parent / "inside"
"""Programs that a peer's own Python runs."""
GREETING = 60.0
"""Seconds until a peer that took a connection says so: the first may wait for the model."""
LOOKING = 60.0
"""Seconds that its Python may take to tell its versions."""


@dataclass(frozen=True)
class Setup:
    """What is the same for all that are compared."""

    model: Path
    """A folder of CTranslate2."""
    threads: int
    """Of one engine."""
    beam: int = 1
    language: str = "en"
    decoder: Path | None = None
    """The same model for PyTorch, for those that need it: a `.pt` file or a folder of Hugging
    Face's."""
    one_pass: bool = False
    """No window is decoded twice for being doubtful."""

    def words(self) -> list[str]:
        """Of a peer's start."""
        given = {
            "--model": str(self.model.resolve()),
            "--threads": str(self.threads),
            "--beam": str(self.beam),
            "--language": self.language,
        }
        words = [word for pair in given.items() for word in pair]
        return [*words, "--one-pass"] if self.one_pass else words

    def environ(self) -> dict[str, str]:
        """No more threads than asked for, anywhere; and no peer asks the hub for anything."""
        return {"OMP_NUM_THREADS": str(self.threads), "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Place:
    """What is found in a peer's Python."""

    python: str
    """Its version."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package → version; a module without a package → the beginning of its file's SHA-256."""


def _nothing(setup: Setup, folder: Path) -> Mapping[str, str]:
    return {}


def _runs(setup: Setup) -> str | None:
    return None


@dataclass(frozen=True)
class Program:
    """What is asked of a peer's Python."""

    name: str
    """On the command line and in tables."""
    words: tuple[str, ...]
    """Of its start."""
    module: str
    """Its Python must be able to import it."""
    packages: tuple[str, ...]
    """Whose versions are told."""
    why_not: Callable[[Setup], str | None] = _runs
    """One sentence where it cannot run with a setup."""

    def obstacle(self, python: str | None, setup: Setup) -> str | None:
        """One sentence that says why it cannot run; None: it can."""
        if python is None:
            return f"no Python that has it was given with --peer {self.name}=PYTHON"
        if (why := self.why_not(setup)) is not None:
            return why
        try:
            self.place(python)
        except ServerError as error:
            return error.message
        return None

    def place(self, python: str) -> Place:
        """What it would run with. Raises ServerError."""
        words = [python, str(INSIDE / "look.py"), self.module, *self.packages]
        try:
            out = subprocess.run(
                words, capture_output=True, text=True, timeout=LOOKING, check=True, encoding="utf-8"
            )
            told = json.loads(out.stdout)
            return Place(told["python"], told["versions"])
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
            raise ServerError(f"its Python cannot import {self.module}: {lines[-1]}") from error
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise ServerError(f"its Python does not run: {type(error).__name__}") from error


@dataclass(frozen=True, kw_only=True)
class Peer(Program):
    """A server of streams."""

    dialect: Callable[[Setup], Dialect]
    environment: Callable[[Setup, Path], Mapping[str, str]] = _nothing
    """What its process finds there; the folder in which it works may be filled for it."""
    decodes_in_torch: bool = False
    most: int | None = None
    """Clients at once; None: as many as there are."""

    def command(self, python: str, setup: Setup, folder: Path) -> Command:
        """To start it on a free port. `folder`: an empty one, that outlives it."""
        port = free_port()
        words = [python, str(INSIDE / "start.py"), *self.words, *setup.words()]
        if self.decodes_in_torch and setup.decoder is not None:
            words += ["--decoder", str(setup.decoder.resolve())]
        environ = setup.environ() | dict(self.environment(setup, folder))
        dialect = self.dialect(setup)
        return Command(
            (*words, "--port", str(port), "--folder", str(folder)),
            f"http://127.0.0.1:{port}",
            lambda address: greets(dialect, address),
            environ,
        )


def greets(dialect: Dialect, address: str) -> bool:
    """Whether a client is let in, which for some peers is what makes them load the model."""
    try:
        asyncio.run(_greet(dialect, address))
    except (ServerError, OSError, ValueError):
        return False
    return True


async def _greet(dialect: Dialect, address: str) -> None:
    async with asyncio.timeout(GREETING):
        wire = await dialect.connect(address)
        await wire.close()


@asynccontextmanager
async def closed_unless_welcome(wire: Wire) -> AsyncIterator[None]:
    """What comes first must be what is expected, or nothing is left open."""
    welcome = False
    try:
        yield
        welcome = True
    finally:
        if not welcome:
            await wire.close()


def named_python(text: str, names: list[str]) -> tuple[str, str]:
    """`NAME=PYTHON` as the command line has it. Raises BadOption."""
    name, sign, python = text.partition("=")
    if not sign or not python or name not in names:
        raise BadOption(
            "peer", f"expected NAME=PYTHON with one of {', '.join(names)}, got {text!r}"
        )
    return name, python
