"""What was measured of a server under streams: figures that ship, and a user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sotto.bench.results import Json, read
from sotto.errors import BadOption

Streams = Annotated[int, Field(ge=1, le=1_000_000)]
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0, le=2**50)]


@dataclass(frozen=True)
class Lag:
    """Seconds from the end of a word to its commit, of words that were heard right."""

    p50: Amount
    p95: Amount
    p99: Amount


@dataclass(frozen=True)
class Step:
    """What so many streams at once came to."""

    streams: Streams
    lag: Lag
    seconds: Annotated[float, Field(gt=0, le=1e7)]
    """For which the server was watched; what follows is of this time."""
    cores: Amount
    """Of processor time, each second."""
    rss: Bytes
    """At the most."""
    batches: Amount
    jobs: Amount
    """That the engine did."""
    withdrawn: Amount
    """Jobs whose place a newer one took."""
    decode_seconds: Amount
    """In which the engine worked."""
    utterances: Amount
    """That were counted; about those that ended."""
    sound: bool = True
    """Whether the generator kept its time and no stream ended early; else it says nothing."""


@dataclass(frozen=True)
class Measured:
    """One model on one machine."""

    model: str
    device: str
    """`cpu`, or what the result calls it."""
    made_up: bool
    """A checkpoint of the model's shape that says made-up words: its lags are blurred by half a
    second or so."""
    talk: Annotated[float, Field(gt=0, le=1)]
    """Share of the time in which a client speaks."""
    date: str
    machine: str
    cores: Annotated[int, Field(ge=1, le=100_000)]
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=1000)]
    """Fewest streams first."""

    def borne(self, bound: float) -> Step | None:
        """The most streams with a p95 lag within so many seconds; None: not even the fewest."""
        within = [step for step in self.steps if step.sound and step.lag.p95 <= bound]
        return max(within, key=lambda step: step.streams, default=None)

    @property
    def memory(self) -> tuple[float, float]:
        """Bytes of a server without streams, and of each stream: a line through the steps.

        With one step alone, all is the server's.
        """
        points = [(step.streams, step.rss) for step in self.steps]
        count = len(points)
        mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
        spread = sum((x - mean_x) ** 2 for x, _ in points)
        slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
        each = max(slope, 0.0)
        return max(mean_y - each * mean_x, 0.0), each


@dataclass(frozen=True)
class Stream:
    """What one stream costs before the engine."""

    core: Amount
    """Seconds of a core, each second, to receive and resample it, find speech, and make mel."""
    source: str


@dataclass(frozen=True)
class Shipped:
    """All that lies in measured.json."""

    stream: Stream
    records: tuple[Measured, ...]


@cache
def shipped() -> Shipped:
    """The figures of docs/benchmarks.md."""
    text = (resources.files("sotto.bench.plan") / "measured.json").read_text(encoding="utf-8")
    return TypeAdapter(Shipped).validate_json(text)


def find(model: str, device: str, records: Sequence[Measured]) -> Measured | None:
    """The one of that model and device."""
    return next((one for one in records if (one.model, one.device) == (model, device)), None)


def from_file(path: Path) -> Measured:
    """A user's own result of `sotto bench streams`. Raises BadOption."""
    return condense(read(path))


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Result(_Part):
    lag: Lag | None = None
    claimed_lag: Lag | None = None
    utterances: int = 0
    failures: list[str] = []


class _Work(_Part):
    batches: Amount
    jobs: dict[str, Amount]
    decode_seconds: Amount


class _Load(_Part):
    seconds: Amount
    cores: Amount | None = None
    rss_most: Bytes | None = None
    work: _Work | None = None


class _Step(_Part):
    clients: Streams
    result: _Result
    load: _Load
    why: list[str] = []

    def condensed(self) -> Step | None:
        """None where it lacks what a plan is made of."""
        lag, load, work = self.result.lag or self.result.claimed_lag, self.load, self.load.work
        if lag is None or work is None or load.cores is None or load.rss_most is None:
            return None
        return Step(
            streams=self.clients,
            lag=lag,
            seconds=load.seconds,
            cores=load.cores,
            rss=load.rss_most,
            batches=work.batches,
            jobs=sum(n for key, n in work.jobs.items() if key.endswith("done")),
            withdrawn=sum(n for key, n in work.jobs.items() if key.endswith("withdrawn")),
            decode_seconds=work.decode_seconds,
            utterances=self.result.utterances,
            sound=not self.result.failures and not any("bottleneck" in why for why in self.why),
        )


class _Machine(_Part):
    cores: int
    processor: str
    memory: Bytes | None = None


class _Talk(_Part):
    speech: float


class _Options(_Part):
    model: str | None = None
    settings: dict[str, str] = {}
    talk: _Talk
    rate: float | None = None


class _Document(_Part):
    kind: str
    date: str
    machine: _Machine
    options: _Options
    steps: Annotated[list[_Step], Field(max_length=1000)]


def condense(result: Json) -> Measured:
    """A result of `sotto bench streams`, as far as a plan needs it. Raises BadOption."""
    if result.get("kind") != "streams":
        raise BadOption("from", f"expected a result of kind streams, got {result.get('kind')!r}")
    try:
        document = _Document.model_validate(result)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadOption(
            "from", f"expected a result of streams, but {place}: {first['msg']}"
        ) from None
    steps = [one for step in document.steps if (one := step.condensed()) is not None]
    if not steps:
        raise BadOption("from", "expected steps with the server's own figures, got none")
    options, machine = document.options, document.machine
    memory = "" if machine.memory is None else f", {machine.memory / 1e9:.0f} GB"
    return Measured(
        model=options.model or "auto",
        device=options.settings.get("engine.device", "cpu"),
        made_up=options.rate is not None,
        talk=options.talk.speech,
        date=document.date[:10],
        machine=f"{machine.cores} cores of {machine.processor}{memory}",
        cores=machine.cores,
        steps=tuple(sorted(steps, key=lambda step: step.streams)),
    )
