"""Who may speak, over real HTTP and real WebSockets."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.plugins.auth.public_keys import pem_name
from tests.asking import TRANSCRIPTIONS, answer_on, error_of, eventually, transcribe
from tests.asking import connect as connect_raw
from tests.listening import listen
from tests.serving import Served, serving, watched
from tests.signing import (
    AUDIENCE,
    SECRET,
    KeyServer,
    b64,
    by_hand,
    claims,
    ec_key,
    jwks,
    key_server,
    pem,
    rsa_key,
    signed,
)
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

MEETING = "/streaming-whisper/ws/{}"
"""Of a dialect that refuses at the upgrade and has meetings."""
OPEN_PATHS = {"/", "/health", "/ready", "/metrics"}


@dataclass
class House:
    """A server that asks for keys."""

    served: Served
    keys: KeyFile
    folder: Path
    web: KeyServer
    names: list[str] = field(default_factory=list)

    def key(self, **more: Any) -> str:
        """A new one."""
        key = new_key()
        self.names.append(name := f"key{len(self.names)}")
        self.keys.add(Key.model_validate({"name": name, "sha256": digest(key), **more}))
        return key

    def get(self, path: str = "/v1/models", **how: Any) -> httpx2.Response:
        return httpx2.get(self.served.url + path, timeout=60, **how)

    def ask(self, token: str) -> httpx2.Response:
        return self.get(headers={"Authorization": f"Bearer {token}"})

    def socket(self, path: str = "/stream", token: str | None = None) -> ClientConnection:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return connect(f"ws://{self.served.host}{path}", additional_headers=headers)

    def upgrade_status(self, path: str, token: str | None = None) -> int:
        """101 where it is let in."""
        try:
            with self.socket(path, token):
                return 101
        except InvalidStatus as told:
            assert json.loads(told.response.body)["error"]["message"]
            return told.response.status_code


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tmp = tmp_path_factory.mktemp("auth")
    (tmp / "a.pem").write_bytes(pem(rsa_key()))
    (tmp.parent / "outside.pem").write_bytes(pem(rsa_key()))
    with pytest.MonkeyPatch.context() as patch, key_server() as web:
        patch.setenv("no_proxy", "127.0.0.1")
        web.files["/jwks.json"] = jwks(set=ec_key("set"))
        said = {
            "on_loopback": True,
            "keys": tmp / "keys.json",
            "jwt_folder": tmp,
            "jwt_jwks": f"{web.url}/jwks.json",
            "jwt_bases": (f"{web.url}/asap",),
            "jwt_audiences": (AUDIENCE,),
            "jwt_meeting_claim": "room",
            "jwt_leeway": 0.0,
        }
        flags = [Flag(f"--{name}", f"auth.{name}", value) for name, value in said.items()]
        with serving(load(flags, environ={})) as served:
            yield House(served, KeyFile(tmp / "keys.json"), tmp, web)


@pytest.fixture(autouse=True)
def no_traceback(house: House) -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []


def token(private: Any = None, kid: str | None = "a", **more: Any) -> str:
    """One that is good for every meeting, but for what `more` says."""
    return signed(private or rsa_key(), claims(**{"room": "*", **more}), kid)


# ---- let in

FORMS: list[tuple[str, Callable[[str], dict[str, dict[str, str]]]]] = [
    ("Bearer", lambda key: {"headers": {"Authorization": f"Bearer {key}"}}),
    ("bearer", lambda key: {"headers": {"authorization": f"bearer  {key}"}}),
    ("Token", lambda key: {"headers": {"Authorization": f"Token {key}"}}),
    ("X-API-Key", lambda key: {"headers": {"X-API-Key": key}}),
    ("token", lambda key: {"params": {"token": key}}),
    ("auth_token", lambda key: {"params": {"auth_token": key}}),
    ("api_key", lambda key: {"params": {"api_key": key}}),
    ("access_token", lambda key: {"params": {"access_token": key}}),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
@pytest.mark.parametrize("kind", ["key", "token"])
def test_a_key_may_come_in_many_ways(house: House, name: str, form: Any, kind: str) -> None:
    how = form(house.key() if kind == "key" else token())
    assert house.get(**how).status_code == 200
    wrong = form("sk-sotto-wrong" if kind == "key" else token(rsa_key("b")))
    assert house.get(**wrong).status_code == 401
    for given, status in ((how, 101), (wrong, 401)):
        query = "&".join(f"{key}={value}" for key, value in given.get("params", {}).items())
        path = f"{MEETING.format('m')}?{query}"
        try:
            with connect(
                f"ws://{house.served.host}{path}", additional_headers=given.get("headers")
            ):
                assert status == 101
        except InvalidStatus as told:
            assert told.response.status_code == status


def test_the_header_wins_over_the_query(house: House) -> None:
    good, bad = house.key(), "sk-sotto-wrong"
    assert house.get(headers={"Authorization": f"Bearer {good}"}, params={"token": bad}).is_success
    how = {"headers": {"Authorization": f"Bearer {bad}"}, "params": {"token": good}}
    assert house.get(**how).status_code == 401


@pytest.mark.parametrize("kind", ["key", "token"])
def test_a_file_is_written_down_for_who_has_a_key(house: House, kind: str) -> None:
    good = house.key() if kind == "key" else token()
    with httpx2.Client(
        base_url=house.served.url, timeout=60, headers={"Authorization": f"Bearer {good}"}
    ) as client:
        assert transcribe(client).json()["text"] == CLIP_TEXT


async def test_a_stream_is_heard_for_who_has_a_key(house: House) -> None:
    heard = await listen(f"{house.served.stream}?token={house.key()}", pcm_s16le(CLIP))
    assert (heard.text, heard.close_code) == (CLIP_TEXT, 1000)


def test_tokens_are_checked_with_keys_of_a_folder_a_set_and_a_base(house: House) -> None:
    house.web.files[f"/asap/{pem_name('jitsi/default')}"] = pem(rsa_key("jitsi"))
    for private, kid in (
        (rsa_key(), "a"),
        (ec_key("set"), "set"),
        (rsa_key("jitsi"), "jitsi/default"),
    ):
        response = house.ask(token(private, kid))
        assert response.status_code == 200, (kid, response.text)
    assert house.web.asked.count("/jwks.json") <= 2
    assert f"/asap/{pem_name('jitsi/default')}" in house.web.asked


# ---- refused


@pytest.mark.parametrize("given", [None, "nonsense", "a.b.c", "sk-sotto-", "ek_x", "x" * 6_000])
def test_who_has_no_key_is_refused(house: House, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": f"Bearer {given}"}
    response = house.get(headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    error = error_of(response)
    assert (error["type"], error["code"]) == ("authentication_error", "unauthorized")
    assert house.upgrade_status(MEETING.format("m"), given) == 401
    with house.socket("/stream", given) as wire:
        told = json.loads(wire.recv())
        assert (told["type"], told["code"]) == ("error", "unauthorized")
        wire.close()
        assert wire.close_code == 1008


def test_every_path_of_a_dialect_is_guarded_and_the_figures_are_not(house: House) -> None:
    paths = house.get("/openapi.json").json()["paths"]
    asked = 0
    for path, methods in paths.items():
        for method in methods:
            response = httpx2.request(method.upper(), house.served.url + path, timeout=60)
            if path in OPEN_PATHS and method == "get":
                assert response.status_code == 200, (method, path)
            else:
                asked += 1
                assert response.status_code == 401, (method, path)
    assert asked >= 4
    assert house.get("/", headers={"Accept": "text/html"}).status_code == 200


def test_who_has_no_key_is_refused_before_the_body_is_sent(house: House) -> None:
    with closing(connect_raw(house.served.host)) as wire:
        wire.sendall(
            f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: sotto\r\nContent-Length: 1000000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
        )
        status, _, body = answer_on(wire)
    assert status == 401
    assert json.loads(body)["error"]["code"] == "unauthorized"


def test_a_dialect_refuses_in_its_own_words(house: House) -> None:
    url = house.served.url
    told = httpx2.post(f"{url}/v1/listen", timeout=60)
    assert told.status_code == 401
    assert set(told.json()) == {"err_code", "err_msg", "request_id"}
    told = httpx2.post(url, headers={"Origin": "https://page.example"}, timeout=60)
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (401, "*")
    asked = httpx2.options(url, headers={"Origin": "https://page.example"}, timeout=60)
    assert asked.status_code == 204


def test_a_secret_of_a_key_opens_streams_alone_and_falls_with_it(house: House) -> None:
    key = house.key(scopes=["streams"])
    headers = {"Authorization": f"Bearer {key}"}
    path = "/v1/realtime/client_secrets"
    secret = httpx2.post(house.served.url + path, headers=headers, timeout=60).json()["value"]
    assert secret.startswith("ek_")
    assert house.upgrade_status(MEETING.format("m"), secret) == 101
    assert house.ask(secret).status_code == 403
    files = {"Authorization": f"Bearer {house.key(scopes=['files'])}"}
    assert httpx2.post(house.served.url + path, headers=files, timeout=60).status_code == 403
    house.keys.revoke(house.names[-2])
    assert house.upgrade_status(MEETING.format("m"), secret) == 401


def hs256_with_the_public_key() -> str:
    head = b64(json.dumps({"alg": "HS256", "kid": "a", "typ": "JWT"}).encode())
    said = f"{head}.{b64(json.dumps(claims(room='*')).encode())}"
    return f"{said}.{b64(hmac.new(pem(rsa_key()), said.encode(), hashlib.sha256).digest())}"


BAD: dict[str, Callable[[], str]] = {
    "wrong alg": lambda: signed(rsa_key(), claims(room="*"), "a", "RS512"),
    "alg none": lambda: by_hand({"alg": "none", "kid": "a"}, claims(room="*")),
    "hs256 signed with the public key": hs256_with_the_public_key,
    "hs256 without a secret": lambda: signed(SECRET, claims(room="*"), "a", "HS256"),
    "expired": lambda: token(exp=time.time() - 1),
    "never expires": lambda: token(exp=None),
    "not yet valid": lambda: token(nbf=time.time() + 60),
    "wrong aud": lambda: token(aud="another"),
    "no aud": lambda: token(aud=None),
    "missing kid": lambda: token(kid=None),
    "kid that climbs": lambda: token(kid="../outside"),
    "kid that is absolute": lambda: token(kid="/outside"),
    "kid with a NUL": lambda: token(kid="a\x00"),
    "kid that is very long": lambda: token(kid="a" * 5_000),
    "unknown kid": lambda: token(kid="unknown"),
    "signed by somebody else": lambda: token(rsa_key("b")),
    "key of another kind": lambda: token(ec_key("set")),
    "no meeting": lambda: token(room=None),
}


@pytest.mark.parametrize("why", BAD)
def test_a_bad_token_is_refused_everywhere(house: House, why: str) -> None:
    assert house.ask(token()).status_code == 200
    bad = BAD[why]()
    response = house.ask(bad)
    assert response.status_code == 401, response.text
    message = error_of(response)["message"]
    assert message.startswith("expected ")
    assert len(message) < 200
    assert house.upgrade_status(MEETING.format("m"), bad) == 401
    with house.socket("/stream", bad) as wire:
        assert json.loads(wire.recv())["code"] == "unauthorized"


def test_a_token_for_another_meeting_is_refused(house: House) -> None:
    mine = token(room="mine")
    assert house.upgrade_status(MEETING.format("mine"), mine) == 101
    assert house.upgrade_status(MEETING.format("other"), mine) == 403
    assert house.upgrade_status(MEETING.format("min"), mine) == 403
    for any_meeting in (token(), house.key()):
        assert house.upgrade_status(MEETING.format("other"), any_meeting) == 101


def test_a_token_that_expires_ends_no_stream_that_is_open(house: House) -> None:
    brief = token(exp=time.time() + 1.5)
    with house.socket("/stream", brief) as wire:
        wire.send("{}")
        assert json.loads(wire.recv())["type"] == "ready"
        eventually(lambda: house.ask(brief).status_code == 401)
        wire.send('{"type": "finish"}')
        assert [json.loads(message)["type"] for message in wire][-1] == "closed"


# ---- keys


def test_a_revoked_key_is_refused_from_then_on(house: House) -> None:
    key = house.key()
    assert house.ask(key).status_code == 200
    house.keys.revoke(house.names[-1])
    assert house.ask(key).status_code == 401
    assert house.upgrade_status(MEETING.format("m"), key) == 401


def test_a_broken_file_of_keys_is_the_servers_fault(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    key, good = house.key(), house.keys.path.read_bytes()
    house.keys.path.write_bytes(good[:-30])
    response = house.ask(key)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert error_of(response)["code"] == "keys_unavailable"
    assert str(house.keys.path) not in response.text
    with house.socket("/stream", key) as wire:
        told = json.loads(wire.recv())
        assert (told["code"], told["retryable"]) == ("keys_unavailable", True)
    house.keys.path.write_bytes(good)
    assert house.ask(key).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        (["files"], (403, 400, 403)),
        (["streams"], (403, 403, 101)),
        (["models"], (200, 403, 403)),
        (["files", "models"], (200, 400, 403)),
    ],
)
def test_a_key_is_good_for_its_scopes(
    house: House, scopes: list[str], statuses: tuple[int, int, int]
) -> None:
    key = house.key(scopes=scopes)
    headers = {"Authorization": f"Bearer {key}"}
    asked = (
        house.get(headers=headers),
        httpx2.post(house.served.url + TRANSCRIPTIONS, headers=headers, timeout=60),
    )
    assert tuple(response.status_code for response in asked) == statuses[:2]
    assert house.upgrade_status(MEETING.format("m"), key) == statuses[2]
    for response in asked:
        if response.status_code == 403:
            assert error_of(response)["type"] == "permission_error"
    if statuses[2] == 403:
        with house.socket("/stream", key) as wire:
            assert json.loads(wire.recv())["code"] == "forbidden"


def test_a_key_asks_no_more_often_than_it_may(house: House) -> None:
    key, other = house.key(rate=3), house.key(rate=3)
    assert [house.ask(key).status_code for _ in range(3)] == [200] * 3
    response = house.ask(key)
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 60
    error = error_of(response)
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limited")
    assert house.upgrade_status(MEETING.format("m"), key) == 429
    with house.socket("/stream", key) as wire:
        told = json.loads(wire.recv())
        assert (told["code"], told["retryable"]) == ("rate_limited", True)
        assert 1 <= told["retry_after"] <= 60
    assert house.ask(other).status_code == 200


def test_a_key_has_no_more_at_once_than_it_may(house: House) -> None:
    key = house.key(concurrent=1)
    for _ in range(2):
        with house.socket("/stream", key) as wire:
            wire.send("{}")
            assert json.loads(wire.recv())["type"] == "ready"
            response = house.ask(key)
            assert (response.status_code, response.headers["retry-after"]) == (429, "1")
            assert house.upgrade_status(MEETING.format("m"), key) == 429
            assert house.ask(house.key()).status_code == 200
        eventually(lambda: house.ask(key).status_code == 200)


def test_refusals_are_counted(house: House) -> None:
    def count() -> float:
        lines = house.get("/metrics").text.splitlines()
        found = [
            line for line in lines if line.startswith('sotto_errors_total{code="unauthorized"')
        ]
        return float(found[0].split()[-1])

    house.ask("nonsense")
    before = count()
    house.ask("nonsense")
    assert house.upgrade_status(MEETING.format("m")) == 401
    assert count() == before + 2
