"""What README and docs say is true: their examples run, their tables are those of the code."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sotto.app.cli import app
from sotto.app.codes import CLOSE, nearest
from sotto.audio.format import SAMPLE_RATE
from sotto.errors import SottoError
from sotto.runtime.container import read_file
from sotto.training.config import Recipe
from sotto.training.learning.space import check_space
from sotto.training.recipes import read_recipe
from sotto.transports.stream import Config, event_to_json
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
SOTTO = Path(sys.executable).with_name("sotto")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(program: str) -> list[str]:
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    return [line.partition("  #")[0].strip() for line in lines if line.startswith(program)]


def test_the_two_commands_stand_at_the_top() -> None:
    first = blocks(README, "sh")[0]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize("command", commands("sotto "))
def test_every_command_of_the_readme_is_understood(command: str) -> None:
    """Each with `--help` behind it, so that its name and options are parsed and nothing starts."""
    words = [word for word in shlex.split(command)[1:] if not word.startswith(">")]
    name = [word for word in words if not word.startswith("-")][: 2 if "models" in words else 1]
    help_text = CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "200"})
    assert help_text.exit_code == 0, help_text.output
    for option in (word for word in words if word.startswith("--")):
        assert option in help_text.output


def test_the_readmes_transcripts_run(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(CLIP.read_bytes())
    command = next(line for line in commands("sotto transcribe"))
    words = [str(SOTTO), *shlex.split(command)[1:]]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "00:00:00,000 --> " in ran.stdout
    spoken = [line for line in ran.stdout.splitlines() if re.fullmatch(r"[a-z ]+", line)]
    assert " ".join(spoken) == CLIP_TEXT


@pytest.mark.parametrize("command", commands("curl "))
def test_the_readmes_requests_are_answered(server: Served, tmp_path: Path, command: str) -> None:
    (tmp_path / "talk.mp3").write_bytes(CLIP.read_bytes())
    words = shlex.split(command.replace("http://localhost:8000", server.url))
    ran = subprocess.run(
        [words[0], "-sf", *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    if "-o" in words:
        pieces = list(read_file(tmp_path / words[words.index("-o") + 1]))
        assert sum(map(len, pieces)) > SAMPLE_RATE // 2
    else:
        assert "nine" in ran.stdout or "nano" in ran.stdout


def test_the_readmes_python_client_prints_the_words(server: Served, tmp_path: Path) -> None:
    pcm = pcm_s16le(CLIP)
    with wave.open(str(tmp_path / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(pcm.rate)
        file.writeframes(pcm.data)
    (code,) = blocks(README, "python")
    code = code.replace("ws://localhost:8000/stream", server.stream)
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == CLIP_TEXT.split()


def test_every_file_that_is_named_exists() -> None:
    for page in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")):
        text = page.read_text()
        for target in re.findall(r"\]\((?!http)([^)#]+)", text):
            assert (page.parent / target).exists(), (page.name, target)
    architecture = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:[a-z]+/)+[a-z_0-9]+\.py)", architecture)
    assert len(named) > 30
    for file in named:
        assert (ROOT / "src" / "sotto" / file).exists() or (ROOT / file).exists(), file
    assert len(architecture.splitlines()) <= 190


def test_the_recipes_of_the_page_on_training_are_recipes(tmp_path: Path) -> None:
    whole, search = blocks((ROOT / "docs" / "training.md").read_text(), "toml")
    (tmp_path / "mine.toml").write_text(whole + search)
    recipe = read_recipe(tmp_path / "mine.toml")
    assert recipe.model.start == "openai/whisper-tiny"
    assert recipe.search is not None
    check_space(recipe.search, Recipe)


def test_the_table_of_settings_is_that_of_the_code() -> None:
    ran = CliRunner().invoke(app, ["config", "--markdown"])
    assert (ROOT / "docs" / "settings.md").read_text().endswith("\n\n" + ran.output)


def test_the_table_of_the_configuration_is_that_of_the_code() -> None:
    table = PROTOCOL.split("**1. One text message")[1].split("**2.")[0]
    named = set(re.findall(r"^\| `(\w+)`(?: \(or `(\w+)`\))?", table, re.MULTILINE))
    assert {name for pair in named for name in pair if name} == set(Config.model_fields)


def test_the_table_of_events_is_that_of_the_code() -> None:
    handled = ast.parse(Path(event_to_json.__code__.co_filename).read_text())
    kinds = {
        value.value
        for node in ast.walk(handled)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant)
    }
    table = PROTOCOL.split("Every message has a `type`.")[1].split("`words` is a list")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == kinds


def test_the_table_of_close_codes_is_that_of_the_code() -> None:
    table = PROTOCOL.split("## How it ends")[1].split("## An example")[0]
    said: dict[str, int] = {}
    for code, names in re.findall(r"^\| (\d{4}) \| ([^|]+)\|", table, re.MULTILINE):
        said |= dict.fromkeys(re.findall(r"`(\w+)`", names), int(code))
    leaves = [SottoError]
    for kind in leaves:
        leaves += kind.__subclasses__()
    for kind in leaves:
        if kind.code in said:
            assert nearest(CLOSE, kind.__new__(kind)) == said[kind.code], kind
    assert set(said) <= {kind.code for kind in leaves}


def test_the_example_of_the_protocol_is_json() -> None:
    (example,) = re.findall(r"## An example\n\n```\n(.*?)```", PROTOCOL, re.DOTALL)
    for line in example.splitlines():
        text = line[2:].strip()
        if text.startswith("{") and "…" not in text:
            assert isinstance(json.loads(text), dict)
