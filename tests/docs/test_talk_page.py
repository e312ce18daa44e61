"""What docs/talk.md says is true: its example runs, and what it names is there."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sotto.app.cli import app
from sotto.app.settings import keys, variable
from sotto.app.talk import FIRST_PAUSE, LONGEST_PAUSE
from sotto.audio.format import FRAMES_PER_SECOND
from sotto.dialogue.turn import NEARLY_OVER, PATIENCE, SETTLING, SPEECH
from sotto.plugins.llm.parrot import Parrot
from sotto.runtime.metric_table import rows
from sotto.runtime.metrics import Metrics
from tests.serving import Served

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "talk.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
WHOLE = [example for example in EXAMPLES if "asyncio.run(" in example]


@pytest.mark.parametrize("example", WHOLE)
def test_the_whole_example_prints_an_answer(server: Served, example: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", example.replace("localhost:8000", server.host)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("You said: Good morning!")


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_others_are_python(example: str) -> None:
    compile(example, "talk.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_every_setting_and_metric_is_one_of_the_code() -> None:
    groups = {key.partition(".")[0] for key in keys()}
    named = set(re.findall(rf"`((?:{'|'.join(groups)})\.\w+)`", PAGE))
    assert {"talk.url", "talk.key", "voice.engines", "voice.sherpa"} <= named
    assert named <= set(keys())
    variables = set(re.findall(r"\bSOTTO_[A-Z_]+\b", PAGE))
    assert variables <= {variable(key) for key in keys()}
    assert set(re.findall(r"`(sotto_\w+)`", PAGE)) <= {row.name for row in rows(Metrics())}


def test_every_command_is_understood() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("sotto ")]
    commands += [shlex.split(line) for line in re.findall(r"`sotto ([a-z][^`]*)`", PAGE)]
    assert len(commands) >= 5
    for words in commands:
        name = words[:2] if words[0] == "bench" else words[:1]
        told = CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "200"})
        assert told.exit_code == 0, told.output
        for option in (word for word in words if word.startswith("-")):
            assert option in told.output, (words, option)


def test_the_bounds_of_interruptions_are_those_of_the_code() -> None:
    told = " ".join(PAGE.split())
    assert f"{SPEECH * 1_000 // FRAMES_PER_SECOND} ms of speech" in told
    assert f"After {PATIENCE // FRAMES_PER_SECOND} s the answer goes on" in told
    assert (SETTLING, NEARLY_OVER) == (FRAMES_PER_SECOND, FRAMES_PER_SECOND)
    assert f"after {FIRST_PAUSE:g} s" in told
    assert f"{LONGEST_PAUSE / 60:g} min" in told


def test_what_it_says_of_itself_without_a_model_is_in_its_first_answer() -> None:
    assert Parrot.name == "parrot"
    assert "Without a language model it repeats what it heard, and says that it does" in PAGE


def test_every_file_that_shows_it_is_there() -> None:
    for place in re.findall(r"`(tests/[\w/.]+)`", PAGE):
        assert (ROOT / place).exists(), place
