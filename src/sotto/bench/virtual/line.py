"""Between the engine's process and those of sessions: values, in order, in both directions."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from sotto.bench.streams.client import Log
from sotto.bench.streams.plan import Track
from sotto.interfaces.engine import DecodeJob, Hypothesis


@dataclass(frozen=True)
class Asks:
    """A session hands in a job."""

    number: int
    job: DecodeJob


@dataclass(frozen=True)
class Leaves:
    """It has no use for it any more."""

    number: int


@dataclass(frozen=True)
class Begins:
    """The engine has taken it: it cannot be taken back."""

    number: int


@dataclass(frozen=True)
class Answers:
    """What was heard; or why nothing was."""

    number: int
    heard: Hypothesis | None
    full: bool
    """Where nothing was heard: whether the queue had no room for it."""


@dataclass(frozen=True)
class Speak:
    """These tracks, from now on."""

    tracks: tuple[Track, ...]


@dataclass(frozen=True)
class Opened:
    """All sessions are open, and begin."""


@dataclass(frozen=True)
class Spoken:
    """All is said."""

    logs: tuple[Log, ...]
    busy: float
    """Seconds of processor time in each, of the thread that has the sessions."""


@dataclass(frozen=True)
class Ready:
    """The process is there."""


@dataclass(frozen=True)
class Over:
    """The other side is gone, or should go."""


Message: TypeAlias = Asks | Leaves | Begins | Answers | Speak | Opened | Spoken | Ready | Over


class Line:
    """One end. What comes is given to `hear` in the event loop in which it was made.

    Threads read and write, so that no loop waits for the other process to read.
    """

    def __init__(self, pipe: Connection, hear: Callable[[Message], None]) -> None:
        self._pipe = pipe
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._writer.start()
        self._reader.start()

    def send(self, message: Message) -> None:
        """From any thread. It is gone where the other side is gone."""
        self._waiting.put(message)

    def _write(self) -> None:
        while True:
            message = self._waiting.get()
            try:
                self._pipe.send(message)
            except OSError:
                return
            if isinstance(message, Over):
                return

    def _read(self) -> None:
        while True:
            try:
                message: Message = self._pipe.recv()
            except (EOFError, OSError):
                message = Over()
            try:
                self._loop.call_soon_threadsafe(self._hear, message)
            except RuntimeError:  # the loop is closed: nobody listens any more
                return
            if isinstance(message, Over):
                return
