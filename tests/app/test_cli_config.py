from __future__ import annotations

import json
import subprocess
import sys

import pytest

from sotto.app.settings import effective, load


def test_the_table_is_aligned_and_names_sources(sotto, monkeypatch):
    monkeypatch.setenv("SOTTO_SERVER__PORT", "9000")
    code, out, _ = sotto("config")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["setting", "value", "source"]
    at = lines[0].index("value")
    assert all(line[at - 1] == " " and line[at] != " " for line in lines)
    [port] = [line for line in lines if line.startswith("server.port")]
    assert port.split(maxsplit=2) == ["server.port", "9000", "env SOTTO_SERVER__PORT"]


def test_json_is_for_programs(sotto):
    _, out, _ = sotto("config", "--json")
    rows = json.loads(out)
    assert {"key": "server.port", "value": 8000, "source": "default"} in rows


def test_the_file_to_start_from_says_the_same_again(sotto, tmp_path, monkeypatch):
    environ = {
        "SOTTO_MODELS__PATHS": 'mine=/a "b"/ü',
        "SOTTO_MODELS__IDLE_UNLOAD": "60",
        "SOTTO_SERVER__CORS_ORIGINS": "http://a, http://b",
        "SOTTO_AUTH__BYPASS": "yes",
        "SOTTO_DECODE__AUDIO_CONTEXT": "none",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    _, out, _ = sotto("config", "--toml")
    file = tmp_path / "again.toml"
    file.write_text(out, encoding="utf-8")
    said, again = load(environ=environ), load(config=file, environ={})
    assert again.model_dump() == said.model_dump()
    assert {row[0] for row in effective(again) if row[2] == f"file {file}"} == {
        "models.paths",
        "models.idle_unload",
        "server.cors_origins",
        "auth.bypass",
    }


def test_every_line_of_the_file_can_be_put_in_force(sotto, tmp_path):
    _, out, _ = sotto("config", "--toml")
    file = tmp_path / "all.toml"
    file.write_text("\n".join(line.removeprefix("# ") for line in out.splitlines()))
    assert load(config=file, environ={}).model_dump() == load(environ={}).model_dump()


def test_config_names_a_file(sotto, tmp_path):
    (tmp_path / "x.toml").write_text("[server]\nport = 7\n")
    _, out, _ = sotto("--config", "x.toml", "config", "--json")
    [row] = [row for row in json.loads(out) if row["key"] == "server.port"]
    assert row == {"key": "server.port", "value": 7, "source": "file x.toml"}


def test_a_fault_is_said_without_a_traceback(sotto, monkeypatch):
    monkeypatch.setenv("SOTTO_SERVER__PORT", "abc")
    code, out, err = sotto("config")
    assert (code, out) == (2, "")
    assert err == (
        "sotto: env SOTTO_SERVER__PORT: expected server.port to be a valid integer, got 'abc'\n"
    )


def test_an_unknown_command_is_the_callers_fault(sotto):
    code, _, err = sotto("nonsense")
    assert code == 2
    assert "nonsense" in err


def test_version(sotto):
    code, out, _ = sotto("--version")
    assert (code, out) == (0, "sotto 0.1.0\n")


@pytest.mark.parametrize("command", [["--help"], ["config", "-h"], ["models", "--help"]])
def test_help(sotto, command):
    code, out, _ = sotto(*command)
    assert code == 0
    assert "Usage: sotto" in out


def test_help_imports_nothing_heavy():
    heavy = ("ctranslate2", "onnxruntime", "av", "fastapi", "huggingface_hub", "numpy", "pydantic")
    script = (
        f"import sys, sotto.app.cli\nprint([name for name in {heavy!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
