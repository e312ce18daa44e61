"""What docs/python-client.md says is true: its examples run, its tables are those of the code."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import get_args

import pytest

import sotto.client
from sotto.client import Event, FileOptions, Patience
from sotto.client.inbox import MOST_UNREAD
from sotto.client.line import SILENT_SECONDS
from sotto.client.progress import KEPT_SECONDS, UNREAD_SECONDS
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

PAGE = (Path(__file__).parents[2] / "docs" / "python-client.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(code: str, server: Served, folder: Path) -> str:
    pcm = pcm_s16le(CLIP)
    with wave.open(str(folder / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(pcm.rate)
        file.writeframes(pcm.data)
    code = code.replace("localhost:8000", server.host)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize("example", EXAMPLES[:3])
def test_the_examples_print_the_words(server: Served, tmp_path: Path, example: str) -> None:
    printed = run(example, server, tmp_path)
    words = [word for word in printed.split() if word.isalpha()]
    assert words[: len(CLIP_TEXT.split())] == CLIP_TEXT.split()


@pytest.mark.parametrize("example", EXAMPLES[3:])
def test_the_other_examples_run(server: Served, tmp_path: Path, example: str) -> None:
    printed = run(example, server, tmp_path)
    assert ("unknown_model expected one of" in printed) == ("huge" in example)


def test_the_table_of_events_is_that_of_the_code() -> None:
    table = PAGE.split("| event | fields |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    said = {name: re.findall(r"`(\w+)`", fields) for name, fields in rows}
    said["Final"].remove("word_timestamps")
    assert {name: set(fields) for name, fields in said.items()} == {
        kind.__name__: {field.name for field in dataclasses.fields(kind)}
        for kind in get_args(Event)
    }


def test_the_figures_are_those_of_the_code() -> None:
    assert f"where {KEPT_SECONDS} s of sound are kept" in PAGE
    assert f"no more than {UNREAD_SECONDS} s of sound beyond" in PAGE
    assert f"{MOST_UNREAD:,} events may be unread" in PAGE
    assert f"nothing comes for {SILENT_SECONDS:g} s" in PAGE
    said = re.search(r"tries again after ([\d., \n]+) and then (\d+) seconds", PAGE)
    assert said is not None
    waits = [float(wait) for wait in (*said.group(1).split(","), said.group(2))]
    assert (tuple(waits), Patience().tries) == (Patience().waits, 10)


def test_the_options_of_a_file_are_those_of_the_code() -> None:
    said = PAGE.split("Those of a file are")[1].split(".\n")[0]
    assert set(re.findall(r"`(\w+)`", said)) == set(FileOptions.__annotations__)


def test_every_error_that_is_named_exists() -> None:
    table = PAGE.split("| error | when |")[1].split("\n\n")[0]
    first = "".join(line.split("|")[1] for line in table.splitlines()[2:])
    for name in re.findall(r"`(?:sotto\.client\.)?(\w+)`", first):
        kind = getattr(sotto.errors, name, None) or getattr(sotto.client, name)
        assert inspect.isclass(kind) and issubclass(kind, sotto.errors.SottoError)
