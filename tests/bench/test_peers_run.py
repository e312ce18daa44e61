"""Sotto beside peers in one run. The peers are Sotto too, started and spoken with as they are."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from sotto.app import cli
from sotto.bench.peers.contest import entry
from sotto.bench.peers.peer import Setup
from sotto.bench.peers.table import STREAMS
from tests.word_clips import word_clips

NANO = Path(__file__).parents[2] / "src" / "sotto" / "assets" / "nano"
SETUP = Setup(NANO, threads=1)

PYTHON = f"""#!{sys.executable}
import json, os, sys

program, words = os.path.basename(sys.argv[1]), sys.argv[2:]
asked = dict(zip(words[1:], words[2:]))
if program == "look.py":
    print(json.dumps({{"python": "3.0", "versions": {{words[0]: "7"}}}}))
elif words[0] == "faster-whisper":
    print(json.dumps({{"ready": True}}), flush=True)
    for line in sys.stdin:
        with open(json.loads(line), "rb") as file:
            size = len(file.read())
        print(json.dumps({{"seconds": 0.5, "text": f"{{size}} bytes"}}), flush=True)
else:
    serve = ["-m", "sotto", "serve", "--model", asked["--model"], "--port", asked["--port"]]
    os.execv(sys.executable, [sys.executable, *serve, "--log-level", "warning"])
"""
"""In place of a peer's Python: what is started is Sotto; what a file says is its size."""


@pytest.fixture
def sotto(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The command line: words in; exit code, stdout and stderr out."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sotto", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "python"
    path.parent.mkdir()
    path.write_text(PYTHON)
    path.chmod(0o755)
    return path


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return word_clips(tmp_path / "digits")


# Streams


def test_streams_of_sotto_and_of_peers_in_one_run(sotto, digits, python, tmp_path):
    absent = tmp_path / "absent" / "python"
    code, out, err = sotto(
        *("bench", "streams", digits, "--model", NANO, "--threads", 1, "--streams", "1"),
        *("--seconds", 5, "--warm-up", 0, "--speech", 0.9, "--seed", 27, "--offline", 1),
        *("--peer", f"whisperlivekit={python}", "--peer", f"speaches={absent}"),
        *("--output", tmp_path / "report"),
    )
    assert code == 0, err
    text = (tmp_path / "report" / "streams-peers.json").read_text()
    result = json.loads(text)
    one, two, three = result["servers"]
    assert [server["name"] for server in result["servers"]] == [
        "sotto",
        "whisperlivekit",
        "speaches",
    ]
    assert (two["python"], two["versions"]) == ("3.0", {"whisperlivekit": "7"})
    assert (one["obstacle"], two["obstacle"]) == (None, None)
    assert three["obstacle"] == "its Python does not run: FileNotFoundError"
    assert three["rounds"] == []
    for server in (one, two):
        (part,) = server["rounds"]
        (step,) = part["steps"]
        heard = step["result"]
        assert (part["round"], part["errors"], part["sustained"]) == (1, [], None)
        assert (step["clients"], heard["failures"]) == (1, [])
        assert heard["words"] == 4
        for spread in (heard["lag"], heard["stayed"]):
            assert 0 < spread["count"] <= heard["words"]
            assert math.isfinite(spread["most"])
    work = [server["rounds"][0]["steps"][0]["load"]["work"] for server in (one, two)]
    assert work[0] is not None
    assert work[1] is None  # nobody asks a peer for figures
    lines = [line.split() for line in out.splitlines()]
    assert [line[:2] for line in lines[:3]] == [
        ["server", "round"],
        ["sotto", "1"],
        ["whisperlivekit", "1"],
    ]
    assert lines[3][0] == "speaches"
    assert out.splitlines()[3].endswith("its Python does not run: FileNotFoundError")
    assert str(tmp_path) not in text
    assert (tmp_path / "report" / "streams-peers.svg").read_text().count("<svg") == 1
    settings = {"engine.device": "cpu", "engine.compute_type": "int8", "engine.threads": "1"}
    assert result["options"]["settings"] == settings
    assert result["options"]["peers"] == ["whisperlivekit", "speaches"]
    assert result["offline"]["utterances"] == 1


def test_a_peer_is_started_anew_and_its_folder_goes(python):
    peer = entry(STREAMS["whisperlivekit"], str(python), SETUP)
    with peer.start() as server:
        assert not server.tells_figures
        assert server.usage() is not None
    assert server.usage() is None


# Files


def test_files_of_sotto_and_of_peers_in_one_run(sotto, digits, python, tmp_path):
    code, out, err = sotto(
        *("bench", "files", "--data", digits, "--minutes", 0.2, "--rounds", 2, "--threads", 1),
        *("--peer", f"faster-whisper={python}"),
        *("--peer", f"faster-whisper-batched={tmp_path / 'absent'}", "-o", tmp_path),
    )
    assert code == 0, err
    rounds = [line for line in err.splitlines() if ": round " in line]
    assert rounds == [
        f"sotto: {name}: round {number} of 2"
        for number in (1, 2)
        for name in ("sotto", "faster-whisper")
    ]
    result = json.loads((tmp_path / "files-peers.json").read_text())
    one, two, three = result["servers"]
    assert one["result"]["wer"] < 0.5
    assert len(one["result"]["heard"]) == len(two["result"]["heard"]) == 2
    assert two["result"]["heard"][0]["text"].endswith(" bytes")
    assert two["result"]["heard"][0]["took"] == 0.5
    assert two["result"]["cores"] is None or two["result"]["cores"] >= 0
    assert (three["result"], three["versions"]) == (None, {})
    assert three["obstacle"] == "its Python does not run: FileNotFoundError"
    assert out.splitlines()[3].endswith(three["obstacle"])
    page = tmp_path / "page.md"
    code, _, _ = sotto("bench", "page", f"all={tmp_path / 'files-peers.json'}", "--doc", page)
    assert code == 0
    assert f"| all: faster-whisper | {two['result']['speed']:.1f} |" in page.read_text()
    assert "- faster-whisper-batched: its Python does not run" in page.read_text()


# What cannot be


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--peer", "other=python"], "expected NAME=PYTHON with one of whisperlive, "),
        (["--peer", "whisperlive=p", "--url", "http://127.0.0.1:9"], "got --url"),
        (["--peer", "whisperlive=p", "--model", "no-such"], "on this machine, got 'no-such'"),
        (["--peer", "whisperlive=p", "--decoder", "no-such"], "got no-such"),
        (["--rounds", "2"], "expected --peer beside --rounds"),
    ],
)
def test_what_cannot_be_compared(sotto, digits, options, why):
    code, _, err = sotto("bench", "streams", digits, *options)
    assert code == 2
    assert why in err
