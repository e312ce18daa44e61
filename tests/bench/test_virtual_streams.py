"""Streams without a server: their frames, their readers, and what there is without an engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sotto.app.cli.bench_virtual import flags, serving
from sotto.app.cli.local import settings_for
from sotto.audio.chunk import MelChunk
from sotto.audio.format import HOP, SAMPLE_RATE
from sotto.bench.chaos.material import own_digits
from sotto.bench.clips import S16
from sotto.bench.streams import dialect as seen
from sotto.bench.streams.client import Arrival, Log
from sotto.bench.streams.dialect import Committed
from sotto.bench.streams.plan import Placed, Talk, Track, Utterance, plan
from sotto.bench.streams.score import add_up, judge
from sotto.bench.streams.sound import Bank, Tape
from sotto.bench.streams.step import Generated, Load, Step
from sotto.bench.virtual.alone import Cost, cost, unhurried
from sotto.bench.virtual.crowd import Crowd
from sotto.bench.virtual.instant import Instant, hear
from sotto.bench.virtual.reading import Reader
from sotto.bench.virtual.step import Asked, Floor, Virtual, all_there
from sotto.bench.virtual.tape import FrameTape, listen
from sotto.clock import SystemClock
from sotto.interfaces.engine import DecodeJob, Priority, Traits
from sotto.plugins.vad.silero import Silero
from sotto.runtime.ear import Ear
from sotto.runtime.requests import StreamRequest
from sotto.transcript import events
from sotto.transcript.options import DecodeOptions
from sotto.transcript.words import Segment, Word

TALK = Talk(warm_up=0.0, counted=12.0)
SEED = 3


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank(own_digits())


@pytest.fixture(scope="module")
def detectors():
    return Silero()


@pytest.fixture(scope="module")
def sounds(bank, detectors):
    return listen(bank.pcm, lambda: Ear(80, detectors()), 150)


def said(bank: Bank, client: int = 0) -> Track:
    return plan(bank.spoken, TALK, SEED, client)


def test_frames_are_those_of_a_door(bank, sounds, detectors):
    """Where clips lie at whole frames, as they do not in general."""
    clips = bank.pcm[:2]
    starts = (100 * HOP, 300 * HOP)
    placed = tuple(Placed(number, at) for number, at in enumerate(starts))
    track = Track(0, 5 * SAMPLE_RATE, (Utterance(placed, (), 0, 0, 0),))
    ear = Ear(80, detectors())
    door = [ear.receive((pcm / S16).astype(np.float32)) for pcm in Tape(bank.pcm, track)]
    tape = FrameTape(sounds, track)
    ours = [tape.chunk(number) for number in range(tape.messages)]
    assert [len(chunk) for chunk in ours] == [len(chunk) for chunk in door]
    whole, heard = (MelChunk.join([*each]) for each in (door, ours))
    assert heard.mel.shape == whole.mel.shape
    assert np.abs(heard.mel - whole.mel).max() < 0.01
    # The detector hears each clip after silence, and not after the other: at its edges it differs.
    speaks = [chunk.speech > 0.5 for chunk in (whole, heard)]
    assert (speaks[0] == speaks[1]).mean() > 0.97
    for number, at in enumerate(starts):
        middle = (at + len(clips[number]) // 2) // HOP
        assert heard.speech[middle] > 0.5


def test_a_tape_is_the_same_however_it_is_cut(bank, sounds):
    tape = FrameTape(sounds, said(bank))
    length = tape.messages * 10
    whole = tape.between(0, length)
    pieces = MelChunk.join([*(tape.chunk(number) for number in range(tape.messages)), tape.rest()])
    assert len(pieces) == length
    np.testing.assert_array_equal(pieces.mel, whole.mel)
    np.testing.assert_array_equal(pieces.speech, whole.speech)
    assert 0.1 < (whole.speech > 0.5).mean() < 0.7


def word(text: str, start: int) -> Word:
    return Word(text, start, start + 30, 1.0)


def test_a_reader_sees_what_a_session_tells():
    reader = Reader()
    assert reader.read(events.SpeechStarted(0, 10)) == ()
    partial = events.Partial(0, (word(" one", 0), word(" two", 40)), 80)
    assert reader.read(partial) == (seen.Shown(" one two"),)
    committed = reader.read(events.Committed(0, (word(" one", 0),)))
    assert committed == (Committed(" one", (0.3,)), seen.Shown(" two"))
    segment = Segment(0, 0, 100, (word(" one", 0), word(" too", 40)), "en", 0.0, 0.0)
    shown, final, taken = reader.read(events.Final(segment))
    assert (shown, final) == (seen.Shown(""), seen.Final(1.0))
    assert isinstance(taken, seen.TakenBack)  # " too" was not committed before
    assert reader.read(events.Committed(0, (word("3", 0),)))[0] == Committed(" 3", (0.3,))


def job(frames: int, prefix=(), loud: int = 1_000) -> DecodeJob:
    mel = np.full((frames, 80), -10.0, np.float32)
    mel[:loud] = 0.0
    return DecodeJob(1, mel, DecodeOptions(), Priority.PARTIAL, prefix=tuple(prefix))


def test_who_answers_at_once_says_the_same_of_longer_sound():
    short, long = hear(job(170)), hear(job(305))
    assert [one.tokens for one in long.words] == [(n,) for n in range(9)]
    assert short.words == long.words[:5]
    again = hear(job(305, prefix=(0, 1, 2)))
    assert (again.words, again.prefix_words) == (long.words, 3)
    assert len(hear(job(305, loud=100)).words) == 3


@dataclass
class Opened:
    """A service, and what streams on it need."""

    crowd: Crowd
    bank: Bank


@pytest.fixture
async def opened(bank, sounds):
    settings = settings_for(flags({"engine.threads": 1}), "nano", None)
    async with serving(settings) as service, service.models.use() as (_, recognizer):
        request = StreamRequest(decode=DecodeOptions(language="en"))
        crowd = Crowd(service, recognizer, request, sounds, SystemClock(), patience=120.0)
        yield Opened(crowd, bank)


async def test_what_there_is_without_the_engines_time(opened, bank):
    track = said(bank)
    first, second = [await unhurried(opened.crowd, track) for _ in range(2)]
    assert first == second  # nothing of it depends on how long anything took
    found = judge(track, first)
    assert found.failure is None
    result = add_up([found])
    assert result.words >= 4
    assert result.wer == 0.0
    assert 0 < result.lag.count <= result.words
    assert -0.2 < result.lag.p50 < 1.5
    assert 0.3 < result.final.p50 < 1.0
    tenths = [round(10 * arrival.at, 6) for arrival in first.arrivals]
    assert all(at == int(at) for at in tenths)  # all is told when a message comes


async def test_streams_hear_at_their_pace_what_they_hear_without_time(opened, bank):
    track = plan(bank.spoken, Talk(warm_up=0.0, counted=4.0, tail=0.5), 892, 0)
    (log,) = await opened.crowd.speak((track,), asyncio.Event())
    calm = await unhurried(opened.crowd, track)
    assert log.failure is None
    assert len(log.own) == len(log.sent) == FrameTape(opened.crowd.sounds, track).messages
    assert committed(log) == committed(calm) != ""
    # Nothing comes sooner than if it had cost no time.
    assert log.arrivals[-1].at >= calm.arrivals[-1].at


def committed(log) -> str:
    heard = [one for arrival in log.arrivals for one in arrival.heard]
    return "".join(one.text for one in heard if isinstance(one, Committed))


async def test_sessions_cost_something_and_ask_for_jobs(opened, bank):
    tracks = tuple(said(bank, client) for client in range(3))
    found = await cost(opened.crowd, tracks)
    assert 0 < found.cores < 1
    assert 0.1 < found.jobs < 5


async def test_one_that_is_not_let_in(opened, bank):
    crowd = replace(opened.crowd, recognizer=Instant(Traits()))
    crowd.service.draining = True
    (log,) = await crowd.speak((said(bank),), asyncio.Event())
    assert log.failure == "not let in: the server is about to stop: try again in a moment"


def heard_by(client: int, words: int) -> Log:
    said = Committed("".join(f" {number}" for number in range(words)))
    return Log(client, [Arrival(1.0, (said,))])


def test_dropped_words_are_too_many_streams(opened, bank):
    own = Virtual(opened.crowd, bank, Asked(TALK))
    assert own.tracks(2)[1] == own.tracks(3)[1]
    result = add_up([])
    floor = Floor(result, Cost(0.001, 1.0), committed=(5, 15, 40))
    step = Step(2, result, Generated(None, None, 0.0), Load(1.0), None)
    assert all_there(step, [heard_by(0, 5), heard_by(1, 13)], floor) == step
    judged = all_there(step, [heard_by(0, 5), heard_by(1, 12)], floor)
    assert not judged.borne
    assert judged.why == (
        "17 words were committed to the first streams, 20 if time did not matter",
    )
