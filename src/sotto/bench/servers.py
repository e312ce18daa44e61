"""The server under test: started and stopped here, or one that runs already."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sotto.bench.calls import get
from sotto.bench.usage import Usage, usage
from sotto.errors import ServerError

START_SECONDS = 120.0
"""That a server may take until it answers."""
STOP_SECONDS = 20.0
"""That it may take to stop before it is killed."""
TAIL = 2_000
"""Characters of its own words that an error quotes."""


@dataclass(frozen=True)
class Command:
    """How to start a server."""

    words: tuple[str, ...]
    address: str
    """http://host:port, where it will answer."""
    is_ready: Callable[[str], bool]
    """Given the address; asked until it is true."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Beside this process's own."""


@dataclass(frozen=True)
class Server:
    """One that answers."""

    address: str
    pid: int | None = None
    """None: it is not known, and what it uses cannot be measured."""
    tells_figures: bool = True
    """Whether it may be asked for `/metrics`: a peer would take that for a client."""

    def usage(self) -> Usage | None:
        """What it uses, with all processes that it started."""
        return None if self.pid is None else usage(self.pid)


def free_port() -> int:
    """Of the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def sotto_command(options: tuple[str, ...], environ: Mapping[str, str]) -> Command:
    """Sotto's own server on a free port. `options`: those before the port, with the command."""
    port = free_port()
    place = ("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning")
    words = (sys.executable, "-m", "sotto", *options, *place)
    # What is said to a benchmark is not kept among what people say.
    environ = {"SOTTO_STORE__URL": "memory"} | dict(environ)
    return Command(words, f"http://127.0.0.1:{port}", answers_ready, environ)


def answers_ready(address: str) -> bool:
    """Whether `GET /ready` is answered with yes."""
    try:
        get(f"{address}/ready")
    except ServerError:
        return False
    return True


@contextmanager
def started(command: Command, patience: float = START_SECONDS) -> Iterator[Server]:
    """The server, which is stopped with the context. Raises ServerError where it does not start."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command.words,
            env=os.environ | command.environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for who measures: it stops the server by its pid
        )
        try:
            _await(process, command, said, patience)
            yield Server(command.address, process.pid)
        finally:
            _stop(process)


@contextmanager
def running(address: str, pid: int | None) -> Iterator[Server]:
    """A server that somebody else started. Raises ServerError where none answers."""
    server = Server(address.rstrip("/"), pid)
    if pid is not None and server.usage() is None:
        raise ServerError(f"expected a process of the number {pid}, got none")
    yield server


def _await(
    process: subprocess.Popen[bytes], command: Command, said: IO[bytes], patience: float
) -> None:
    last = time.monotonic() + patience
    while not command.is_ready(command.address):
        if process.poll() is not None:
            raise ServerError(
                f"expected a server, but {Path(command.words[0]).name} ended with "
                f"{process.returncode}: {_tail(said)}"
            )
        if time.monotonic() > last:
            raise ServerError(f"expected a server within {patience:g} s, got none: {_tail(said)}")
        time.sleep(0.05)


def _tail(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace").strip()[-TAIL:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
