from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOTTO_MODELS__FOLDER", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def sotto(sotto, folder):
    return sotto


def copy_in(folder: Path, name: str, weights: int = 3 * 1024**2) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "config.json").write_text("{}")
    (folder / name / "tokenizer.json").write_text("{}")
    (folder / name / "vocabulary.txt").write_text("a")
    (folder / name / "model.bin").write_bytes(bytes(weights))
    return folder / name


def test_list_says_where_each_is(sotto, folder):
    copy_in(folder, "Systran--faster-whisper-tiny")
    copy_in(folder, "someone--dialect", weights=5 * 1024**2)
    code, out, _ = sotto("models", "list")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert rows[0] == ["name", "parameters", "place", "size"]
    assert ["nano", "4", "M", "bundled", "5", "MiB"] in rows
    assert ["tiny", "39", "M", "downloaded", "3", "MiB"] in rows
    assert ["base", "74", "M", "not", "here"] in rows
    assert ["large-v3", "large", "1550", "M", "not", "here"] in rows
    assert ["someone/dialect", "downloaded", "5", "MiB"] in rows


def test_path_prints_the_folder(sotto, folder):
    there = copy_in(folder, "Systran--faster-whisper-tiny")
    assert sotto("models", "path", "tiny") == (0, f"{there}\n", "")


def test_path_of_what_is_not_here_says_how_to_get_it(sotto):
    code, out, err = sotto("models", "path", "base")
    assert (code, out) == (1, "")
    assert "sotto models pull base" in err


def test_pull_of_what_is_here_prints_the_folder(sotto, folder):
    there = copy_in(folder, "Systran--faster-whisper-tiny")
    assert sotto("models", "pull", "tiny") == (0, f"{there}\n", "")


def test_pull_of_an_unknown_name_is_the_callers_fault(sotto):
    code, _, err = sotto("models", "pull", "huge")
    assert code == 2
    assert err.startswith("sotto: expected one of nano, tiny")
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["list", "pull", "path"])
def test_each_command_teaches_with_an_example(sotto, command):
    code, out, _ = sotto("models", command, "--help")
    assert code == 0
    assert "Example" in out
