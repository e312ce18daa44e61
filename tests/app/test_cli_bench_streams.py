"""`sotto bench streams`, `files`, `idle` and `compare`, from the command line to the files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.serving import Served
from tests.speech import CLIP
from tests.word_clips import word_clips


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return word_clips(tmp_path / "digits")


def test_streams_of_a_server_that_is_started(sotto, digits, tmp_path):
    code, out, err = sotto(
        *("bench", "streams", digits, "--streams", "1,2", "--seconds", 12, "--warm-up", 1),
        *("--threads", 1, "--set", "decode.policy=chunked", "--seed", 3),
        *("--output", tmp_path / "report"),
    )
    assert code == 0
    assert err.count("streams, 16 s") == 2
    assert out.splitlines()[0].startswith("streams  lag mean")
    assert "of every word: each clip is one" in out
    result = json.loads((tmp_path / "report" / "streams.json").read_text())
    assert all(step["result"]["lag"]["count"] > 0 for step in result["steps"])
    assert [step["clients"] for step in result["steps"]] == [1, 2]
    settings = {"engine.threads": "1", "decode.policy": "chunked"}
    assert result["options"]["settings"] == settings
    assert (result["options"]["data"], result["options"]["seed"]) == (["digits"], 3)
    assert str(tmp_path) not in json.dumps(result)
    assert (tmp_path / "report" / "streams.svg").read_text().count("<svg") == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are read from /proc")
def test_ctrl_c_stops_all_that_was_started(digits):
    words = ("bench", "streams", str(digits), "--streams", "2", "--offline", "0")
    command = subprocess.Popen(
        [sys.executable, "-m", "sotto", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What a shell runs in the background ignores Ctrl-C, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one call
    )
    with command as process:
        assert process.stderr.readline() == "sotto: 2 streams, 73 s\n"
        below = _below(process.pid)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
        assert process.wait(60) != 0
        assert "Traceback" not in process.stderr.read()
    assert below
    gone = time.monotonic() + 20  # Python's own resource tracker ends in its own time
    while left := [pid for pid in below if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < gone, left
        time.sleep(0.05)


def _below(pid: int) -> list[str]:
    """The processes that one has started."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_files_of_a_running_server(sotto, server: Served, digits, tmp_path):
    code, out, _ = sotto(
        *("bench", "files", "--url", server.url, "--data", digits, "--minutes", 0.2),
        *("--rounds", 2, "--output", tmp_path),
    )
    assert code == 0
    assert "seconds of sound a second" in out
    result = json.loads((tmp_path / "files.json").read_text())
    assert len(result["heard"]) == 2
    assert result["heard"][0]["text"] == result["heard"][1]["text"] != ""
    assert result["wer"] < 0.5
    assert result["speed"] * result["real_time_factor"] == pytest.approx(1)


def test_files_that_are_given(sotto, server: Served):
    code, out, _ = sotto("bench", "files", CLIP, "--url", server.url, "--rounds", 1, "--json")
    assert code == 0
    result = json.loads(out)
    assert (result["heard"][0]["name"], result["wer"]) == (CLIP.name, None)
    assert result["options"]["files"] == [CLIP.name]


def test_idle_of_a_server_whose_process_is_not_known(sotto, server: Served):
    code, _, err = sotto("bench", "idle", 3, "--url", server.url, "--seconds", 3)
    assert code == 1
    assert "it needs --pid" in err


def test_two_results_side_by_side(sotto, tmp_path):
    for name, speed in (("a", 10.0), ("b", 15.0)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"kind": "files", "speed": speed}))
    code, out, _ = sotto("bench", "compare", tmp_path / "a.json", tmp_path / "b.json")
    assert code == 0
    assert " ".join(out.splitlines()[1].split()) == "seconds of sound a second 10 15 1.50"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--streams", "1,x"], "expected numbers such as 1,4,16, got '1,x'"),
        (["--set", "engine.thread=1"], "expected KEY=VALUE with a key of `sotto config`"),
        (["--url", "http://127.0.0.1:9", "--threads", "1"], "got --url"),
        (["--pid", "1"], "expected --url beside --pid, got none"),
        (["--first", "9", "--most", "8"], "expected 1 to 8 streams to begin with, got 9"),
    ],
)
def test_what_cannot_be_measured(sotto, digits, options, why):
    code, _, err = sotto("bench", "streams", digits, *options)
    assert code == 2
    assert why in err


def test_files_of_nothing(sotto):
    code, _, err = sotto("bench", "files")
    assert code == 2
    assert "expected either FILES or --data, got both or none" in err


def test_files_with_what_is_for_peers_only(sotto):
    code, _, err = sotto("bench", "files", CLIP, "--one-pass")
    assert code == 2
    assert "expected --peer beside --one-pass" in err


def test_a_page_of_results(sotto, server: Served, tmp_path):
    code, _, _ = sotto("bench", "files", CLIP, "--url", server.url, "--rounds", 1, "-o", tmp_path)
    assert code == 0
    page = tmp_path / "docs" / "page.md"
    code, _, _ = sotto(
        *("bench", "page", f"sotto={tmp_path / 'files.json'}", "--doc", page),
        *("--missing", "another: it needs a GPU"),
    )
    assert code == 0
    text = page.read_text()
    speed = json.loads((tmp_path / "files.json").read_text())["speed"]
    assert f"| sotto | {speed:.1f} |" in text
    assert "- another: it needs a GPU" in text
    assert "## Live streams" in text
    assert text.count("(not measured)") == 5
    assert "$" not in text
    assert str(tmp_path) not in text


def test_a_result_without_a_name(sotto, tmp_path):
    code, _, err = sotto("bench", "page", "a.json", "--doc", tmp_path / "page.md")
    assert code == 2
    assert "expected NAME=RESULT, got 'a.json'" in err
