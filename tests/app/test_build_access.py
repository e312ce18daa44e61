"""From settings to who is let in, and what the server says of it at its start."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from sotto.app.build import build_access, open_because
from sotto.app.server import _say_who_may_speak
from sotto.app.setting_sources import Flag
from sotto.app.settings import Settings, effective, load
from sotto.errors import BadOption, KeysUnavailable, Unauthorized
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.runtime.access import Open, Scope
from sotto.runtime.guard import Guarded
from tests.signing import SECRET, claims, signed
from tests.terminal import start


def settings_of(tmp_path: Path, host: str = "0.0.0.0", **auth: Any) -> Settings:
    flags = [Flag("--host", "server.host", host), Flag("", "auth.keys", tmp_path / "keys.json")]
    flags += [Flag("", f"auth.{name}", value) for name, value in auth.items()]
    return load(flags, environ={})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_everyone_is_let_in_unless_told_otherwise(tmp_path: Path, host: str) -> None:
    settings = settings_of(tmp_path, host)
    assert isinstance(build_access(settings), Open)
    assert "only this machine" in (open_because(settings) or "")
    settings = settings_of(tmp_path, host, on_loopback=True)
    assert isinstance(build_access(settings), Guarded)
    assert open_because(settings) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "speech.example", ""])
def test_elsewhere_keys_are_asked_for_unless_bypassed(tmp_path: Path, host: str) -> None:
    assert isinstance(build_access(settings_of(tmp_path, host)), Guarded)
    settings = settings_of(tmp_path, host, bypass=True)
    assert isinstance(build_access(settings), Open)
    assert open_because(settings) == "auth.bypass is set"


async def test_keys_tokens_and_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    key = new_key()
    KeyFile(tmp_path / "keys.json").add(Key(name="a", sha256=digest(key)))
    access = build_access(
        settings_of(
            tmp_path,
            jwt_secret=SECRET,
            jwt_audiences="sotto, jitsi",
            jwt_scopes="streams",
            jwt_meeting_claim="room",
            jwt_speaker_claim="sub",
            rate=7,
            concurrent=3,
        )
    )
    caller = await access.admit(key, Scope.FILES)
    assert (caller.allowance.rate, caller.allowance.concurrent) == (7, 3)
    token = signed(SECRET, claims(room="m", sub="s"), None, "HS256")
    caller = await access.admit(token, Scope.STREAMS)
    assert (caller.meeting, caller.speaker, caller.scopes) == ("m", "s", {Scope.STREAMS})
    assert caller.allowance.rate == 7
    with pytest.raises(Unauthorized):
        await access.admit(signed(SECRET, claims(), None, "HS256"), Scope.STREAMS)


@pytest.mark.parametrize(
    "place",
    [
        {"jwt_folder": "/keys"},
        {"jwt_jwks": "/jwks.json"},
        {"jwt_bases": ("https://keys.example",)},
        {"jwt_secret": SECRET},
    ],
)
def test_tokens_need_an_audience(tmp_path: Path, place: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=r"expected auth\.jwt_audiences to name this server"):
        build_access(settings_of(tmp_path, **place))
    build_access(settings_of(tmp_path, **place, jwt_audiences=("a",)))
    build_access(settings_of(tmp_path, **place, bypass=True))


@pytest.mark.parametrize(
    "fault",
    [
        {"jwt_secret": "short"},
        {"jwt_jwks": "ftp://a/b"},
        {"jwt_bases": ("file:///etc",)},
        {"jwt_bases": ("https://",)},
    ],
)
def test_what_cannot_be_is_refused_at_the_start(tmp_path: Path, fault: dict[str, Any]) -> None:
    with pytest.raises(BadOption) as refused:
        build_access(settings_of(tmp_path, **fault, jwt_audiences=("a",)))
    assert "short" not in refused.value.message


def test_a_broken_file_of_keys_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(KeysUnavailable, match="expected keys in"):
        build_access(settings_of(tmp_path))


def test_the_secret_is_not_shown(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, jwt_secret=SECRET)
    assert SECRET not in repr(settings)
    assert SECRET not in str(effective(settings))


@pytest.mark.parametrize(
    ("environ", "bases"),
    [
        ({}, []),
        ({"FOLDER": "server"}, ["https://keys.example/asap/server"]),
        (
            {"FOLDER": "/server/", "FALLBACK_FOLDER": "old"},
            ["https://keys.example/asap/server", "https://keys.example/asap/old"],
        ),
    ],
)
def test_skynets_names_are_understood(environ: dict[str, str], bases: list[str]) -> None:
    said = {f"ASAP_PUB_KEYS_{name}": value for name, value in environ.items()}
    said |= {"ASAP_PUB_KEYS_REPO_URL": "https://keys.example/asap/", "ASAP_PUB_KEYS_AUDS": "a, b"}
    rows = {key: (value, source) for key, value, source in effective(load(environ=said))}
    assert rows["auth.jwt_audiences"] == (["a", "b"], "env ASAP_PUB_KEYS_AUDS")
    assert rows["auth.jwt_bases"] == (
        bases or ["https://keys.example/asap/"],
        "env ASAP_PUB_KEYS_REPO_URL",
    )
    ours = load(environ=said | {"SOTTO_AUTH__JWT_BASES": "https://other.example"})
    assert ours.auth.jwt_bases == ("https://other.example",)


# ---- the first words


def said(settings: Settings, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="sotto"):
        _say_who_may_speak(settings)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_the_server_says_who_may_speak(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ((level, text),) = said(settings_of(tmp_path, "127.0.0.1"), caplog)
    assert level == "INFO"
    assert text.startswith("anybody who can connect may speak: only this machine can")
    ((level, text),) = said(settings_of(tmp_path, bypass=True), caplog)
    assert (level, text) == (
        "WARNING",
        "anybody who can connect may speak: auth.bypass is set",
    )
    (_, text), (level, hint) = said(settings_of(tmp_path), caplog)
    assert text == f"a key is asked for (keys in {tmp_path / 'keys.json'}: 0)"
    assert level == "WARNING"
    assert "`sotto keys add NAME` makes one" in hint
    ((_, text),) = said(settings_of(tmp_path, jwt_folder="/keys"), caplog)
    assert text.startswith("a key or a signed token is asked for (keys in ")
    KeyFile(tmp_path / "keys.json").add(Key(name="a", sha256=digest(new_key())))
    ((_, text),) = said(settings_of(tmp_path), caplog)
    assert text == f"a key is asked for (keys in {tmp_path / 'keys.json'}: 1)"


def test_a_server_that_asks_for_keys_says_how_to_make_one(tmp_path: Path) -> None:
    environ = os.environ | {
        "SOTTO_AUTH__ON_LOOPBACK": "1",
        "SOTTO_AUTH__KEYS": str(tmp_path / "keys.json"),
    }
    with start("serve", "--port", "0", env=environ) as command:
        assert command.stderr is not None
        lines = []
        for line in command.stderr:
            lines.append(line)
            if "makes one" in line:
                break
        command.terminate()
        command.communicate(timeout=60)
    assert any("a key is asked for (keys in " in line for line in lines), lines
    assert "there is no key yet: `sotto keys add NAME` makes one" in lines[-1]
