"""Looks that the decoder ends where no word is committed yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.chunk import MelChunk
from sotto.interfaces.engine import DecodeJob, Engine, HeardWord, Hypothesis, Priority, Traits
from sotto.streaming.options import SessionOptions
from sotto.streaming.policies import CADENCE, AlignAtt, Chunked, LocalAgreement, Policy
from sotto.streaming.segmenter import SegmenterOptions
from sotto.streaming.session import Session
from sotto.testing.driving import SlowDriver, cut, drive
from sotto.testing.engines import VOCABULARY, WHOLE, OracleEngine, speak
from sotto.transcript.events import Committed, Event, Partial
from sotto.transcript.options import AudioContext
from tests.streaming.scripts import Script, check_promises, heard, play_slowly, scripts, texts

EXACT = Traits(audio_context=AudioContext.EXACT)
ALIGNATT = st.sampled_from([AlignAtt(), AlignAtt(guard=100), AlignAtt(50, 0.99, 400)])
LONG = [(VOCABULARY[i % 26], i * 50, i * 50 + 40) for i in range(20)]
ROOM = st.sampled_from([400, 2800])
"""Frames of the longest utterance."""


class Doubting(OracleEngine):
    """Is not sure of every other word that it knows."""

    def __init__(self, probability: float, *, stops: bool) -> None:
        super().__init__(EXACT, stops=stops)
        self._probability = probability

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        heard = super().decode(jobs)
        return [replace(one, words=tuple(map(self._doubt, one.words))) for one in heard]

    def _doubt(self, one: HeardWord) -> HeardWord:
        if one.word.probability < WHOLE or one.tokens[0] % 2:
            return one
        return replace(one, word=replace(one.word, probability=self._probability))


def early(policy: Policy | None = None, *, whole: bool = False, longest: int = 2800) -> Session:
    options = SessionOptions(
        policy=policy or AlignAtt(),
        segmenter=SegmenterOptions(max_utterance=longest),
        whole_partials=whole,
    )
    return Session(EXACT, options)


def lasting(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Partial)]


def jobs(engine: OracleEngine) -> list[DecodeJob]:
    return list(chain.from_iterable(engine.batches))


@given(scripts(), ALIGNATT, ROOM, st.lists(st.integers(1, 90), max_size=60), st.booleans())
def test_all_but_the_partials_stays_as_it_is(
    script: tuple[Script, int], policy: Policy, longest: int, lengths: list[int], stops: bool
) -> None:
    words, length = script
    sound = speak(words, length)
    usual = drive(early(policy, whole=True, longest=longest), OracleEngine(), [sound])
    engine = OracleEngine(stops=stops)
    events = drive(early(policy, longest=longest), engine, cut(sound, lengths))
    check_promises(events)
    assert lasting(events) == lasting(usual)


@settings(max_examples=50)
@given(scripts(), ALIGNATT, ROOM, st.data())
def test_a_slow_engine_loses_and_changes_no_word(
    script: tuple[Script, int], policy: Policy, longest: int, data: st.DataObject
) -> None:
    words, length = script
    engine = OracleEngine(stops=True)
    session = early(policy, longest=longest)
    events = play_slowly(session, engine, speak(words, length), 30, data)
    assert texts(heard(events)) == [word for word, _, _ in words]


def commits(session: Session, engine: Engine, sound: MelChunk) -> list[tuple[str, int]]:
    """Each word, and how many frames had come when it was committed."""
    driver, found = SlowDriver(session, engine), []

    def answer() -> None:
        while not driver.is_idle:
            driver.answer()
        new = texts(heard(driver.events))[len(found) :]
        found.extend((word, session.frame) for word in new)

    for chunk in cut(sound, [4] * (len(sound) // 4)):
        driver.act(session.receive(chunk))
        answer()
    driver.act(session.finish())
    answer()
    return found


@settings(max_examples=60)
@given(scripts(), ALIGNATT, st.sampled_from([0.5, 0.85, 0.94]))
def test_a_word_that_must_be_seen_twice_may_wait_for_another_look(
    script: tuple[Script, int], policy: AlignAtt, probability: float
) -> None:
    sound = speak(*script)
    usual = commits(early(policy, whole=True), Doubting(probability, stops=False), sound)
    found = commits(early(policy), Doubting(probability, stops=True), sound)
    assert [word for word, _ in found] == [word for word, _ in usual]
    for (_, late), (_, before) in zip(found, usual, strict=True):
        # Where its guard is longer by a look or more, it was in the look before in any case.
        longer = policy.guard_of(probability) - policy.guard >= CADENCE
        assert late == before if longer else late >= before


def test_only_the_words_that_are_not_sure_do() -> None:
    sound = speak(LONG, 1_100)
    usual = commits(early(whole=True), Doubting(0.6, stops=False), sound)
    found = commits(early(), Doubting(0.6, stops=True), sound)
    waits = [late - before for (_, late), (_, before) in zip(found, usual, strict=True)]
    assert waits[:18] == [0, CADENCE] * 9
    assert waits[18:] == [0, 0]  # heard in a pause, whose look is to the end


@given(scripts(), ALIGNATT)
def test_what_is_shown_does_not_vanish(script: tuple[Script, int], policy: Policy) -> None:
    shown: dict[int, list[str]] = {}
    settled: dict[int, list[str]] = {}
    for event in drive(early(policy), Doubting(0.6, stops=True), [speak(*script)]):
        if isinstance(event, Committed):
            settled.setdefault(event.utterance, []).extend(texts(list(event.words)))
        if isinstance(event, Partial):
            now = settled.get(event.utterance, []) + texts(list(event.words))
            before = shown.get(event.utterance, [])
            assert [word[: len(old)] for word, old in zip(now, before, strict=False)] == before
            shown[event.utterance] = now


@given(scripts(), ALIGNATT)
def test_finals_and_looks_in_pauses_are_to_the_end(
    script: tuple[Script, int], policy: AlignAtt
) -> None:
    engine = OracleEngine(stops=True)
    sound = speak(*script)
    driver = SlowDriver(early(policy), engine)
    for chunk in cut(sound, [1] * len(sound)):
        driver.act(driver.session.receive(chunk))
        driver.answer()
    driver.act(driver.session.finish())
    driver.answer()
    for job in jobs(engine):
        silent = len(job.mel) - (np.flatnonzero(job.mel[:, 0])[-1] + 1)
        if job.stop_at is None:
            assert job.priority is Priority.FINAL or silent >= SegmenterOptions().post_roll
        else:
            assert job.priority is Priority.PARTIAL
            assert max(len(job.mel) - policy.guard, 0) <= job.stop_at < len(job.mel)


def test_an_open_look_ends_where_the_guard_begins() -> None:
    engine = OracleEngine(stops=True)
    drive(early(), engine, [speak(LONG, 1_100)])
    stops = [(len(job.mel), job.stop_at) for job in jobs(engine)]
    assert stops[:-1] == [(length, max(length - 60, 0)) for length, _ in stops[:-1]]
    assert stops[-1][1] is None  # in the pause: this became the final
    assert {job.priority for job in jobs(engine)} == {Priority.PARTIAL}


@pytest.mark.parametrize("policy", [AlignAtt(), LocalAgreement(), Chunked(300, 50)])
def test_nobody_stops_unless_asked_and_never_where_all_words_count(policy: Policy) -> None:
    for session in (early(policy, whole=True), early(policy)):
        engine = OracleEngine(stops=True)
        drive(session, engine, [speak(LONG, 1_100)])
        asked = isinstance(policy, AlignAtt) and not session._options.whole_partials
        assert any(job.stop_at is not None for job in jobs(engine)) == asked


def test_files_are_heard_to_the_end() -> None:
    options = SessionOptions(partials=False, lookahead=4, whole_partials=False)
    engine = OracleEngine(stops=True)
    events = drive(Session(EXACT, options), engine, [speak(LONG, 1_100)])
    assert [job.stop_at for job in jobs(engine)] == [None]
    assert texts(heard(events)) == [word for word, _, _ in LONG]


class Faint(OracleEngine):
    """Hears no speech, unless it is given the full context."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        return [
            one
            if one.audio_context is AudioContext.FULL
            else replace(one, avg_logprob=-2.0, no_speech_prob=0.9)
            for one in super().decode(jobs)
        ]


def test_a_second_look_is_to_the_end_and_not_for_half_a_word() -> None:
    engine = Faint(Traits(audio_context=AudioContext.MARGIN), stops=True)
    session = Session(engine.traits, SessionOptions(whole_partials=False))
    events = drive(session, engine, [speak(LONG, 1_100)])
    assert texts(heard(events)) == [word for word, _, _ in LONG]
    looks = jobs(engine)
    for first, second in pairwise(looks):
        if second.audio_context is AudioContext.FULL:
            assert second.stop_at is None
            assert second.mel is first.mel
    again = [job.mel for job in looks if job.audio_context is AudioContext.FULL]
    assert 0 < len(again) < len(looks) / 2
    lone = looks[0]  # ends in its first word, of which nothing could be committed
    assert lone.stop_at == 0
    assert all(mel is not lone.mel for mel in again)


class Hasty(OracleEngine):
    """Says of no window that it heard all of it."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        return [replace(one, is_whole=False) for one in super().decode(jobs)]


def test_what_is_not_whole_becomes_no_final_of_itself() -> None:
    engine = Hasty(EXACT)
    events = drive(early(), engine, [speak(LONG, 1_100)])
    assert jobs(engine)[-1].priority is Priority.FINAL
    assert texts(heard(events)) == [word for word, _, _ in LONG]
