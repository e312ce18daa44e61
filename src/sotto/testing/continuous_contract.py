"""What every ContinuousEngine must do beside what every Engine must, as tests for any of them.

In a test module:

    class TestMine(ContinuousContract):
        def engine(self) -> ContinuousEngine:
            return MINE  # loaded once, with 4 slots or more; the tests leave it as it was

        def sounds(self) -> list[Mel]:
            return [...]  # three windows or more, with two words or more in each
"""

# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import pytest

from sotto.audio.chunk import Mel
from sotto.errors import BadOption, Overloaded
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Hypothesis, Priority
from sotto.testing.engine_contract import assert_same, exact_job
from sotto.transcript.languages import LANGUAGES
from sotto.transcript.options import DecodeOptions

MOST_STEPS = 1_000
"""Of one job: more than any decoder has tokens."""


class Crowd:
    """The jobs that are in an engine, and what became of the others."""

    def __init__(self, engine: ContinuousEngine) -> None:
        self.engine = engine
        self.inside: list[DecodeJob] = []
        self.done: dict[DecodeJob, Hypothesis] = {}

    def join(self, job: DecodeJob) -> DecodeJob:
        self.engine.join(job)
        self.inside.append(job)
        return job

    def leave(self, job: DecodeJob) -> None:
        self.engine.leave(job)
        self.inside.remove(job)

    def step(self) -> None:
        for job, hypothesis in self.engine.step():
            assert hypothesis.job == job.id
            self.inside.remove(job)
            self.done[job] = hypothesis

    def fill(self, job: DecodeJob) -> None:
        """With copies of it, until there is no room."""
        for number in count(job.id):
            if not self.engine.takes(job.priority):
                return
            self.join(replace(job, id=number))

    def finish(self) -> None:
        """Step until nobody is in."""
        for _ in range(MOST_STEPS):
            if not self.inside:
                return
            self.step()
        pytest.fail(f"expected an empty engine after {MOST_STEPS} steps, got {len(self.inside)} in")


@contextmanager
def crowd(engine: ContinuousEngine) -> Iterator[Crowd]:
    """Empty before and after."""
    inside = Crowd(engine)
    try:
        yield inside
    finally:
        for job in tuple(inside.inside):
            inside.leave(job)


class ContinuousContract:
    """Subclass it and say what to test in `engine` and `sounds`."""

    def engine(self) -> ContinuousEngine:
        """The engine under test."""
        raise NotImplementedError("expected a subclass with an engine, got the contract itself")

    def sounds(self) -> list[Mel]:
        """Three windows or more of different lengths, with two words or more in each."""
        raise NotImplementedError("expected a subclass with sounds, got the contract itself")

    def jobs(self) -> list[DecodeJob]:
        """One of each sound, and some that ask for more; the first takes many steps."""
        sounds = sorted(self.sounds(), key=len, reverse=True)
        plain = [exact_job(number, mel) for number, mel in enumerate(sounds)]
        words = self.engine().decode([plain[0]])[0].words
        forced = replace(plain[0], id=len(plain), prefix=words[0].tokens)
        prompted = exact_job(len(plain) + 1, sounds[1], DecodeOptions(prompt="Names: Ada."))
        partial = replace(plain[1], id=len(plain) + 2, priority=Priority.PARTIAL)
        early = replace(plain[0], id=len(plain) + 3, stop_at=len(plain[0].mel) // 2)
        return [*plain, forced, prompted, early, partial]

    def test_who_joins_and_leaves_at_any_step_changes_nobody_elses_result(self) -> None:
        """One stays for as long as it takes; others come at each step, and some go again."""
        engine, jobs = self.engine(), self.jobs()
        alone = engine.decode(jobs)
        numbers = count(len(jobs))
        for stays, others in ((jobs[0], jobs[1:]), (jobs[-1], jobs[:-1])):
            with crowd(engine) as inside:
                first = inside.join(stays)
                came: list[tuple[DecodeJob, DecodeJob]] = []
                for turn in range(MOST_STEPS):
                    if first not in inside.inside:
                        break
                    if engine.takes(Priority.FINAL):
                        like = others[turn % len(others)]
                        came.append((inside.join(replace(like, id=next(numbers))), like))
                    if turn % 3 == 2 and len(inside.inside) > 2:
                        inside.leave(inside.inside[1 + turn % 2])
                    inside.step()
                inside.finish()
                assert_same(inside.done[first], alone[jobs.index(stays)])
                stayed = [(job, like) for job, like in came if job in inside.done]
                assert stayed
                for job, like in stayed:
                    assert_same(inside.done[job], replace(alone[jobs.index(like)], job=job.id))

    def test_a_job_that_joins_after_each_count_of_steps_hears_what_it_hears_alone(self) -> None:
        engine, (long, *_, short) = self.engine(), self.jobs()
        alone_long, alone_short = engine.decode([long, short])
        for steps in range(MOST_STEPS):
            with crowd(engine) as inside:
                inside.join(long)
                for _ in range(steps):
                    inside.step()
                if long not in inside.inside:
                    break
                inside.join(short)
                inside.finish()
                assert_same(inside.done[long], alone_long)
                assert_same(inside.done[short], alone_short)

    def test_a_job_that_leaves_after_each_count_of_steps_is_not_missed(self) -> None:
        engine, (goes, stays, *_) = self.engine(), self.jobs()
        alone = engine.decode([stays])[0]
        for steps in range(MOST_STEPS):
            with crowd(engine) as inside:
                inside.join(goes)
                for _ in range(steps):
                    inside.step()
                inside.join(stays)
                if goes not in inside.inside:
                    break
                inside.leave(goes)
                inside.finish()
                assert list(inside.done) == [stays]
                assert_same(inside.done[stays], alone)

    def test_the_same_job_gives_the_same_again(self) -> None:
        engine, job = self.engine(), self.jobs()[0]
        heard = []
        for _ in range(2):
            with crowd(engine) as inside:
                inside.join(job)
                inside.finish()
                heard.append(inside.done[job])
        assert_same(*heard)
        assert_same(heard[0], engine.decode([job])[0])

    def test_an_engine_that_is_full_refuses_until_one_is_done(self) -> None:
        engine, job = self.engine(), self.jobs()[-1]
        alone = engine.decode([job])[0]
        with crowd(engine) as inside:
            inside.fill(job)
            full = len(inside.inside)
            assert full >= 4, "expected an engine with 4 slots or more"
            with pytest.raises(Overloaded):
                engine.join(replace(job, id=-1))
            assert not engine.takes(Priority.PARTIAL)
            while len(inside.inside) == full:
                inside.step()
            late = inside.join(replace(job, id=-2))
            inside.finish()
            assert len(inside.done) == full + 1
            for other, hypothesis in inside.done.items():
                assert_same(hypothesis, replace(alone, job=other.id))
            assert late in inside.done

    @pytest.mark.parametrize("steps", [0, 1, 2])
    def test_who_leaves_frees_its_room_at_once(self, steps: int) -> None:
        engine, job = self.engine(), self.jobs()[0]
        with crowd(engine) as inside:
            inside.fill(job)
            for _ in range(steps):
                inside.step()
            inside.fill(replace(job, id=1_000))
            for place in (0, -1, len(inside.inside) // 2):
                assert not engine.takes(Priority.FINAL)
                inside.leave(inside.inside[place])
                assert engine.takes(Priority.FINAL)
                inside.join(replace(job, id=2_000 + place))

    def test_files_leave_room_for_live_speech(self) -> None:
        engine, job = self.engine(), self.jobs()[-1]
        alone = engine.decode([job])[0]
        with crowd(engine) as inside:
            inside.fill(replace(job, id=1_000, priority=Priority.FILE))
            with pytest.raises(Overloaded):
                engine.join(replace(job, priority=Priority.FILE))
            assert engine.takes(Priority.PARTIAL)
            assert engine.takes(Priority.FINAL)
            final = inside.join(replace(job, priority=Priority.FINAL))
            inside.finish()
            assert_same(inside.done[final], alone)

    def test_an_empty_engine_takes_anything(self) -> None:
        for priority in Priority:
            assert self.engine().takes(priority)

    def test_a_job_that_cannot_be_done_is_refused_alone(self) -> None:
        engine, job = self.engine(), self.jobs()[0]
        strangers = [code for code in LANGUAGES if code not in engine.traits.languages]
        alone = engine.decode([job])[0]
        with crowd(engine) as inside:
            inside.join(job)
            inside.step()
            for code in strangers[:1]:
                with pytest.raises(BadOption):
                    engine.join(replace(job, id=-1, language=code))
            inside.finish()
            assert_same(inside.done[job], alone)

    def test_nobody_in_is_no_error(self) -> None:
        engine, job = self.engine(), self.jobs()[0]
        assert engine.step() == []
        engine.leave(job)
        with crowd(engine) as inside:
            inside.join(job)
            inside.finish()
            engine.leave(job)
        assert engine.step() == []
