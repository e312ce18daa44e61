"""`sotto bench engine`, `bench streams --virtual` and `engine-page`, to the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sotto.bench.engine.page import PLACES
from tests.word_clips import word_clips

TALK = ("--counts", 2, "--spoken", 4, "--warm-up", 0, "--seed", 892)
"""Four seconds in which both say three words."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("report")


def test_an_engine_from_the_command_line_to_the_page(sotto, measured):
    code, out, err = sotto(
        *("bench", "engine", "--model", "nano", "--device", "cpu", "--threads", 1),
        *("--engine", "ctranslate2", "--case", "look", "--most", 1, "--seconds", 0.1),
        *("--streams", *TALK, "--output", measured),
    )
    assert code == 0, err
    assert "windows a second" in out
    result = json.loads((measured / "engine.json").read_text())
    assert result["peaks"]["int8"]["operations"] > 1e8
    (subject,) = result["subjects"]
    assert (subject["engine"], subject["model"]) == ("ctranslate2", "nano")
    assert (subject["broken"], subject["loaded"]["slots"]) == (None, None)
    assert subject["loaded"]["parameters"] == 3_997_440
    (one,) = subject["points"]
    assert (one["case"], one["at_once"], one["as_asked"]) == ("look", 1, None)
    assert one["windows_a_second"] > 0 < one["ratio"]
    assert one["tokens"] > 1
    streams = subject["streams"]
    assert streams["broken"] is None
    assert streams["floor"]["result"]["words"] >= 1
    (step,) = streams["steps"]
    assert (step["result"]["words"], step["result"]["failures"]) == (6, [])
    assert step["result"]["lag"]["count"] >= 3
    assert step["load"]["work"]["jobs"]["partial done"] >= 2
    assert step["generated"]["late"]["count"] == 2 * 70
    assert str(measured) not in json.dumps(result)
    page(sotto, measured)


def page(sotto, measured):
    doc = measured / "gpu.md"
    places = "".join(
        f"A word of {name}.\n<!-- {name} -->\nold\n<!-- /{name} -->\n" for name in PLACES
    )
    doc.write_text(places)
    for _ in range(2):  # what is filled can be filled again
        code, _, _ = sotto("bench", "engine-page", measured / "engine.json", "--doc", doc)
        assert code == 0
    text = doc.read_text()
    assert "old" not in text
    assert text.count("| nano | ctranslate2 |") == 3  # loaded, windows, streams
    assert "A word of work." in text
    doc.write_text("No place for tables.")
    code, _, err = sotto("bench", "engine-page", measured / "engine.json", "--doc", doc)
    assert code == 2
    assert "expected <!-- work --> and <!-- /work --> in the page" in err
    code, out, _ = sotto("bench", "compare", *[measured / "engine.json"] * 2)
    assert code == 0
    assert "nano, ctranslate2, look: windows a second" in out


def test_streams_without_a_server(sotto, tmp_path):
    digits = word_clips(tmp_path / "digits")
    code, out, err = sotto(
        *("bench", "streams", digits, "--streams", "2", "--seconds", 5),
        *("--warm-up", 0, "--seed", 374, "--threads", 1, "--policy", "local-agreement"),
        *("--set", "engine.kind=torch", "--processes", 2, "--output", tmp_path / "report"),
    )
    assert code == 0, err
    assert "if the engine took no time: p95 commit lag" in out
    result = json.loads((tmp_path / "report" / "streams.json").read_text())
    assert (result["kind"], result["options"]["processes"]) == ("streams", 2)
    (step,) = result["steps"]
    assert step["result"]["failures"] == []
    assert sum(step["load"]["work"]["batch_sizes"].values()) > 1  # steps of the engine
    assert result["floor"]["cost"]["cores"] > 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["engine"], "expected --shape or --model, got neither"),
        (["engine", "--shape", "vast"], "expected one of tiny, base"),
        (["engine", "--model", "nano", "--engine", "remote"], "expected one of ctranslate2"),
        (["engine", "--model", "nano", "--case", "x"], "expected one of look, file, mixed"),
        (["engine", "--model", "nano", "--device", "tpu"], "expected auto, cpu or cuda, got 'tpu'"),
        (["engine", "--model", "nano", "--set", "a=1"], "expected KEY=VALUE"),
        (["engine-page", "none.json", "--doc", "x.md"], "cannot read none.json"),
        (["streams", "{}", "--virtual", "--url", "http://127.0.0.1:9"], "without --url"),
        (["streams", "{}", "--device", "cpu", "--deflate"], "without --url, --deflate and --peer"),
    ],
)
def test_what_cannot_be_measured(sotto, tmp_path, words, why):
    if "{}" in words:
        words = [str(word_clips(tmp_path / "digits")) if word == "{}" else word for word in words]
    code, _, err = sotto("bench", *words)
    assert code == 2
    assert why in err
