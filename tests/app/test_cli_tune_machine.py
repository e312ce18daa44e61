from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

import sotto as package
from sotto.app.settings import load

NANO = Path(package.__file__).parent / "assets" / "nano"


@pytest.fixture
def tune(sotto):
    return partial(sotto, "tune-machine", "--seconds", 1)


def test_the_choice_is_one_of_what_was_measured(tune):
    code, out, err = tune("--json")
    result = json.loads(out)
    assert code == 0
    assert err.startswith("sotto: nano: ")
    assert result["kind"] == "machine"
    assert result["options"]["model"] == "nano"
    assert result["in_force"] == {"threads": 0, "max_batch": 16}
    counts = {point["threads"] for point in result["points"]}
    assert {0, 1, result["machine"]["cores"]} <= counts
    choice = result["choice"]
    [chosen] = [
        point
        for point in result["points"]
        if (point["threads"], point["batch"]) == (choice["threads"], choice["max_batch"])
        and point["window"] == 3.04
    ]
    assert chosen["took_a_window"] * chosen["batch"] == pytest.approx(chosen["took"])
    assert chosen["windows_a_second"] == pytest.approx(1 / chosen["took_a_window"])
    assert {point["window"] for point in result["points"]} == {0.8, 3.04, 10.08}


def test_the_lines_are_settings(tune, sotto, tmp_path):
    code, out, _ = tune()
    assert code == 0
    table, _, lines = out.partition("[engine]")
    (tmp_path / "sotto.toml").write_text(f"[engine]{lines}")
    settings = load(environ={})
    [chosen] = [line.split() for line in table.splitlines() if line.startswith("chosen")]
    assert chosen[1:3] == [str(settings.engine.threads), str(settings.engine.max_batch)]
    _, out, _ = sotto("config", "--json")
    rows = {row["key"]: row for row in json.loads(out)}
    for key in ("engine.threads", "engine.max_batch"):
        assert rows[key]["source"] == f"file {tmp_path / 'sotto.toml'}"


def test_what_is_in_force_is_measured_and_where_the_file_is_overruled_it_is_said(
    tune, tmp_path, monkeypatch
):
    (tmp_path / "sotto.toml").write_text("[engine]\nmax_batch = 3\n")
    monkeypatch.setenv("SOTTO_ENGINE__THREADS", "1")
    code, out, err = tune()
    assert code == 0
    [now] = [line.split() for line in out.splitlines() if line.startswith("in force")]
    assert now[2:4] == ["1", "3"]
    assert "0, the engine's own" not in out
    assert "env SOTTO_ENGINE__THREADS says 1, and goes before the file" in err
    assert "max_batch says" not in err


def test_the_largest_model_that_is_served_is_measured(tune, tmp_path):
    folder = tmp_path / "secret-place"
    shutil.copytree(NANO, folder)
    paths = f'[models]\npaths = {{mine = "{folder}"}}\n'
    (tmp_path / "sotto.toml").write_text(paths)
    _, out, _ = tune("--json")
    assert json.loads(out)["options"]["model"] == "mine"
    _, out, _ = tune("--json", "--model", "nano")
    assert json.loads(out)["options"]["model"] == "nano"
    _, out, _ = tune("--json", "--model", folder)
    assert json.loads(out)["options"]["model"] == "secret-place"
    assert str(tmp_path) not in out


@pytest.mark.parametrize(("load", "told"), [(0.2, False), (2.7, True)])
def test_a_machine_that_does_something_else_is_told(tune, monkeypatch, load, told):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    _, out, err = tune("--json")
    assert json.loads(out)["load_before"] == load
    assert ("load average 2.7" in err) is told


@pytest.mark.parametrize(
    ("model", "expected", "said"),
    [
        ("nobodys", 2, "expected one of nano, tiny, "),
        ("./nowhere", 1, "got no such folder"),
    ],
)
def test_a_model_that_there_is_not(tune, model, expected, said):
    code, out, err = tune("--model", model)
    assert (code, out) == (expected, "")
    assert said in err


def test_less_than_a_second_is_refused(sotto):
    code, _, err = sotto("tune-machine", "--seconds", 0.5)
    assert code == 2
    assert "greater than or equal to 1" in err


@pytest.mark.parametrize(("command", "other"), [("tune", "tune-machine"), ("tune-machine", "tune")])
def test_neither_is_taken_for_the_other(sotto, command, other):
    _, out, _ = sotto(command, "--help")
    assert f"`sotto {other}`" in out
