"""The measurement in small, against a real server: what must hold however slow the machine is.

Nothing here is a matter of how long something took: no word is lost, nothing certain is taken
back, every lag is finite, and the generator knows how punctual it was.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from sotto.bench.clips import read_clips
from sotto.bench.idle import cost
from sotto.bench.servers import Server, sotto_command, started
from sotto.bench.streams.generator import GeneratorFailed
from sotto.bench.streams.plan import Talk
from sotto.bench.streams.run import Bench, in_turn
from sotto.bench.streams.sotto_stream import SottoStream
from sotto.bench.streams.sound import MESSAGES_PER_SECOND, Bank
from sotto.bench.streams.step import Step
from sotto.clock import SystemClock
from sotto.training.manifest import read_manifest
from tests.word_clips import word_clips

CLIENTS = 4
TALK = Talk(warm_up=1.0, counted=14.0)
DIALECT = SottoStream((("language", "en"),))
BLOCK = 0.1
"""Seconds: a word may be certain this much before its sound ends, as quiet as that is."""


@pytest.fixture(scope="module")
def server():
    with started(sotto_command(("serve", "--model", "nano"), {})) as server:
        yield server


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Bank:
    folder: Path = word_clips(tmp_path_factory.mktemp("set") / "digits")
    return Bank(read_clips([read_manifest(folder)]))


@pytest.fixture(scope="module")
def bench(server: Server, bank: Bank) -> Bench:
    return Bench(server, DIALECT, bank, SystemClock(), TALK, seed=1, patience=120.0)


@pytest.fixture(scope="module")
def step(bench: Bench) -> Step:
    places = bench.counted(CLIENTS, 100)
    (step,) = bench.steps(in_turn([CLIENTS]), places, lambda what: None)
    return step


def test_every_client_is_heard_to_the_end(step: Step, bench: Bench):
    result = step.result
    said = [u for track in bench.tracks(CLIENTS) for u in track.counted]
    assert (result.clients, result.failures) == (CLIENTS, ())
    assert result.utterances == len(said) >= CLIENTS
    assert result.words == sum(len(utterance.words) for utterance in said)


def test_no_final_is_lost_and_nothing_certain_is_taken_back(step: Step):
    assert (step.result.lost_finals, step.result.taken_back) == (0, 0)


def test_words_are_heard(step: Step):
    assert step.result.lag.count >= step.result.words / 2


def test_every_lag_is_finite_and_no_word_is_certain_before_it_is_said(step: Step):
    for spread in (step.result.lag, step.result.first, step.result.final):
        assert math.isfinite(spread.most)
        assert spread.p50 > -BLOCK
    assert step.result.lag.count <= step.result.words


def test_streams_hear_what_files_hear(step: Step, bench: Bench):
    places = bench.counted(CLIENTS, 100)
    offline = bench.offline(places, {"language": "en"}, lambda what: None)
    assert offline.utterances == len(places)
    assert step.paired_wer == step.result.wer
    assert abs(step.paired_wer - offline.wer) < 0.2


def test_the_queue_is_bounded(step: Step):
    # A stream has one job out at most.
    assert 0 <= step.load.queue_most <= CLIENTS
    jobs = step.load.work.jobs  # most finals are heard in the pause before, as partials
    done = jobs.get("final done", 0) + jobs.get("partial done", 0)
    assert done >= step.result.utterances / 2
    assert step.load.work.errors == {}


def test_the_server_is_watched_while_words_are_counted(step: Step):
    assert 0 < step.load.seconds <= TALK.counted
    assert step.load.cores > 0
    assert step.load.rss_most >= step.load.rss_first > 2**20


def test_the_generator_tells_how_punctual_it_was(step: Step):
    messages = math.ceil(TALK.seconds * MESSAGES_PER_SECOND)
    assert step.generated.late.count == step.generated.sent_late.count == CLIENTS * messages
    assert step.generated.sent_late.most >= step.generated.late.p50 >= 0
    assert step.generated.cores > 0


def test_a_lag_too_long_is_too_much(step: Step, bench: Bench):
    assert step.borne == (not step.why)
    late = [why for why in step.why if why.startswith("p95 commit lag")]
    assert bool(late) == (step.result.lag.p95 > bench.bounds.lag)


def test_silent_streams_cost_something(server: Server):
    result = cost(server, DIALECT, SystemClock(), 8, 3.0, lambda what: None)
    assert (result.streams, result.many.result.words) == (8, 0)
    assert math.isfinite(result.cpu_percent)
    assert math.isfinite(result.rss)
    assert result.many.result.failures == ()


def test_where_no_server_is(bank: Bank):
    nowhere = Server("http://127.0.0.1:9")
    bench = Bench(nowhere, DIALECT, bank, SystemClock(), TALK)
    with pytest.raises(GeneratorFailed, match="expected a server, got none: not let in"):
        bench.step(2)
