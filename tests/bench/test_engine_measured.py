"""How engines are measured, on engines whose time is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from sotto.bench.engine.cases import CASES, Case, Jobs, hum, speech
from sotto.bench.engine.ceiling import Ceiling, Numbers, Peaks
from sotto.bench.engine.drive import run
from sotto.bench.engine.measure import Trial, windows
from sotto.bench.engine.memory import Used
from sotto.bench.engine.point import Point
from sotto.bench.engine.sizes import sizes_of
from sotto.bench.engine.subject import Loaded, Plan, Subject, best_of, measure
from sotto.bench.shapes.sizes import SHAPES
from sotto.errors import EngineFailed
from sotto.interfaces.engine import DecodeJob, HeardWord, Hypothesis, Traits
from sotto.plugins.engines.torch_whisper.engine import TorchEngine
from sotto.transcript.options import AudioContext, DecodeOptions
from sotto.transcript.words import Word

ENCODING, STEP = 0.5, 0.01
"""Seconds of a window, and of a token of all windows at once."""
PEAKS = Peaks(operations=1e11, bandwidth=1e10, launch=1e-6)


@dataclass
class Paced:
    """A clock that engines move."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def words_in(job: DecodeJob) -> int:
    """As a made-up checkpoint has it: one for each third of a second that is loud."""
    loud = job.mel.max(axis=1) > -5
    return round(loud.sum() / 100 * 3)


def heard(job: DecodeJob) -> Hypothesis:
    words = tuple(HeardWord(Word(" a", 0, 1, 1.0), (place,)) for place in range(words_in(job)))
    return Hypothesis(job.id, words, 0, "en", 1.0, 0.0, 0.0, AudioContext.EXACT)


@dataclass
class Batches:
    """Takes its time for each batch; breaks on one that is too large."""

    clock: Paced
    most: int = 1_000
    traits: Traits = field(default_factory=Traits)

    def decode(self, jobs):
        if len(jobs) > self.most:
            raise EngineFailed("no memory")
        found = [heard(job) for job in jobs]
        self.clock.now += ENCODING * len(jobs)
        self.clock.now += STEP * (1 + max(len(one.words) for one in found))
        return found

    def close(self) -> None:
        pass


@dataclass
class Joined(Batches):
    """The same, where windows join and leave at each step."""

    slots: int = 4
    inside: dict[DecodeJob, int] = field(default_factory=dict)
    new: int = 0

    def takes(self, priority):
        return len(self.inside) < self.slots

    def join(self, job):
        assert self.takes(job.priority)
        self.inside[job] = words_in(job) + 1
        self.new += 1

    def leave(self, job):
        self.inside.pop(job, None)

    def step(self):
        self.clock.now += ENCODING * self.new + STEP
        self.new = 0
        self.inside = {job: left - 1 for job, left in self.inside.items()}
        done = [job for job, left in self.inside.items() if left == 0]
        for job in done:
            del self.inside[job]
        return [(job, heard(job)) for job in done]


def trial(engine: Batches) -> Trial:
    jobs = Jobs(engine.traits, hum, DecodeOptions())
    ceiling = Ceiling(sizes_of(SHAPES["tiny"]), Numbers("float32", 4, 4))
    return Trial(engine, jobs, ceiling, PEAKS, engine.clock, lambda: Used(7), made_up=True)


def test_windows_say_as_many_words_as_the_case_has():
    jobs = Jobs(Traits(n_mels=128), hum, DecodeOptions())
    for case in CASES.values():
        made = jobs.of(case, windows(case, 1))
        assert [words_in(job) for job in made] == list(case.words)
        assert {job.mel.shape for job in made} == {(case.frames, 128)}


def test_real_speech_lasts_as_long_as_so_many_words():
    samples = speech(np.ones(1_600, np.float32))(304, 3)
    assert len(samples) == 304 * 160
    assert samples.sum() == 16_000


@pytest.mark.parametrize("kind", [Batches, Joined])
def test_steps_and_encoding_are_told_apart_from_outside(kind):
    look = CASES["look"]
    (one, *_) = trial(kind(Paced())).points(look, 1, 1_000.0)
    assert one.took == pytest.approx(ENCODING + STEP * (look.words[0] + 1))
    assert one.step == pytest.approx(STEP)
    assert one.encoder_share == pytest.approx((ENCODING + STEP) / one.took)
    assert (one.tokens, one.as_asked, one.memory) == (look.words[0] + 1, True, Used(7))
    assert one.windows_a_second == pytest.approx(1 / one.took)
    assert one.ratio == pytest.approx(one.least.seconds / one.took)
    assert one.bound == "overhead"  # such a machine would need a tenth of that


def test_more_at_once_until_they_bring_no_more():
    found = list(trial(Batches(Paced())).points(CASES["look"], 512, 1e6))
    # Nothing but the steps is shared: 0.6 s for one, 0.55 for each of two, 0.525 of four …
    assert [point.at_once for point in found] == [1, 2, 4, 8, 16]
    assert best_of(found, "look") == found[-1]
    assert best_of(found, "look", within=1.2) == found[1]
    assert best_of(found, "file") is None


def test_until_there_is_no_room():
    for small in (Batches(Paced(), most=2), Joined(Paced(), slots=2)):
        found = trial(small).points(CASES["look"], 512, 1e6)
        assert [point.at_once for point in found] == [1, 2]
    with pytest.raises(EngineFailed, match="no memory"):
        list(trial(Batches(Paced(), most=0)).points(CASES["look"], 512, 1e6))


def test_until_time_is_up():
    hurried = trial(Batches(Paced()))
    assert [point.at_once for point in hurried.points(CASES["look"], 512, 0.0)] == [1]


def test_others_enter_as_some_leave():
    case = Case("two", 304, (1, 9), "")
    jobs = Jobs(Traits(), hum, DecodeOptions()).of(case, 8)
    batches = run(Batches(Paced()), jobs, 4, Paced())
    engine = Joined(Paced())
    joined = run(engine, jobs, 4, engine.clock)
    assert batches.tokens == joined.tokens == (2, 10) * 4
    assert (batches.most, joined.most) == (4, 4)
    # The last one enters after the sixth step: not two times ten steps.
    assert joined.seconds == pytest.approx(8 * ENCODING + STEP * (6 + 10))


def test_kinds_of_numbers():
    def numbers(engine, device, kind):
        return Subject(engine, "m", None, device, kind, 0).numbers

    assert numbers("ctranslate2", "cpu", "default") == Numbers("int8", 1, 4)
    assert numbers("torch", "cpu", "default") == Numbers("float32", 4, 4)
    assert numbers("torch", "cuda", "default") == Numbers("float16", 2, 2)
    assert numbers("ctranslate2", "cuda", "int8_float16") == Numbers("int8", 1, 2)
    assert numbers("torch", "cuda", "bfloat16") == Numbers("bfloat16", 2, 2)


def test_a_real_engine_that_windows_join():
    found: list[Loaded | Point] = []
    folder = Path(str(resources.files("sotto") / "assets" / "nano"))
    subject = Subject("torch", "nano", folder, "cpu", "default", 1)
    measure(
        lambda one: TorchEngine.load(one.folder, device=one.device, threads=one.threads, slots=2),
        subject,
        Plan(("look",), 4, 0.2),
        PEAKS,
        found.append,
    )
    loaded, *points = found
    assert isinstance(loaded, Loaded)
    assert (loaded.slots, loaded.parameters) == (2, 3_997_440)
    assert (points[0].case, points[0].at_once) == ("look", 1)
    for point in points:
        assert point.at_once <= 2  # more do not fit
        assert point.took > 0 < point.least.seconds
        assert point.as_asked is None
        assert point.json()["windows_a_second"] == point.windows / point.took
