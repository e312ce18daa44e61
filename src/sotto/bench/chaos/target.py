"""What is broken on purpose: one server's process; a cluster is another target."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sotto.bench.servers import STOP_SECONDS, Command, Server, started
from sotto.clock import Clock
from sotto.errors import BadOption, ServerError

STORE = "transcripts.db"
"""In the target's folder."""


class Target(Protocol):
    """Serves `/stream` and `/v1/sessions` at one address, whatever is broken behind it."""

    @property
    def address(self) -> str:
        """http://host:port, the same from `start` to `stop`."""
        ...

    async def start(self) -> None:
        """Return once it answers. Raises ServerError."""
        ...

    async def break_something(self, seed: int) -> str:
        """Break a part, and return what it was once all is whole again. Raises ServerError."""
        ...

    async def stop(self) -> Sequence[str]:
        """End it, and return a sentence for each thing that is wrong with what it did or left."""
        ...


@dataclass
class ServerTarget:
    """A server started here, on a store in SQLite that outlives it."""

    command: Command
    """With one port for all starts."""
    folder: Path
    """Where its store lies."""
    signals: list[signal.Signals]
    """That it gets, each once, before it is started again; in what order a seed says."""
    clock: Clock
    _running: ExitStack = field(default_factory=ExitStack)
    _server: Server | None = None
    _faults: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of all its processes."""
        return self.command.address

    @property
    def pid(self) -> int | None:
        """Of the process that runs."""
        return None if self._server is None else self._server.pid

    async def start(self) -> None:
        """Raises ServerError."""
        self._server = await asyncio.to_thread(self._running.enter_context, started(self.command))

    async def break_something(self, seed: int) -> str:
        """Raises ServerError."""
        which = random.Random(seed).choice(self.signals)
        self.signals.remove(which)
        if which is signal.SIGKILL and self.pid is not None:
            os.kill(self.pid, which)
        await self._end()
        await self.start()
        return which.name

    async def stop(self) -> Sequence[str]:
        """Ask the store too whether it is whole."""
        await self._end()
        self._faults += await asyncio.to_thread(check_store, self.folder / STORE)
        return self._faults

    async def _end(self) -> None:
        began = self.clock.monotonic()
        await asyncio.to_thread(self._running.close)
        if (took := self.clock.monotonic() - began) >= STOP_SECONDS:
            self._faults.append(
                f"expected the server to stop by itself, killed it after {took:.0f} s"
            )


@dataclass(frozen=True)
class RunningTarget:
    """A server that somebody else started: nothing behind its address can be broken."""

    address: str

    async def start(self) -> None:
        """It runs."""

    async def break_something(self, seed: int) -> str:
        """Raises BadOption."""
        raise BadOption("url", f"expected a server started here to break (seed {seed}), got --url")

    async def stop(self) -> Sequence[str]:
        """It goes on running."""
        return ()


def check_store(file: Path) -> list[str]:
    """What SQLite finds wrong with its file. Raises ServerError where it is none."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
            found += [
                f"a row of {row[0]} without its {row[2]}"
                for row in connection.execute("PRAGMA foreign_key_check")
            ]
    except sqlite3.DatabaseError as error:
        raise ServerError(f"expected a store in {file.name}, got: {error}") from error
    return [f"{file.name}: {sentence}" for sentence in found if sentence != "ok"]
