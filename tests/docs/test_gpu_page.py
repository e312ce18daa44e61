"""docs/gpu.md: its arithmetic is the code's, its places are filled, its commands understood."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sotto.app.cli import app
from sotto.bench.engine.arithmetic import at_least, limits
from sotto.bench.engine.page import PLACES, filled

PAGE = (Path(__file__).parents[2] / "docs" / "gpu.md").read_text()


def place(text: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found is not None
    return found[1].strip()


def test_the_arithmetic_is_the_codes():
    assert place(PAGE, "work") == at_least().markdown()
    assert place(PAGE, "limits") == limits().markdown()


def test_filling_it_changes_nothing_but_the_places():
    empty = filled(PAGE, [])
    for name in PLACES[2:-1]:
        assert place(empty, name) == "(not measured)"
    assert place(empty, "faults") == "Nothing."

    def without(text: str) -> str:
        for name in PLACES:
            text = text.replace(place(text, name), "")
        return re.sub(r"\n+", "\n", text)

    assert without(empty) == without(PAGE)


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("sotto ")]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_understood(command):
    words = shlex.split(command)
    named = takewhile(lambda word: not word.startswith("-"), words[1:3])
    helped = CliRunner().invoke(app, [*named, "--help"], env={"COLUMNS": "200"})
    assert helped.exit_code == 0, helped.output
    for option in (word for word in words if word.startswith("--")):
        assert option in helped.output
