from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from sotto.errors import Unauthorized
from sotto.plugins.auth.keys import Keys
from sotto.runtime.access import USUAL, Allowance, Scope


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.json"
    monkeypatch.setenv("SOTTO_AUTH__KEYS", str(path))
    return path


@pytest.fixture
def sotto(sotto, file):
    return sotto


async def test_a_key_is_printed_once_and_is_good(sotto, file):
    code, out, err = sotto("keys", "add", "anna")
    key = out.strip()
    assert code == 0
    assert out == f"{key}\n"
    assert key.startswith("sk-sotto-")
    assert "shown only now" in err
    assert key not in err
    assert key not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    caller = await Keys(file, Allowance()).caller(key)
    assert (caller.name, caller.scopes, caller.allowance) == ("anna", USUAL, Allowance())
    assert key not in sotto("keys", "list")[1]


async def test_scopes_and_limits_are_kept(sotto, file):
    words = "add kiosk --scope streams --scope models --rate 60 --concurrent 2 --minutes-per-day 9"
    _, out, _ = sotto("keys", *words.split())
    caller = await Keys(file, Allowance()).caller(out.strip())
    assert caller.scopes == {Scope.STREAMS, Scope.MODELS}
    assert caller.allowance == Allowance(60, 2, 9)


def test_list_shows_each(sotto):
    sotto("keys", "add", "anna")
    sotto("keys", "add", "kiosk", "--scope", "streams", "--rate", 60, "--concurrent", 2)
    code, out, _ = sotto("keys", "list")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert rows[1][:5] == ["anna", "files", "models", "sessions", "streams"]
    assert rows[2][:4] == ["kiosk", "streams", "60", "2"]
    assert len(rows) == 3


def test_where_there_is_none_list_says_how_to_make_one(sotto, file):
    code, _, err = sotto("keys", "list")
    assert code == 0
    assert err == f"no keys in {file}: `sotto keys add NAME` makes one\n"
    assert not file.exists()


async def test_a_revoked_key_is_good_for_nothing(sotto, file):
    _, out, _ = sotto("keys", "add", "anna")
    keys = Keys(file, Allowance())
    assert await keys.caller(out.strip())
    code, said, err = sotto("keys", "revoke", "anna")
    assert (code, said) == (0, "")
    assert "anna is no longer let in" in err
    with pytest.raises(Unauthorized):
        await keys.caller(out.strip())


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("add anna", "expected a new name, got 'anna', which is taken"),
        ("add an:na", "expected name to be 1 to 64 letters"),
        ("add " + "a" * 65, "expected name to be 1 to 64 letters"),
        ("add b --rate 0", "expected rate to be greater than or equal to 1, got 0"),
        ("add b --rate 10001", "expected rate to be less than or equal to 10000, got 10001"),
        ("add b --concurrent -1", "expected concurrent to be greater than or equal to 1, got -1"),
        (
            "add b --minutes-per-day 0",
            "expected minutes-per-day to be greater than or equal to 1, got 0",
        ),
        ("add b --scope fly", "expected one of files, streams, models, sessions, admin, got 'fly'"),
        ("revoke bert", "expected the name of a key (anna), got 'bert'"),
    ],
)
def test_each_fault_is_a_sentence(sotto, file, words, fault):
    sotto("keys", "add", "anna")
    before = file.read_bytes()
    code, out, err = sotto("keys", *words.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"sotto: {fault}")
    assert file.read_bytes() == before


def test_a_broken_file_is_left_as_it_is(sotto, file):
    file.write_text("{")
    for words in (["list"], ["add", "a"], ["revoke", "a"]):
        code, _, err = sotto("keys", *words)
        assert code == 1
        assert err.startswith(f"sotto: expected keys in {file}")
    assert file.read_text() == "{"


def test_the_file_is_the_one_of_the_settings(sotto, tmp_path, monkeypatch):
    monkeypatch.delenv("SOTTO_AUTH__KEYS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    sotto("keys", "add", "anna")
    found = json.loads((tmp_path / "data" / "sotto" / "keys.json").read_text())
    assert [key["name"] for key in found["keys"]] == ["anna"]
    (tmp_path / "other.toml").write_text(f'[auth]\nkeys = "{tmp_path}/other.json"\n')
    sotto("--config", tmp_path / "other.toml", "keys", "add", "bert")
    assert (tmp_path / "other.json").exists()


@pytest.mark.parametrize("command", ["add", "list", "revoke"])
def test_each_command_teaches_with_an_example(sotto, command):
    code, out, _ = sotto("keys", command, "--help")
    assert code == 0
    assert "Example" in out
