"""Chaos in small, on a server that runs; and what it makes of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace

import pytest
from typer.testing import CliRunner

from sotto.app.cli import app
from sotto.bench.chaos.differing import Kind, words
from sotto.bench.chaos.kept import missing
from sotto.bench.chaos.line import How
from sotto.bench.chaos.material import OWN, own_digits
from sotto.bench.chaos.plan import Wanted
from sotto.bench.chaos.result import Result, result, rows
from sotto.bench.chaos.run import Chaos
from sotto.bench.chaos.target import RunningTarget
from sotto.bench.page import page
from sotto.bench.results import document
from sotto.bench.streams.plan import Talk
from sotto.bench.streams.sound import Bank
from sotto.clock import SystemClock
from sotto.runtime.container import read_file
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT

SMALL = Wanted(
    cuts=6, streams=3, pace=10.0, stall=0.2, talk=Talk(warm_up=0.0, counted=20.0, tail=1.0), seed=3
)


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank(own_digits())


@pytest.fixture(scope="module")
def chaos(server: Served, bank: Bank) -> Chaos:
    options = {"language": "en", "word_timestamps": True}
    whole = Chaos(RunningTarget(server.url), bank, SMALL, options, SystemClock(), lambda what: None)
    asyncio.run(whole.run())
    return whole


@pytest.fixture(scope="module")
def found(chaos: Chaos) -> Result:
    return result(chaos)


def test_each_digit_of_the_clip_is_a_clip(bank: Bank) -> None:
    assert OWN == CLIP_TEXT
    assert [spoken.words for spoken in bank.spoken] == [(word,) for word in OWN.split()]
    whole = sum(map(len, read_file(CLIP)))
    assert sum(spoken.length for spoken in bank.spoken) < whole
    assert all(4_000 < spoken.ends - spoken.begins < 16_000 for spoken in bank.spoken)


def test_so_much_is_cut_as_was_asked_for(chaos: Chaos, found: Result) -> None:
    assert chaos.cuts == SMALL.cuts
    assert sum(n for how, n in found.broken.items() if how != How.DELAY) == SMALL.cuts
    assert found.reconnects <= found.tries
    assert found.sent_again > 0


def test_no_word_differs(found: Result) -> None:
    assert found.words > 10
    assert found.places == ()
    assert found.why == ()
    assert found.is_whole


def test_what_the_store_lacks_is_found(chaos: Chaos, server: Served) -> None:
    log = max(chaos.rounds[0].logs, key=lambda log: len(words(log.events)))
    told = words(log.events)
    assert missing(server.url, log.sessions, told) == []
    (more,) = missing(server.url, log.sessions, told[:1] + told[2:])
    assert (more.kind, more.got) == (Kind.DOUBLED, told[1].text)
    (less,) = missing(server.url, log.sessions, [*told, replace(told[-1], text="zero")])
    assert (less.kind, less.expected) == (Kind.LOST, "zero")


def test_the_result_is_json_a_table_and_a_row_of_the_page(found: Result) -> None:
    written = json.loads(json.dumps(document("chaos", asdict(SMALL), asdict(found))))
    assert dict(rows(found))["words lost, doubled, changed"] == "0, 0, 0"
    (row,) = [line for line in page([("nano", written)], []).splitlines() if "| nano |" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == str(SMALL.streams)
    assert cells[4:8] == [str(found.words), "0, 0, 0", "0, 0, 0", "0"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--url", "http://127.0.0.1:9", "--kills", "1"), "that server is not ours"),
        (("--set", "engine.thread=1"), "expected KEY=VALUE"),
    ],
)
def test_what_cannot_be_measured(options: tuple[str, ...], why: str) -> None:
    ran = CliRunner().invoke(app, ["bench", "chaos", *options], env={"COLUMNS": "200"})
    assert ran.exit_code
    assert why in (ran.output + str(ran.exception))
