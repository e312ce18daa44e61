"""Who may see the admin page's figures, and from which page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from sotto.app.build import build_access
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.errors import Forbidden, Unauthorized
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.runtime.access import Scope
from tests.asking import error_of
from tests.serving import Served, guarded

STATE = "/v1/admin/state"
LOAD = "/v1/admin/models/nano/load"
END = "/v1/admin/sessions/none"


def add(path: Path, name: str, **more: object) -> str:
    key = new_key()
    KeyFile(path).add(Key.model_validate({"name": name, "sha256": digest(key), **more}))
    return key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("admin_keys")


@pytest.fixture(scope="module")
def house(folder: Path) -> Iterator[tuple[Served, str]]:
    """A server that asks for keys, and a key that was made without scopes."""
    with guarded(folder) as (served, key):
        yield served, key


def test_a_key_must_be_made_for_it(house: tuple[Served, str], folder: Path) -> None:
    served, usual = house
    ops = add(folder / "keys.json", "ops", scopes=["admin"])
    with httpx2.Client(base_url=served.url, timeout=60) as http:
        assert http.get(STATE).status_code == 401
        for ask in (http.get(STATE, headers=of(usual)), http.post(LOAD, headers=of(usual))):
            assert ask.status_code == 403
            assert error_of(ask)["message"].startswith("expected a key for admin, got one for")
        assert http.get(STATE, headers=of(ops)).status_code == 200
        assert http.post(LOAD, headers=of(ops)).status_code == 202
        assert http.delete(END, headers=of(ops)).status_code == 404
        assert http.get("/v1/models", headers=of(ops)).status_code == 403
        assert http.get(STATE, params={"token": ops}).status_code == 401  # addresses are logged


def test_a_key_is_enough_wherever_the_page_is(house: tuple[Served, str], folder: Path) -> None:
    ops = add(folder / "keys.json", "remote", scopes=["admin"])
    headers = {**of(ops), "Host": "speech.example", "Origin": "https://ops.example"}
    assert httpx2.post(house[0].url + LOAD, headers=headers).status_code == 202


def test_the_page_is_open_and_no_other_page_may_hold_it(house: tuple[Served, str]) -> None:
    page = httpx2.get(house[0].url + "/admin")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Host": "["},
    ],
)
def test_where_no_key_is_asked_for_no_other_page_is_answered(
    server: Served, headers: dict[str, str]
) -> None:
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as http:
        for response in (http.post(LOAD), http.delete(END), http.get(STATE)):
            assert response.status_code == 403, response.text
            assert error_of(response)["code"] == "forbidden"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_its_own_page_and_programs_are_answered(server: Served, name: str) -> None:
    host = f"{name}:{server.host.rpartition(':')[2]}"
    page = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    typed = {"Host": host, "Sec-Fetch-Site": "none"}
    for headers in (page, typed, {"Host": host}):
        assert httpx2.post(server.url + LOAD, headers=headers).status_code == 202
        assert httpx2.get(server.url + STATE, headers=headers).status_code == 200


async def test_where_everybody_is_let_in_this_takes_a_key_all_the_same(tmp_path: Path) -> None:
    flags = [
        Flag("--host", "server.host", "0.0.0.0"),
        Flag("--bypass", "auth.bypass", True),
        Flag("--keys", "auth.keys", tmp_path / "keys.json"),
    ]
    access = build_access(load(flags, environ={}))
    for scope in set(Scope) - {Scope.ADMIN}:
        caller = await access.admit(None, scope)
        assert (caller.anonymous, Scope.ADMIN in caller.scopes) == (True, False)
    with pytest.raises(Unauthorized):
        await access.admit(None, Scope.ADMIN)
    with pytest.raises(Forbidden):
        await access.admit(add(tmp_path / "keys.json", "anna"), Scope.ADMIN)
    ops = add(tmp_path / "keys.json", "ops", scopes=["admin"])
    assert (await access.admit(ops, Scope.ADMIN)).name == "ops"


def of(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
