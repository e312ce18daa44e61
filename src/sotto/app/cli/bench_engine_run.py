"""What `sotto bench engine` does: each engine in a process of its own, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sotto.app.cli.bench_virtual import flags, models_of, serving, spread_over
from sotto.app.cli.local import settings_for
from sotto.app.engines import TORCH, load_engine
from sotto.app.evaluate import Wanted, read_sets
from sotto.app.setting_engine import BATCH
from sotto.app.settings import Settings
from sotto.bench.chaos.material import own_digits
from sotto.bench.clips import read_clips
from sotto.bench.engine.ceiling import Peaks
from sotto.bench.engine.findings import Borne, Findings
from sotto.bench.engine.process import Broken, apart
from sotto.bench.engine.subject import (
    HUGGING_FACE,
    Loaded,
    Plan,
    Subject,
    best_of,
    measure,
    measure_peaks,
)
from sotto.bench.streams.run import Choose, Tell, in_turn
from sotto.bench.streams.search import Search
from sotto.bench.streams.sound import Bank
from sotto.bench.streams.step import Step
from sotto.bench.streams.tables import line
from sotto.bench.virtual.doors import Spread
from sotto.bench.virtual.run import Trying, stream
from sotto.bench.virtual.step import Asked, Floor
from sotto.clock import SystemClock
from sotto.errors import ModelUnavailable
from sotto.interfaces.engine import Engine
from sotto.runtime.batcher import Batcher, Recognizer, Ticket
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool, ModelSpec
from sotto.runtime.schedule import Schedule

LOADING = 900.0
"""Seconds that a checkpoint may take until it is ready, recorded steps included."""
LONGER = 4
"""Times the seconds of all cases after which an engine is taken to hang."""
MOST_STEPS = 16
"""Of a search, for which there is time."""
IN_TIME = 0.32
"""Seconds between two looks at an open utterance: a batch should take no longer."""


@dataclass(frozen=True)
class Crowds:
    """Which virtual streams are tried; it is sent to another process."""

    data: tuple[Path, ...]
    """Empty: the digits that ship."""
    split: str | None
    limit: int | None
    language: str
    asked: Asked
    choose: Search | tuple[int, ...]
    settings: dict[str, str]
    config: Path | None
    processes: int = 0
    """That have the sessions; 0: the engine's own."""

    @property
    def following(self) -> Choose:
        """How many streams come next."""
        return in_turn(self.choose) if isinstance(self.choose, tuple) else self.choose.following

    @property
    def longest(self) -> float:
        """Seconds for all."""
        steps = len(self.choose) if isinstance(self.choose, tuple) else MOST_STEPS
        one = self.asked.talk.seconds + self.asked.patience
        return LOADING + (1 + steps) * 2 * one

    def sustained(self, steps: list[Step]) -> int | None:
        """The most that were borne; None where no search was made."""
        if isinstance(self.choose, tuple):
            return None
        return self.choose.best([(step.clients, step.borne) for step in steps])

    def bank(self) -> Bank:
        """What is said. Raises BadManifest, BadOption, BadAudio."""
        if not self.data:
            return Bank(own_digits())
        return Bank(read_clips(read_sets(self.data, Wanted(self.split, self.limit))))


@dataclass(frozen=True)
class Bench:
    """All that is measured."""

    subjects: tuple[Subject, ...]
    plan: Plan
    crowds: Crowds | None
    tell: Tell
    found: list[Findings] = field(default_factory=list)
    peaks: dict[str, Peaks] = field(default_factory=dict)

    def steps(self) -> Iterator[None]:
        """Whenever something more is known. Raises ModelUnavailable where there is no device."""
        for subject in self.subjects:
            findings = Findings(subject)
            self._windows(findings, self._best(subject))
            self.found.append(findings)
            yield
            if self.crowds is not None and findings.points:
                self._streams(findings, self.crowds)
                yield

    def _best(self, subject: Subject) -> Peaks:
        """Of the machine, in the numbers that the engine computes with."""
        dtype = subject.numbers.dtype
        if dtype not in self.peaks:
            self.tell(f"what the machine can do in {dtype}")
            task = partial(measure_peaks, subject.device, dtype, subject.threads)
            (found,) = apart(task, LOADING)
            if isinstance(found, Broken):
                raise ModelUnavailable(f"{subject.device}: {found.why}")
            self.peaks[dtype] = found
        return self.peaks[dtype]

    def _windows(self, findings: Findings, best: Peaks) -> None:
        subject, plan = findings.subject, self.plan
        name = f"{subject.model}, {subject.engine}"
        self.tell(f"{name}: loading it")
        longest = LOADING + LONGER * plan.seconds * len(plan.cases)
        for what in apart(partial(measure, load, subject, plan, best), longest):
            if isinstance(what, Broken):
                findings.broken = what.why
                continue
            findings.note(what)
            if not isinstance(what, Loaded):
                self.tell(f"{name}: {what.case}, {what.at_once} at once")

    def _streams(self, findings: Findings, crowds: Crowds) -> None:
        subject = findings.subject
        borne = findings.borne = Borne(_batch(findings))
        self.tell(f"{subject.model}, {subject.engine}: virtual streams")
        task = partial(bear, subject, crowds, borne.max_batch)
        for what in apart(task, crowds.longest):
            if isinstance(what, Broken):
                borne.broken = what.why
                continue
            borne.note(what)
            if isinstance(what, Step):
                self.tell(line(what))
        borne.sustained = crowds.sustained(borne.steps)


def _batch(findings: Findings) -> int:
    """Windows in a batch of an engine of batches: what suits looks, as `tune-machine` chooses."""
    if best_of(findings.points, "look") is None:
        return BATCH
    fitting = best_of(findings.points, "look", IN_TIME)
    return 1 if fitting is None else fitting.at_once


def load(subject: Subject) -> Engine:
    """Raises BadOption, ModelUnavailable."""
    if subject.engine == HUGGING_FACE:
        return _hugging_face(subject)
    return load_engine(settings_of(subject, {}, None), subject.folder)


def bear(
    subject: Subject, crowds: Crowds, max_batch: int, tell: Callable[[Floor | Step], None]
) -> None:
    """Virtual streams, in this process. Raises BadOption, and what stops a service."""
    asyncio.run(_bear(subject, crowds, max_batch, tell))


async def _bear(
    subject: Subject, crowds: Crowds, max_batch: int, tell: Callable[[Floor | Step], None]
) -> None:
    said = dict(crowds.settings)
    if subject.engine != TORCH:  # whose slots are as many as there is room for
        said = {"engine.max_batch": str(max_batch)} | said
    settings = settings_of(subject, said, crowds.config)
    metrics, spread = Metrics(), spread_over(settings, crowds.processes)
    if subject.engine == HUGGING_FACE:
        models = ModelPool[Recognizer](
            [ModelSpec(subject.model, 1)],
            lambda spec: _batcher(subject, settings, metrics, spread),
            SystemClock(),
        )
    else:
        models = models_of(settings, metrics, spread)
    async with serving(settings, models, metrics) as service:
        trying = Trying(crowds.following, _silently)
        found = stream(service, crowds.language, crowds.bank(), crowds.asked, trying, spread)
        async for what in found:
            tell(what)


def settings_of(subject: Subject, said: Mapping[str, str], config: Path | None) -> Settings:
    """Those with which a server would have the engine serve this checkpoint. Raises BadOption."""
    own = {
        "engine.device": subject.device,
        "engine.compute_type": subject.compute_type,
        "engine.threads": subject.threads,
    }
    if subject.engine != HUGGING_FACE:
        own["engine.kind"] = subject.engine
    return settings_for(flags(own | dict(said)), str(subject.folder), config)


def _batcher(
    subject: Subject, settings: Settings, metrics: Metrics, spread: Spread | None
) -> Batcher:
    engine = _hugging_face(subject)
    if spread is not None:
        engine = spread.beginnings.around(engine)
    schedule = Schedule[Ticket](
        max_batch=settings.engine.batch, limit=settings.engine.queue_limit, exact=False
    )
    return Batcher(subject.model, engine, schedule, SystemClock(), metrics)


def _hugging_face(subject: Subject) -> Engine:
    from sotto.bench.engine.hugging import HuggingFaceEngine

    return HuggingFaceEngine.load(
        subject.folder,
        device=subject.device,
        compute_type=subject.compute_type,
        threads=subject.threads,
        rate=subject.rate,
    )


def _silently(what: str) -> None:
    """Nobody watches that process."""
