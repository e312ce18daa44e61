"""A soak in small, against a real server, and the arithmetic of a large one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sotto.bench.clips import read_clips
from sotto.bench.servers import Server
from sotto.bench.soak import soak
from sotto.bench.soak_result import HOUR, Account, Plan, Result, Sample, account, growth, settled
from sotto.bench.streams.client import Arrival
from sotto.bench.streams.dialect import Committed, Final, Over, Shown, TakenBack
from sotto.bench.streams.plan import Spoken, Talk, silent
from sotto.bench.streams.sotto_stream import SottoStream
from sotto.bench.streams.sound import Bank
from sotto.clock import SystemClock
from sotto.errors import ServerError
from sotto.training.manifest import read_manifest
from tests.serving import Served
from tests.word_clips import word_clips

TALK = Talk(warm_up=0.0, counted=12.0, tail=1.0)
SMALL = Plan(hours=0.02, streams=3, idle=2, talk=TALK, seed=5)
ENGLISH = SottoStream((("language", "en"),))
CLIPS = [Spoken((word,), 9_000, 500, 8_000) for word in ("one", "two", "three")]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder: Path = word_clips(tmp_path_factory.mktemp("set") / "digits")
    return Bank(read_clips([read_manifest(folder)]))


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def result(server: Served, bank: Bank, told: list[str]) -> Result:
    """Of the tests' own process: what its memory does says nothing, all else does."""
    here = Server(server.url, os.getpid())
    return asyncio.run(soak(here, ENGLISH, bank, SMALL, SystemClock(), told.append))


def test_all_that_was_planned_is_heard(result: Result, bank: Bank) -> None:
    tracks = list(SMALL.tracks(bank.spoken))
    assert result.hours >= SMALL.hours
    assert result.told.sessions == len(tracks)
    assert result.told.said == sum(len(track.words) for track in tracks)
    assert result.told.utterances == sum(len(track.utterances) for track in tracks)
    assert result.speed == pytest.approx(result.hours * HOUR / result.seconds)


def test_no_word_is_lost_or_changed_and_no_session_stays(result: Result) -> None:
    assert (result.failures, result.errors, result.left_open) == ((), {}, 0)
    assert (result.told.lost, result.told.taken_back) == (0, 0)
    assert result.told.finals > 0
    assert 0.5 < result.told.words / result.told.said < 1.5


def test_idle_sessions_come_and_go(result: Result) -> None:
    assert result.visits >= SMALL.idle


def test_memory_is_looked_at_until_the_end(result: Result, told: list[str]) -> None:
    hours = [sample.hours for sample in result.samples]
    assert hours == sorted(hours)
    assert hours[-1] == result.hours
    assert result.samples[-1].rss == result.rss_last <= result.rss_most
    assert result.rss_first > 2**20
    assert len(told) == len(hours) - 1


def test_one_session_lasts_as_long_as_all_others_side_by_side() -> None:
    wanted = Plan(hours=2.0, streams=8, talk=Talk(warm_up=0.0, counted=57.0, tail=3.0))
    lengths = [track.length for track in wanted.tracks(CLIPS)]
    assert lengths[0] == 900 * 16_000
    assert set(lengths[1:]) == {60 * 16_000}
    assert sum(lengths) == 2 * HOUR * 16_000


def test_what_is_said_depends_on_the_seed_alone() -> None:
    assert list(SMALL.tracks(CLIPS)) == list(SMALL.tracks(CLIPS))


def test_a_plan_shorter_than_a_session_is_one_session() -> None:
    (track,) = Plan(hours=0.001, streams=4, talk=TALK).tracks(CLIPS)
    assert track.length == 13 * 16_000


def test_growth_is_the_slope_of_what_came_after_the_warm_up() -> None:
    samples = [Sample(0.0, 10**9), Sample(0.1, 10**9)]
    samples += [Sample(n / 10, 5_000 + 70 * n) for n in range(2, 21)]
    assert settled(samples) == samples[2:]
    assert growth(settled(samples)) == pytest.approx(700)
    assert growth(samples) < 0


def test_flat_memory_does_not_grow() -> None:
    assert growth([Sample(n, 77) for n in range(5)]) == 0
    assert growth([Sample(1.0, 77)]) == 0


def test_a_step_in_the_first_half_is_no_growth_in_the_second() -> None:
    step = [Sample(n / 10, 100 + (5_000 if n > 5 else 0)) for n in range(21)]
    assert growth(settled(step)) > 300
    assert growth(settled(step, 0.5)) == pytest.approx(0, abs=1e-6)


def test_words_without_a_final_are_lost() -> None:
    heard = [
        Arrival(1.0, (Committed(" one two"), Shown(""))),
        Arrival(2.0, (Committed(" three"), Final(2.0), TakenBack(2))),
        Arrival(3.0, (Committed(" four five"),)),
        Arrival(4.0, (Over(),)),
    ]
    found = account(silent(0, 5.0), heard)
    assert found == Account(sessions=1, finals=1, words=5, taken_back=2, lost=2)
    assert found + found == Account(sessions=2, finals=2, words=10, taken_back=4, lost=4)


async def test_a_server_whose_process_is_not_known(server: Served, bank: Bank) -> None:
    with pytest.raises(ServerError, match="it needs --pid"):
        await soak(Server(server.url), ENGLISH, bank, SMALL, SystemClock(), print)


async def test_where_no_server_is(bank: Bank) -> None:
    nowhere = Server("http://127.0.0.1:9", os.getpid())
    with pytest.raises(ServerError, match="expected figures at"):
        await soak(nowhere, ENGLISH, bank, SMALL, SystemClock(), print)


async def test_a_soak_whose_sessions_fail_is_given_up(server: Served, bank: Bank) -> None:
    here = Server(server.url, os.getpid())
    wrong = SottoStream((("model", "none-such"),))
    wanted = Plan(hours=1.0, streams=2, idle=1, talk=TALK)
    with pytest.raises(ServerError, match="20 did not: not let in: expected ready"):
        await soak(here, wrong, bank, wanted, SystemClock(), print)
