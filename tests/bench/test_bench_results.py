"""Results as files, compared and drawn."""

from __future__ import annotations

import copy
import json

import pytest

from sotto.bench.compare import compare, differences
from sotto.bench.idle import held_against
from sotto.bench.results import as_text, document, read, write
from sotto.bench.streams.plots import picture
from sotto.bench.streams.score import Result, Spread
from sotto.bench.streams.step import Generated, Load, Step
from sotto.bench.streams.tables import HEAD, row
from sotto.errors import BadOption, ServerError
from sotto.training.evaluation.scoring import Score


def step(clients: int, p95: float, load: Load) -> Step:
    lag = Spread(9, 0.5, 0.5, p95, 2.0, 3.0)
    score = Score(words=10, deletions=1)
    result = Result(clients, (), 3, 10, lag, None, lag, None, 0.1, score, 0, 2.0, 0)
    return Step(clients, result, Generated(lag, lag, 0.1), load, 0.1)


LOAD = Load(10.0, cores=0.4, rss_first=2**20, rss_most=3 * 2**20)


def streams(p95: float = 1.0, sustained: int = 8):
    body = {
        "steps": [step(4, p95, LOAD), step(8, 2 * p95, LOAD)],
        "sustained": sustained,
        "offline": None,
    }
    return json.loads(as_text(document("streams", {"seed": 1, "bound": 1.5}, body)))


def test_a_result_says_where_and_how_it_was_made(tmp_path):
    result = streams()
    write(tmp_path / "new" / "streams.json", as_text(result))
    assert read(tmp_path / "new" / "streams.json") == result
    assert result["machine"]["cores"] > 0
    assert "ctranslate2" in result["versions"]
    assert result["options"]["seed"] == 1
    assert str(tmp_path) not in as_text(result)


def test_ratios_of_all_figures_that_both_have():
    rows = {one.name: one for one in compare(streams(1.0, 8), streams(2.0, 4))}
    assert rows["streams borne"].cells() == ("streams borne", "8", "4", "0.50")
    assert rows["4 streams: lag p95, s"].ratio == 2.0
    assert rows["8 streams: WER"].ratio == 1.0
    assert "4 streams: final p50, s" not in rows
    assert "offline WER" not in rows


def test_steps_that_only_one_has_are_left_out():
    other = streams()
    del other["steps"][0]
    assert not [one for one in compare(streams(), other) if one.name.startswith("4 ")]


def test_what_was_not_the_same_is_told():
    other = copy.deepcopy(streams())
    other["options"]["seed"] = 2
    other["machine"]["cores"] = 999
    told = differences(streams(), other)
    assert told[1:] == ["options.seed: 1 and 2"]
    assert told[0].endswith(" and 999")


def test_results_of_two_kinds_are_not_compared():
    files = document("files", {}, {"speed": 2.0})
    with pytest.raises(BadOption, match="got 'files' and 'streams'"):
        compare(files, streams())


@pytest.mark.parametrize(("text", "why"), [("[", "expected JSON"), ("[]", "expected a result")])
def test_a_file_that_is_no_result(tmp_path, text, why):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BadOption, match=why):
        read(tmp_path / "a.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadOption, match="cannot read"):
        read(tmp_path / "a.json")


def test_a_picture_of_one_run_and_of_two():
    one, two = picture({"sotto": streams()}), picture({"A": streams(), "B": streams(2.0)})
    assert one.count("<svg") == two.count("<svg") == 1
    assert one != two
    assert picture({"sotto": streams()}) != picture({"sotto": streams(1.2)})


def test_a_picture_of_a_run_without_a_word():
    result = streams()
    for one in result["steps"]:
        one["result"] |= {"lag": None, "claimed_lag": None, "wer": None}
    assert picture({"sotto": result}).count("<svg") == 1


def test_a_row_for_each_step():
    cells = dict(zip(HEAD, row(step(4, 1.25, LOAD)), strict=True))
    assert (cells["streams"], cells["p95"], cells["WER %"], cells["MB"]) == (
        "4",
        "1.25",
        "10.0",
        "3",
    )
    assert cells["final p50 / p95"] == cells["batch"] == "–"


def test_a_silent_stream_costs_what_each_one_more_does():
    few = step(2, 1.0, Load(10.0, cores=0.1, rss_most=100))
    many = step(12, 1.0, Load(10.0, cores=0.2, rss_most=1_100))
    found = held_against(few, many)
    assert (found.cpu_percent, found.rss) == (pytest.approx(1.0), 100.0)


def test_a_server_whose_process_is_not_known():
    with pytest.raises(ServerError, match="it needs --pid"):
        held_against(step(2, 1.0, Load(1.0)), step(12, 1.0, LOAD))
