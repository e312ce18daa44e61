"""Sound whose words are drawn, played through a session, and what holds for every stream."""

from __future__ import annotations

from itertools import chain, pairwise

from hypothesis import strategies as st

from sotto.audio.chunk import MelChunk
from sotto.interfaces.engine import Engine
from sotto.streaming.session import Session
from sotto.testing.driving import SlowDriver, cut
from sotto.testing.engines import VOCABULARY
from sotto.transcript.events import Committed, Event, Final, SpeechEnded, SpeechStarted
from sotto.transcript.words import Word

Script = list[tuple[str, int, int]]


@st.composite
def scripts(draw: st.DrawFn) -> tuple[Script, int]:
    """Words of 15 to 60 frames, with gaps of 5 to 150 between them."""
    at, words = draw(st.integers(0, 100)), []
    for _ in range(draw(st.integers(0, 12))):
        length = draw(st.integers(15, 60))
        words.append((draw(st.sampled_from(VOCABULARY)), at, at + length))
        at += length + draw(st.sampled_from([5, 10, 20, 45, 70, 150]))
    return words, at + draw(st.integers(0, 200))


def heard(events: list[Event]) -> list[Word]:
    return list(chain.from_iterable(e.words for e in events if isinstance(e, Committed)))


def texts(words: list[Word]) -> list[str]:
    return [word.text.strip() for word in words]


def check_promises(events: list[Event]) -> None:
    """What holds for every stream: docs/protocol.md."""
    words: dict[int, list[Word]] = {}
    ended: list[int] = []
    finals: list[int] = []
    for event in events:
        match event:
            case SpeechStarted(utterance):
                words[utterance] = []
            case Committed(utterance, new):
                assert utterance not in finals
                words[utterance].extend(new)
            case SpeechEnded(utterance):
                ended.append(utterance)
            case Final(segment):
                assert segment.id in ended
                assert list(segment.words) == words[segment.id]
                finals.append(segment.id)
            case _:
                pass
    assert finals == sorted(words) == ended
    spoken = heard(events)
    assert all(0 <= word.start <= word.end for word in spoken)
    assert all(a.start <= b.start and a.end <= b.end for a, b in pairwise(spoken))


def play_slowly(
    session: Session, engine: Engine, sound: MelChunk, piece: int, data: st.DataObject
) -> list[Event]:
    """The events where after each piece the engine waits, begins or answers, as is drawn."""
    driver = SlowDriver(session, engine)
    for chunk in cut(sound, [piece] * (len(sound) // piece)):
        driver.act(session.receive(chunk))
        match data.draw(st.sampled_from(["wait", "begin", "answer"])):
            case "begin":
                driver.begin()
            case "answer":
                driver.answer()
    driver.act(session.finish())
    while not driver.is_idle:
        driver.answer()
    assert session.is_done
    check_promises(driver.events)
    return driver.events
