"""How many machines a plan asks for, and what it refuses to say."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from sotto.bench.plan.capacity import PCM, Wish, basis, plan
from sotto.bench.plan.measured import Lag, Measured, Step, condense, find, shipped
from sotto.bench.plan.report import rows
from sotto.bench.plan.shapes import SIZES, ratio
from sotto.bench.plan.ship import text
from sotto.errors import BadOption

RECORDS = shipped().records
STREAM = shipped().stream


def step(streams: int, p95: float, *, sound: bool = True) -> Step:
    return Step(
        streams=streams,
        lag=Lag(p95 / 2, p95, 2 * p95),
        seconds=10.0,
        cores=1.0,
        rss=100 + 10 * streams,
        batches=streams,
        jobs=10.0 * streams,
        withdrawn=0,
        decode_seconds=1.0,
        utterances=2.0 * streams,
        sound=sound,
    )


def measured(*steps: Step, model: str = "base", device: str = "cpu") -> Measured:
    return Measured(model, device, False, 0.4, "2026-11-22", "a machine", 2, steps)


def test_what_is_borne_is_the_most_streams_within_the_bound() -> None:
    known = measured(step(8, 1.0), step(16, 2.0), step(32, 2.5, sound=False), step(64, 4.0))
    assert (known.borne(2.5) or step(1, 1)).streams == 16
    assert (known.borne(4.0) or step(1, 1)).streams == 64
    assert known.borne(0.5) is None
    assert known.memory == pytest.approx((100, 10))
    assert measured(step(8, 1.0)).memory == (180, 0)


def test_a_plan_is_arithmetic() -> None:
    known = measured(step(8, 1.0), step(20, 2.0))
    wish = Wish(1000, "base", "cpu", bound=2.0, head_room=0.25, spare=2)
    made = plan(wish, basis(wish, [known]), replace(STREAM, core=0.006))
    assert made.engines == math.ceil(1000 / 15) + 2
    assert made.each == math.ceil(1000 / made.engines)
    assert made.connections == math.ceil(1000 * 0.006 / (4 * 0.6)) + 2
    assert (made.pcm, made.mel8) == (1000 * PCM, 1000 * 8000)
    assert made.jobs == pytest.approx(1000)  # one a second for each stream
    assert made.finals == pytest.approx(200)
    assert made.stream_memory == pytest.approx(10_000)
    assert not made.basis.is_estimate
    assert not any("ESTIMATE" in note for note in made.notes)


def test_more_is_never_less() -> None:
    """More streams, a stricter bound, more head room: never fewer machines."""
    usual = Wish(500, "base", "cpu")
    engines = plan(usual, basis(usual, RECORDS), STREAM).engines
    for change in ({"streams": 900}, {"bound": 2.5}, {"head_room": 0.5}, {"spare": 3}):
        wish = replace(usual, **change)
        assert plan(wish, basis(wish, RECORDS), STREAM).engines >= engines


def test_what_was_not_measured_is_scaled_and_says_so() -> None:
    wish = Wish(100, "small", "cpu", head_room=0.0)
    known = measured(step(90, 1.0))
    base = basis(wish, [known])
    assert base.is_estimate
    assert base.streams == pytest.approx(90 / (ratio("small", "base") or 0))
    made = plan(wish, base, STREAM)
    assert made.engine_memory is None
    assert any(note.startswith("ESTIMATE: small was not measured on cpu") for note in made.notes)
    assert "estimate" in dict(rows(made))["engine replicas"]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish(10, "turbo", "h100"), "got none: measure there"),
        (Wish(10, "turbo", "cpu"), "by estimate from small"),
        (Wish(10, "parakeet", "cpu"), "got 'parakeet'"),
        (Wish(10, "base", "cpu", bound=0.5), "the least that was measured is 2.47 s"),
        (Wish(10, "small", "cpu", head_room=0.9), "expected one stream for an engine"),
    ],
)
def test_what_is_not_known_is_refused(wish: Wish, why: str) -> None:
    with pytest.raises(BadOption, match=why):
        plan(wish, basis(wish, RECORDS), STREAM)


def test_the_rule_holds_between_the_sizes_that_were_measured() -> None:
    """Streams within 3 s: what base's would say of tiny and small, and what these did."""
    borne = {name: found for name in ("tiny", "base", "small") if (found := _streams(name))}
    for name, most in (("tiny", 1.25), ("small", 1.25)):
        guess = borne["base"] / (ratio(name, "base") or 0)
        assert 1 / most < guess / borne[name] < most
    assert ratio("turbo", "large-v3") == pytest.approx(0.85, abs=0.05)
    assert ratio("nano", "base") is None
    assert SIZES["medium"].work < SIZES["turbo"].work


def _streams(name: str) -> int:
    known = find(name, "cpu", RECORDS)
    assert known is not None
    found = known.borne(3.0)
    assert found is not None
    return found.streams


def result() -> dict[str, object]:
    spread = {"count": 9, "mean": 1.0, "p50": 1.0, "p95": 2.0, "p99": 3.0, "most": 4.0}
    work = {
        "batches": 4.0,
        "jobs": {"final done": 2.0, "partial done": 5.0, "partial withdrawn": 3.0},
        "decode_seconds": 2.5,
    }
    one = {
        "clients": 7,
        "result": {"lag": None, "claimed_lag": spread, "utterances": 5, "failures": []},
        "load": {"seconds": 10.0, "cores": 1.5, "rss_most": 1000, "work": work},
        "why": [],
    }
    silent = {"clients": 1, "result": {"lag": None}, "load": {"seconds": 1.0}}
    return {
        "kind": "streams",
        "date": "2026-11-22T01:00:00+00:00",
        "machine": {"cores": 8, "processor": "X", "memory": 16_000_000_000},
        "options": {"model": "turbo", "talk": {"speech": 0.4}, "settings": {}, "rate": None},
        "steps": [one, silent],
    }


def test_a_result_of_ones_own_is_condensed(tmp_path: Path) -> None:
    known = condense(json.loads(json.dumps(result())))
    (only,) = known.steps
    assert (known.model, known.machine) == ("turbo", "8 cores of X, 16 GB")
    assert (only.streams, only.jobs, only.withdrawn, only.lag.p95) == (7, 7, 3, 2.0)
    path = tmp_path / "streams.json"
    path.write_text(json.dumps(result()))
    kept = json.loads(text(STREAM, [path]))
    assert kept["records"][0]["steps"][0]["decode_seconds"] == 2.5


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "files"}, "kind streams"),
        ({"steps": []}, "got none"),
        ({"steps": [{"clients": -1}]}, "steps.0.clients"),
        ({"machine": None}, "machine"),
    ],
)
def test_other_results_are_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(BadOption, match=why):
        condense(result() | change)
