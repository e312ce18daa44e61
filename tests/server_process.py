"""`sotto serve` as a process of its own, with all that it says, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE = 120.0
"""Seconds, on a machine that may have much else to do."""


@dataclass
class ServerProcess:
    """One that listens, and has heard its own clip."""

    lines: list[str] = field(default_factory=list)
    """What it says, without ends of lines; whole once it is stopped."""
    port: int = 0
    returncode: int | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def await_line(self, fits: Callable[[str], bool]) -> str:
        """The first such line, once it is said."""

        def found() -> str | None:
            return next(filter(fits, self.lines), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, PATIENCE), self.lines
            line = found()
        assert line is not None
        return line

    def read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()


@contextmanager
def server_process(**settings: str) -> Iterator[ServerProcess]:
    """Started with these variables; told to stop, and waited for, with the context."""
    said = ServerProcess()
    with subprocess.Popen(
        [sys.executable, "-m", "sotto", "serve", "--port", "0"],
        env=os.environ | {"SOTTO_STORE__URL": "memory", "OMP_NUM_THREADS": "1"} | settings,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        reading = threading.Thread(target=said.read, args=[process])
        reading.start()
        try:
            listening = said.await_line(lambda line: "listening on http" in line)
            said.port = int(listening.partition("http://localhost:")[2].split(" ")[0])
            said.await_line(lambda line: "self-check: heard" in line)
            yield said
            process.terminate()
            process.wait(PATIENCE)
        finally:
            process.kill()
            reading.join()
            said.returncode = process.wait()
