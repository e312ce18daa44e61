"""Work in a process of its own: what it takes of memory is gone with it, and so is what breaks it.

So one engine is measured as if no other had been, and where a GPU's memory is too small, or a
library ends its process, the others are measured all the same.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Generic, TypeAlias, TypeVar

from sotto.errors import SottoError

LEAVING = 5.0
"""Seconds that a process may take to end."""

T = TypeVar("T")
Task: TypeAlias = Callable[[Callable[[T], None]], None]
"""What is done there; it tells what it finds, piece by piece. It is sent there, so it is a module's
function, or `functools.partial` of one."""


@dataclass(frozen=True)
class Broken:
    """Why the process did not come to its end."""

    why: str


@dataclass(frozen=True)
class _Said(Generic[T]):
    what: T


def apart(task: Task[T], seconds: float) -> Iterator[T | Broken]:
    """What the task tells, as it comes; Broken last, where it broke or took longer than that."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_main, args=(task, theirs))
    deadline = time.monotonic() + seconds
    try:
        process.start()
        theirs.close()
        while True:
            if not ours.poll(max(deadline - time.monotonic(), 0.0)):
                yield Broken(f"expected an end within {seconds:g} s")
                return
            try:
                told: _Said[T] | Broken | None = ours.recv()
            except EOFError:
                process.join(LEAVING)
                yield Broken(f"its process ended with {process.exitcode}")
                return
            if told is None:
                return
            if isinstance(told, Broken):
                yield told
                return
            yield told.what
    finally:
        ours.close()
        if process.pid is not None:
            _end(process)


def _main(task: Task[T], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it, and ends it
    try:
        task(lambda what: pipe.send(_Said(what)))
    except SottoError as error:
        pipe.send(Broken(error.message))
    except (RuntimeError, MemoryError) as error:  # torch's own, above all: no room on the device
        pipe.send(Broken(f"{type(error).__name__}: {error}"))
    else:
        pipe.send(None)
    pipe.close()


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(LEAVING)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
