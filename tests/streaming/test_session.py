from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.chunk import MelChunk
from sotto.interfaces.engine import Traits
from sotto.streaming.options import SessionOptions
from sotto.streaming.policies import AlignAtt, Chunked, LocalAgreement, Policy
from sotto.streaming.segmenter import SegmenterOptions
from sotto.streaming.session import Session
from sotto.testing.driving import SlowDriver, cut, drive
from sotto.testing.engines import VOCABULARY, OracleEngine, speak
from sotto.transcript.events import Committed, Final, Partial, SpeechEnded
from sotto.transcript.options import AudioContext, DecodeOptions
from tests.streaming.scripts import Script, check_promises, heard, play_slowly, scripts, texts

POLICIES = st.sampled_from([AlignAtt(), AlignAtt(guard=100), LocalAgreement(), Chunked(300, 50)])


def options(policy: Policy | None = None, **more: object) -> SessionOptions:
    segmenter = SegmenterOptions(max_utterance=more.pop("max_utterance", 2800))  # type: ignore[arg-type]
    return SessionOptions(policy=policy or AlignAtt(), segmenter=segmenter, **more)  # type: ignore[arg-type]


@given(scripts(), POLICIES)
def test_every_word_comes_out_once(script: tuple[Script, int], policy: Policy) -> None:
    words, length = script
    session = Session(Traits(audio_context=AudioContext.EXACT), options(policy))
    events = drive(session, OracleEngine(), [speak(words, length)])
    check_promises(events)
    assert session.is_done
    assert texts(heard(events)) == [word for word, _, _ in words]


@given(scripts(), POLICIES, st.lists(st.integers(1, 90), max_size=60))
def test_cutting_the_sound_differently_changes_nothing(
    script: tuple[Script, int], policy: Policy, lengths: list[int]
) -> None:
    words, length = script
    traits, sound = Traits(audio_context=AudioContext.EXACT), speak(words, length)
    whole = drive(Session(traits, options(policy)), OracleEngine(), [sound])
    pieces = drive(Session(traits, options(policy)), OracleEngine(), cut(sound, lengths))
    assert whole == pieces


@given(scripts(), POLICIES, st.data())
def test_a_slow_engine_loses_and_changes_nothing(
    script: tuple[Script, int], policy: Policy, data: st.DataObject
) -> None:
    words, length = script
    session = Session(Traits(audio_context=AudioContext.EXACT), options(policy))
    events = play_slowly(session, OracleEngine(), speak(words, length), 30, data)
    assert texts(heard(events)) == [word for word, _, _ in words]


@given(scripts(), st.sampled_from(AudioContext), st.booleans())
def test_a_file_gives_the_words_of_the_stream(
    script: tuple[Script, int], context: AudioContext, last_first: bool
) -> None:
    words, length = script
    traits = Traits(audio_context=context, second_look=False)
    stream = drive(Session(traits, options()), OracleEngine(traits), [speak(words, length)])
    session = Session(traits, options(partials=False, use_context=False, lookahead=4))
    driver = SlowDriver(session, OracleEngine(traits))
    driver.act(session.receive(speak(words, length)))
    driver.act(session.finish())
    while not driver.is_idle:
        driver.answer(last=last_first)
    assert session.is_done
    check_promises(driver.events)
    assert [e for e in driver.events if isinstance(e, Partial)] == []
    assert [(w.text, w.start, w.end) for w in heard(driver.events)] == [
        (w.text, w.start, w.end) for w in heard(stream)
    ]


@settings(max_examples=25)
@given(st.integers(1, 30), st.sampled_from([10, 25]), st.booleans())
def test_long_speech_is_cut_without_losing_a_word(count: int, gap: int, file: bool) -> None:
    words = [(VOCABULARY[i % 26], i * (40 + gap), i * (40 + gap) + 40) for i in range(count)]
    traits = Traits(audio_context=AudioContext.EXACT)
    lookahead = 4 if file else 1
    session = Session(traits, options(max_utterance=400, partials=not file, lookahead=lookahead))
    events = drive(session, OracleEngine(), [speak(words, count * (40 + gap) + 80)])
    check_promises(events)
    assert texts(heard(events)) == [word for word, _, _ in words]


@settings(max_examples=50)
@given(st.integers(1, 30), st.sampled_from([10, 25]), POLICIES, st.data())
def test_long_speech_is_cut_right_by_a_slow_engine_too(
    count: int, gap: int, policy: Policy, data: st.DataObject
) -> None:
    each = 40 + gap
    words = [(VOCABULARY[i % 26], i * each, i * each + 40) for i in range(count)]
    session = Session(Traits(audio_context=AudioContext.EXACT), options(policy, max_utterance=400))
    events = play_slowly(session, OracleEngine(), speak(words, count * each + 80), 20, data)
    assert texts(heard(events)) == [word for word, _, _ in words]


@pytest.mark.parametrize("file", [False, True])
def test_an_utterance_is_no_longer_than_the_checkpoint_was_trained_on(*, file: bool) -> None:
    words = [(VOCABULARY[i], i * 50, i * 50 + 40) for i in range(20)]
    traits = Traits(audio_context=AudioContext.EXACT, longest=400)
    session = Session(traits, options(partials=not file, lookahead=4 if file else 1))
    events = drive(session, OracleEngine(traits), [speak(words, 1_000)])
    finals = [event.segment for event in events if isinstance(event, Final)]
    assert all(segment.end - segment.start <= 400 for segment in finals)
    assert texts(heard(events)) == [word for word, _, _ in words]


def test_a_late_partial_does_not_commit_what_was_cut_off_meanwhile() -> None:
    words = [(VOCABULARY[i], i * 50, i * 50 + 40) for i in range(10)]
    sound = speak(words, 600)
    session = Session(Traits(audio_context=AudioContext.EXACT), options(max_utterance=400))
    driver = SlowDriver(session, OracleEngine())
    for chunk in cut(sound.between(0, 340), [10] * 33):
        driver.act(session.receive(chunk))
        driver.answer()
    driver.act(session.receive(sound.between(340, 360)))
    driver.begin()  # its window reaches past the place where the utterance is about to be cut
    driver.act(session.receive(sound.between(360, 600)))
    driver.act(session.finish())
    while not driver.is_idle:
        driver.answer()
    check_promises(driver.events)
    assert len([e for e in driver.events if isinstance(e, Final)]) == 2
    assert texts(heard(driver.events)) == [word for word, _, _ in words]


def test_while_a_decode_runs_no_other_is_offered_again_and_again() -> None:
    sound = speak([(VOCABULARY[i], i * 50, i * 50 + 40) for i in range(8)], 400)
    session = Session(Traits(audio_context=AudioContext.EXACT), options())
    driver = SlowDriver(session, OracleEngine())
    driver.act(session.receive(sound.between(0, 30)))
    driver.begin()
    driver.act(session.receive(sound.between(30, 90)))
    assert driver.refused == 1
    driver.answer()
    assert not driver.is_idle  # what was refused is asked for as soon as it can be
    driver.begin()
    driver.act(session.receive(sound.between(90, 400)))
    assert driver.refused == 2


def test_silence_gives_no_events() -> None:
    silence = MelChunk(0, np.zeros((6_000, 80), np.float32), np.zeros(6_000, np.float32))
    engine = OracleEngine()
    assert drive(Session(Traits(), options()), engine, [silence]) == []
    assert engine.batches == []


def test_a_word_is_committed_while_speech_goes_on() -> None:
    words = [(VOCABULARY[i], i * 50, i * 50 + 40) for i in range(10)]
    session = Session(Traits(audio_context=AudioContext.EXACT), options())
    events = drive(session, OracleEngine(), [speak(words, 700)])
    kinds = [type(event) for event in events]
    assert kinds.index(Committed) < kinds.index(SpeechEnded)
    committed = next(e for e in events if isinstance(e, Committed))
    assert committed.words[0].text == " alpha"


def test_only_the_unstable_tail_is_decoded_again() -> None:
    words = [(VOCABULARY[i], i * 50, i * 50 + 40) for i in range(10)]
    engine = OracleEngine()
    drive(Session(Traits(audio_context=AudioContext.EXACT), options()), engine, [speak(words, 700)])
    prefixes = [len(job.prefix) for batch in engine.batches for job in batch]
    assert prefixes == sorted(prefixes)
    assert prefixes[-1] >= 8


def test_the_chunked_policy_moves_its_window_on() -> None:
    words = [(VOCABULARY[i], i * 50, i * 50 + 40) for i in range(20)]
    engine = OracleEngine()
    policy = Chunked(300, 50)
    session = Session(Traits(audio_context=AudioContext.EXACT), options(policy))
    drive(session, engine, [speak(words, 1200)])
    jobs = list(chain.from_iterable(engine.batches))
    assert max(len(job.mel) for job in jobs) <= 320
    assert all(job.prefix == () for job in jobs)
    assert jobs[1].context.split()[:3] == ["alpha", "bravo", "charlie"]


def test_what_was_said_before_helps_unless_it_shall_not() -> None:
    words = [("alpha", 0, 40), ("bravo", 200, 240)]
    for use_context, expected in ((True, " alpha"), (False, "")):
        engine = OracleEngine()
        session = Session(Traits(), options(use_context=use_context))
        drive(session, engine, [speak(words, 400)])
        assert engine.batches[-1][0].context == expected


def test_a_suspicious_short_look_is_followed_by_a_full_one() -> None:
    traits = Traits(audio_context=AudioContext.MARGIN, second_look=True)
    sound = speak([(VOCABULARY[i], i * 50, i * 50 + 40) for i in range(8)], 500)
    for i in range(8):
        sound.mel[i * 50 + 20 : i * 50 + 40] = 0  # the oracle hears fragments: low probability
    engine = OracleEngine(traits)
    drive(Session(traits, options(partials=False)), engine, [sound])
    contexts = [job.audio_context for batch in engine.batches for job in batch]
    assert contexts == [None, AudioContext.FULL]


def test_a_language_that_is_sure_holds_for_its_utterance() -> None:
    traits = Traits(audio_context=AudioContext.EXACT, languages=("en", "de"))
    words = [("alpha", 0, 60), ("bravo", 70, 120), ("kilo", 130, 180)]
    engine = OracleEngine(traits)
    events = drive(Session(traits, options()), engine, [speak(words, 400, language="de")])
    assert [e.segment.language for e in events if isinstance(e, Final)] == ["de"]
    languages = [job.language for batch in engine.batches for job in batch]
    assert languages[0] is None
    assert set(languages[1:]) == {"de"}


def test_a_given_language_is_not_detected() -> None:
    engine = OracleEngine()
    decode = DecodeOptions(language="en")
    drive(Session(Traits(), options(decode=decode)), engine, [speak([("alpha", 0, 60)], 300)])
    assert {job.language for batch in engine.batches for job in batch} == {"en"}


def test_flush_ends_the_utterance_and_the_stream_goes_on() -> None:
    session = Session(Traits(audio_context=AudioContext.EXACT), options())
    sound = speak([("alpha", 0, 60), ("bravo", 100, 160)], 300)
    driver = SlowDriver(session, OracleEngine())
    driver.act(session.receive(sound.between(0, 70)))
    driver.act(session.flush())
    while not driver.is_idle:
        driver.answer()
    assert texts(heard(driver.events)) == ["alpha"]
    driver.act(session.receive(sound.between(70, 300)))
    driver.act(session.finish())
    while not driver.is_idle:
        driver.answer()
    assert texts(heard(driver.events)) == ["alpha", "bravo"]


@pytest.mark.parametrize("lookahead", [1, 8])
def test_memory_is_bounded_over_hours(lookahead: int) -> None:
    traits = Traits(audio_context=AudioContext.EXACT)
    session = Session(traits, options(partials=False, lookahead=lookahead))
    engine, minute = OracleEngine(), speak([("alpha", 100, 160), ("bravo", 3000, 3060)], 6000)
    for number in range(60):
        chunk = MelChunk(number * 6000, minute.mel, minute.speech)
        for action in session.receive(chunk):
            if hasattr(action, "job"):
                session.receive_result(engine.decode([action.job])[0])
        engine.batches.clear()
    assert len(session._buffer) < 6000 + 200
    assert not session.is_full
