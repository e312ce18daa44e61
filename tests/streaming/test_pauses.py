"""The look in a pause: what was heard in it is the final, if the pause goes on."""

from __future__ import annotations

from sotto.interfaces.engine import Priority, Traits
from sotto.streaming.options import SessionOptions
from sotto.streaming.policies import AlignAtt, Chunked, LocalAgreement, Policy
from sotto.streaming.session import Session
from sotto.testing.driving import SlowDriver, cut, drive
from sotto.testing.engines import OracleEngine, speak
from sotto.transcript.events import Committed, Final
from sotto.transcript.options import AudioContext

EXACT = Traits(audio_context=AudioContext.EXACT)
ONE = [("alpha", 50, 90)]
TWO = [("alpha", 50, 90), ("bravo", 137, 170)]
"""The second after a pause that is long enough for a look, and too short for an end."""


def session(policy: Policy | None = None) -> Session:
    return Session(EXACT, SessionOptions(policy=policy or AlignAtt()))


def priorities(engine: OracleEngine) -> list[Priority]:
    return [job.priority for batch in engine.batches for job in batch]


def test_nothing_is_left_to_decode_when_the_utterance_ends() -> None:
    engine = OracleEngine()
    events = drive(session(), engine, [speak(ONE, 300)])
    assert Priority.FINAL not in priorities(engine)
    (final,) = [event for event in events if isinstance(event, Final)]
    assert final.segment.text.strip() == "alpha"


def test_the_look_is_at_the_very_window_of_a_file() -> None:
    live, whole = OracleEngine(), OracleEngine()
    drive(session(), live, [speak(ONE, 300)])
    drive(Session(EXACT, SessionOptions(partials=False)), whole, [speak(ONE, 300)])
    (file,) = whole.batches
    assert (live.batches[-1][0].mel == file[0].mel).all()


def test_a_sure_word_is_committed_in_the_pause_and_not_at_its_end() -> None:
    driver = SlowDriver(session(), OracleEngine())
    for chunk in cut(speak(ONE, 300), [5] * 26):
        if chunk.start < 130:
            driver.act(driver.session.receive(chunk))
            driver.answer()
    assert driver.session.is_speaking
    committed = [event for event in driver.events if isinstance(event, Committed)]
    assert [word.text.strip() for event in committed for word in event.words] == ["alpha"]


def test_speech_after_the_look_is_heard_as_ever() -> None:
    for policy in (AlignAtt(), AlignAtt(guard=200), LocalAgreement(), Chunked(300, 50)):
        events = drive(session(policy), OracleEngine(), [speak(TWO, 400)])
        words = [w.text.strip() for e in events if isinstance(e, Committed) for w in e.words]
        assert words == ["alpha", "bravo"], policy


def test_a_look_that_comes_back_after_the_end_is_the_final() -> None:
    engine = OracleEngine()
    driver = SlowDriver(session(), engine)
    sound = speak(ONE, 300)
    driver.act(driver.session.receive(sound.between(0, 128)))
    driver.begin()
    driver.act(driver.session.receive(sound.between(128, 300)))
    driver.act(driver.session.finish())
    while not driver.is_idle:
        driver.answer()
    assert Priority.FINAL not in priorities(engine)
    assert [e.segment.text.strip() for e in driver.events if isinstance(e, Final)] == ["alpha"]


def test_windows_that_slide_have_no_look() -> None:
    engine = OracleEngine()
    drive(session(Chunked(300, 50)), engine, [speak(ONE, 300)])
    assert priorities(engine) == [Priority.FINAL]
