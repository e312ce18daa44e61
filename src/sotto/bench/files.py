"""How fast long files are heard, through the server's own door for them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Protocol

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.calls import transcribe, wav
from sotto.bench.servers import Server
from sotto.bench.streams.plan import Talk, Utterance, plan
from sotto.bench.streams.sound import Bank, long_file
from sotto.bench.usage import Usage
from sotto.clock import Clock
from sotto.errors import BadAudio, BadOption
from sotto.runtime.container import read_file
from sotto.training.evaluation.scoring import Score, score


@dataclass(frozen=True)
class File:
    """One to be heard."""

    name: str
    seconds: float
    """Of sound."""
    data: bytes
    """In a container."""
    text: str | None = None
    """What is said in it; None: not known."""


@dataclass(frozen=True)
class Heard:
    """One file, heard once."""

    name: str
    seconds: float
    took: float
    """Seconds, by the ear that heard it."""
    cpu: float | None
    """Seconds of the server's processor time."""
    text: str
    score: Score | None

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for each second of sound."""
        return self.took / self.seconds


@dataclass(frozen=True)
class Result:
    """Of all files, each heard so many times, in turn."""

    heard: tuple[Heard, ...]
    speed: float
    """Seconds of sound a second: the median over the rounds."""
    real_time_factor: float
    """Its inverse."""
    cores: float | None
    """Of processor time, each second."""
    wer: float | None
    """Of the last round; None where it is not known what was said."""


def read(path: Path) -> File:
    """As it is. Raises BadAudio, BadOption."""
    try:
        data = path.read_bytes()
        samples = sum(map(len, read_file(path)))
    except OSError as error:
        raise BadOption("files", f"cannot read {path}: {error.strerror}") from error
    if not samples:
        raise BadAudio(f"{path}: expected sound, got none")
    return File(path.name, samples / SAMPLE_RATE, data)


def build(bank: Bank, talk: Talk, seed: int, numbers: int) -> list[File]:
    """Long files of clips, as clients would speak them; of `talk` the length and the habits."""
    whole = replace(talk, warm_up=0.0)
    tracks = [plan(bank.spoken, whole, seed, number) for number in range(numbers)]
    return [
        File(
            f"{track.client}.wav",
            track.length / SAMPLE_RATE,
            wav(long_file(bank, track.utterances, track.length)),
            _text(track.utterances),
        )
        for track in tracks
    ]


def _text(utterances: Sequence[Utterance]) -> str:
    return " ".join(utterance.text for utterance in utterances)


class Ear(Protocol):
    """What hears files."""

    def usage(self) -> Usage | None:
        """What it uses; None: that is not known."""
        ...

    def hear(self, file: File) -> tuple[str, float]:
        """Text, and the seconds that it took. Raises ServerError."""
        ...


@dataclass(frozen=True)
class Door:
    """A server's own door for files, timed from the first byte sent to the last received."""

    server: Server
    clock: Clock
    fields: Mapping[str, str]

    def usage(self) -> Usage | None:
        """What it uses; None: its process is not known."""
        return self.server.usage()

    def hear(self, file: File) -> tuple[str, float]:
        """Text, and seconds. Raises ServerError."""
        began = self.clock.monotonic()
        text = transcribe(self.server.address, file.data, self.fields)
        return text, self.clock.monotonic() - began


def measure(ear: Ear, files: Sequence[File], rounds: int, tell: Callable[[str], None]) -> Result:
    """Every file in each round, one after the other. Raises ServerError."""
    heard: list[list[Heard]] = []
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds}")
        heard.append([hear(ear, file) for file in files])
    return add_up(heard)


def add_up(heard: Sequence[Sequence[Heard]]) -> Result:
    """All rounds; at least one."""
    speeds = [sum(one.seconds for one in r) / sum(one.took for one in r) for r in heard]
    every = [one for r in heard for one in r]
    used = [one.cpu for one in every if one.cpu is not None]
    scores = [one.score for one in heard[-1] if one.score is not None]
    speed = statistics.median(speeds)
    return Result(
        tuple(every),
        speed,
        1 / speed,
        sum(used) / sum(one.took for one in every) if len(used) == len(every) else None,
        reduce(add, scores, Score()).wer,
    )


def hear(ear: Ear, file: File) -> Heard:
    """One file, once. Raises ServerError."""
    before = ear.usage()
    text, took = ear.hear(file)
    after = ear.usage()
    return Heard(
        file.name,
        file.seconds,
        took,
        None if before is None or after is None else after.cpu - before.cpu,
        text,
        None if file.text is None else score(file.text, text),
    )
