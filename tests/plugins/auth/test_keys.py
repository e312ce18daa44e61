from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from sotto.clock import SystemClock
from sotto.errors import BadOption, KeysUnavailable, Unauthorized
from sotto.plugins.auth.key_file import KEY_PREFIX, Key, KeyFile, digest, new_key
from sotto.plugins.auth.keys import Keys
from sotto.runtime.access import USUAL, Allowance, Scope
from sotto.runtime.guard import Guarded


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "deep" / "keys.json")


def add(file: KeyFile, name: str, **more: object) -> str:
    key = new_key()
    file.add(Key.model_validate({"name": name, "sha256": digest(key), **more}))
    return key


def keys_of(file: KeyFile, default: Allowance | None = None) -> Keys:
    return Keys(file.path, default or Allowance())


# ---- the file


def test_a_key_is_random_and_not_in_the_file(file: KeyFile) -> None:
    made = {add(file, f"n{number}") for number in range(5)}
    assert len(made) == 5
    text = file.path.read_text()
    for key in made:
        assert key.startswith(KEY_PREFIX)
        assert len(key) == len(KEY_PREFIX) + 43  # 256 bits, six in each letter
        assert key.removeprefix(KEY_PREFIX) not in text
        assert digest(key) in text


def test_the_file_is_its_owners_alone(file: KeyFile) -> None:
    add(file, "a")
    file.path.chmod(0o644)
    add(file, "b")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_name_is_taken_once_and_free_again(file: KeyFile) -> None:
    first = add(file, "a")
    with pytest.raises(BadOption, match="which is taken"):
        add(file, "a")
    file.revoke("a")
    assert add(file, "a") != first
    assert [key.name for key in file.read()] == ["a"]


def test_what_is_not_there_cannot_be_revoked(file: KeyFile) -> None:
    with pytest.raises(BadOption, match="no keys at all"):
        file.revoke("a")
    add(file, "b")
    with pytest.raises(BadOption, match=r"\(b\), got 'a'"):
        file.revoke("a")


def test_a_write_that_fails_leaves_the_old_file(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(file, "a")
    before = file.path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeysUnavailable, match="No space left"):
        add(file, "b")
    assert file.path.read_bytes() == before
    assert sorted(path.name for path in file.path.parent.iterdir()) == [
        "keys.json",
        "keys.json.lock",
    ]


def add_some(path: Path, who: int) -> None:
    for number in range(10):
        add(KeyFile(path), f"{who}-{number}")


def test_commands_at_once_lose_no_key(file: KeyFile) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=add_some, args=(file.path, who)) for who in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    assert [other.exitcode for other in others] == [0, 0, 0]
    assert len(file.read()) == 30


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"keys": {}}',
        '{"keys": [{"name": "a"}]}',
        '{"keys": [{"name": "a b", "sha256": "%s"}]}' % ("0" * 64),
        '{"keys": [{"name": "jwt:a", "sha256": "%s"}]}' % ("0" * 64),
        '{"keys": [{"name": "a", "sha256": "%s"}]}' % ("0" * 63),
        '{"keys": [{"name": "a", "sha256": "%s", "scopes": ["fly"]}]}' % ("0" * 64),
        '{"keys": [{"name": "a", "sha256": "%s", "rate": 0}]}' % ("0" * 64),
        '{"keys": [{"name": "a", "sha256": "%s", "sc0pes": []}]}' % ("0" * 64),
        "[" * 100_000,
    ],
)
def test_a_broken_file_is_told_in_a_sentence(file: KeyFile, text: str) -> None:
    file.path.parent.mkdir()
    file.path.write_text(text)
    with pytest.raises(KeysUnavailable, match="expected keys in"):
        file.read()
    with pytest.raises(KeysUnavailable):
        add(file, "b")
    assert file.path.read_text() == text


def test_bytes_and_folders_are_no_files_of_keys(file: KeyFile) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KeysUnavailable):
        file.read()
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(KeysUnavailable, match="cannot read"):
        file.read()


# ---- who holds which


async def test_a_key_says_who_holds_it(file: KeyFile) -> None:
    anna = add(file, "anna", scopes=["files"], rate=5, concurrent=2, minutes=7)
    bert = add(file, "bert")
    keys = keys_of(file, Allowance(rate=100, concurrent=9, minutes=99))
    caller = await keys.caller(anna)
    assert caller is not None
    assert (caller.name, caller.scopes) == ("anna", {Scope.FILES})
    assert caller.allowance == Allowance(5, 2, 7)
    caller = await keys.caller(bert)
    assert caller is not None
    assert (caller.name, caller.scopes) == ("bert", USUAL)
    assert caller.allowance == Allowance(100, 9, 99)


async def test_what_is_not_a_key_is_left_to_others(file: KeyFile) -> None:
    assert await keys_of(file).caller("a.b.c") is None


async def test_a_key_that_is_not_ours_is_refused(file: KeyFile) -> None:
    key = add(file, "a")
    keys = keys_of(file)
    for wrong in (new_key(), key[:-1], key + "x", KEY_PREFIX, KEY_PREFIX + digest(key)):
        with pytest.raises(Unauthorized):
            await keys.caller(wrong)


async def test_a_key_is_good_from_the_moment_it_is_made_to_that_of_its_revocation(
    file: KeyFile,
) -> None:
    keys = keys_of(file)
    for name in ("a", "b", "c"):
        key = add(file, name)
        caller = await keys.caller(key)
        assert caller is not None
        assert keys.stands(caller)
        file.revoke(name)
        assert not keys.stands(caller)
        with pytest.raises(Unauthorized):
            await keys.caller(key)


async def test_a_secret_of_a_revoked_key_is_refused(file: KeyFile) -> None:
    guarded = Guarded([keys_of(file)], SystemClock())
    caller = await guarded.admit(add(file, "a"), Scope.STREAMS)
    secret = guarded.issue(caller, 60).value
    assert (await guarded.admit(secret, Scope.STREAMS)).name == "a"
    file.revoke("a")
    add(file, "a")  # another of that name is another
    with pytest.raises(Unauthorized):
        await guarded.admit(secret, Scope.STREAMS)


async def test_a_file_that_breaks_lets_in_nobody_until_it_is_mended(
    file: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    key = add(file, "a")
    keys = keys_of(file)
    good = file.path.read_text()
    file.path.write_text(good[:-20])
    for _ in range(3):
        with pytest.raises(KeysUnavailable) as refused:
            await keys.caller(key)
        assert str(file.path) not in refused.value.message
    assert [str(file.path) in record.message for record in caplog.records] == [True]
    file.path.write_text(good)
    assert await keys.caller(key) is not None
    file.path.unlink()
    with pytest.raises(Unauthorized):
        await keys.caller(key)


def test_a_server_does_not_begin_with_a_broken_file(file: KeyFile) -> None:
    file.path.parent.mkdir()
    file.path.write_text(json.dumps({"keys": 1}))
    with pytest.raises(KeysUnavailable, match="expected keys in"):
        keys_of(file)


async def test_a_file_that_is_the_same_is_not_read_again(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = add(file, "a")
    keys = keys_of(file)

    def read(self: KeyFile) -> tuple[Key, ...]:
        raise AssertionError("it was read")

    monkeypatch.setattr(KeyFile, "read", read)
    assert await keys.caller(key) is not None
