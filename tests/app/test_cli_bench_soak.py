"""`sotto bench soak`, from the command line to the page."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.serving import Served
from tests.word_clips import word_clips


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return word_clips(tmp_path / "digits")


SMALL = ("--hours", 0.01, "--streams", 2, "--idle", 1, "--seconds", 10)


def test_a_server_that_is_started(sotto, digits, tmp_path):
    code, out, err = sotto(
        *("bench", "soak", digits, *SMALL, "--set", "vad.silence=0.5", "--threads", 1),
        *("--output", tmp_path / "report"),
    )
    assert code == 0
    assert "of 0.01 h" in err
    figures = dict(line.rsplit("  ", 1) for line in out.splitlines()[1:])
    assert {name.strip() for name in figures} >= {"hours of sound", "growth, MB an hour of sound"}
    result = json.loads((tmp_path / "report" / "soak.json").read_text())
    assert result["kind"] == "soak"
    assert result["options"]["settings"] == {"engine.threads": "1", "vad.silence": "0.5"}
    assert (result["options"]["data"], result["options"]["streams"]) == (["digits"], 2)
    assert result["hours"] >= 0.01
    assert (result["told"]["lost"], result["told"]["taken_back"], result["failures"]) == (0, 0, [])
    assert result["told"]["sessions"] == 3
    assert str(tmp_path) not in json.dumps(result)


def test_a_running_server_and_a_page(sotto, server: Served, digits, tmp_path):
    here = ("--url", server.url, "--pid", os.getpid())
    code, out, _ = sotto("bench", "soak", digits, *here, *SMALL, "--json", "--output", tmp_path)
    assert code == 0
    result = json.loads(out)
    assert result == json.loads((tmp_path / "soak.json").read_text())
    page = tmp_path / "page.md"
    assert sotto("bench", "page", f"nano={tmp_path / 'soak.json'}", "--doc", page)[0] == 0
    (row,) = [line for line in page.read_text().splitlines() if line.startswith("| nano |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[3:5] == [str(result["told"]["sessions"]), str(result["visits"])]
    assert cells[8:10] == [f"{result[name] / 2**20:.2f}" for name in ("growth", "growth_late")]


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (("--url", "http://127.0.0.1:9"), 1, "it needs --pid"),
        (("--url", "http://127.0.0.1:9", "--pid", os.getpid()), 1, "/metrics, got none"),
        (("--set", "engine.thread=1"), 2, "expected KEY=VALUE with a key of `sotto config`"),
    ],
)
def test_what_cannot_be_measured(sotto, digits, options, code, why):
    left, _, err = sotto("bench", "soak", digits, *options)
    assert (left, why in err) == (code, True)
