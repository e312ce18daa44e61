"""faster-whisper (SYSTRAN) for files: one window after the other, or many at once."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from sotto.bench.peers.peer import INSIDE, Program, Setup
from sotto.bench.usage import Usage, usage
from sotto.errors import ServerError


class Told(BaseModel):
    """A line of its process."""

    ready: bool = False
    seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Transcript:
    """One file."""

    seconds: float
    """That it took, from the path to the last word, by its own clock."""
    text: str


class Listener:
    """Its process, with the model loaded."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        """`said`: what it tells beside its answers. Raises ServerError."""
        if process.stdin is None or process.stdout is None:
            raise ServerError("expected pipes to its process, got none")
        self._process, self._said = process, said
        self._ears, self._mouth = process.stdin, process.stdout
        self._read()

    def hear(self, path: Path) -> Transcript:
        """A file with sound. Raises ServerError."""
        try:
            self._ears.write(json.dumps(str(path)).encode() + b"\n")
            self._ears.flush()
        except OSError as error:
            raise ServerError(f"expected a transcript, but its process ended: {error}") from error
        told = self._read()
        return Transcript(told.seconds, told.text)

    def usage(self) -> Usage | None:
        """What it uses."""
        return usage(self._process.pid)

    def _read(self) -> Told:
        line = self._mouth.readline()
        if not line:
            raise ServerError(f"expected a transcript, but its process ended: {self._last_words()}")
        return Told.model_validate_json(line)

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "nothing said"


@contextmanager
def listening(program: Program, python: str, setup: Setup) -> Iterator[Listener]:
    """Its process, which ends with the context. Raises ServerError."""
    words = [python, str(INSIDE / "start.py"), *program.words, *setup.words()]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            words,
            env=os.environ | setup.environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Listener(process, said)
        finally:
            process.kill()


SEQUENTIAL = Program(
    "faster-whisper",
    ("faster-whisper",),
    module="faster_whisper",
    packages=("faster-whisper", "ctranslate2"),
)
"""`WhisperModel.transcribe` with its defaults: no voice activity detector."""

BATCHED = Program(
    "faster-whisper-batched",
    ("faster-whisper", "--batched"),
    module="faster_whisper",
    packages=SEQUENTIAL.packages,
)
"""`BatchedInferencePipeline.transcribe` with its defaults: its detector, eight windows at once."""
