"""Each claim of docs/reliability.md has a command, and each command can be run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sotto.app.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
COMMANDS = re.findall(r"`((?:sotto|pytest|python)\s[^`]+)`", PAGE)
PROMISES = PAGE.split("## What is promised")[1].split("## What is not promised")[0]


def test_each_promise_has_its_command() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \|$", PROMISES, re.MULTILINE)[2:]
    assert len(rows) > 12
    for promise, shown in rows:
        ways = ("`sotto ", "`pytest ", "`python ", "the same commands")
        assert any(way in shown for way in ways), promise


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("sotto")])
def test_a_command_of_ours_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    ran = CliRunner().invoke(app, [*words[:2], "--help"], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    for option in (word for word in words if word.startswith("--")):
        assert option in ran.output


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("python ")])
def test_a_script_that_is_named_is_there(command: str) -> None:
    _, *words = shlex.split(command)
    name = words[1].replace(".", "/") + ".py" if words[0] == "-m" else words[0]
    script = (ROOT / name).read_text()
    for option in (word for word in words if word.startswith("--")):
        assert f'"{option}"' in script


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("pytest")])
def test_a_test_that_is_named_is_there(command: str) -> None:
    words = shlex.split(command)[1:]
    chosen = words[words.index("-k") + 1] if "-k" in words else ""
    files = [word for word in words if word.endswith(".py")]
    assert files
    for file in files:
        tests = re.findall(r"def (test_\w+)", (ROOT / file).read_text())
        for word in chosen.split(" or "):
            assert any(word in test for test in tests), (file, word)
