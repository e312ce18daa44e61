"""Keys from elsewhere: found, kept, rotated, and bounded."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from sotto.errors import BadOption, KeysUnavailable, Unauthorized
from sotto.plugins.auth.claims import Rules
from sotto.plugins.auth.fetching import MAX_BYTES, Fetcher, check_url
from sotto.plugins.auth.key_sources import (
    GRACE,
    MAX_KEYS,
    MAX_STRANGERS,
    PAUSE,
    KeyBase,
    KeyFolder,
    KeySet,
    KeySource,
)
from sotto.plugins.auth.places import Places
from sotto.plugins.auth.public_keys import pem_name, read_jwks
from sotto.plugins.auth.tokens import Tokens
from tests.signing import (
    AUDIENCE,
    FakeClock,
    KeyServer,
    claims,
    ec_key,
    jwk,
    jwks,
    pem,
    rsa_key,
    signed,
)

TTL = 600.0
RULES = Rules(frozenset({AUDIENCE}))


def base_of(web: KeyServer, clock: FakeClock, path: str = "/asap/") -> KeyBase:
    return KeyBase(web.url + path, Fetcher(clock), clock, ttl=TTL)


def set_of(web: KeyServer, clock: FakeClock) -> KeySet:
    return KeySet(f"{web.url}/jwks.json", Fetcher(clock), clock, ttl=TTL)


def put(web: KeyServer, kid: str, private: Any) -> str:
    path = f"/asap/{pem_name(kid)}"
    web.files[path] = pem(private)
    return path


async def has(source: KeySource, kid: str, private: Any) -> bool:
    found = await source.find(kid)
    return found is not None and found == private.public_key()


# ---- a folder


async def test_a_folder_names_keys_by_digest_or_plainly_and_tells_at_once(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    assert await folder.find("a") is None
    (tmp_path / pem_name("a")).write_bytes(pem(rsa_key()))
    assert await has(folder, "a", rsa_key())
    (tmp_path / "b.pem").write_bytes(pem(ec_key()))
    assert await has(folder, "b", ec_key())
    (tmp_path / "b.pem").write_bytes(pem(ec_key("new")))
    assert await has(folder, "b", ec_key("new"))
    (tmp_path / "b.pem").unlink()
    assert await folder.find("b") is None


async def test_a_folder_is_not_left(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "sub").mkdir()
    for path in (tmp_path / "out.pem", inside / ".out.pem", inside / "sub" / "out.pem"):
        path.write_bytes(pem(rsa_key()))
    for kid in ("../out", ".out", "sub/out", f"{tmp_path}/out", "x" * 256, "out\0"):
        assert await KeyFolder(inside).find(kid) is None


# ---- {base}/{sha256hex(kid)}.pem


async def test_a_base_is_asked_once_for_each_key(web: KeyServer, clock: FakeClock) -> None:
    path = put(web, "jitsi/default", rsa_key())
    base = base_of(web, clock)
    found = await asyncio.gather(*[has(base, "jitsi/default", rsa_key()) for _ in range(20)])
    assert all(found)
    assert web.asked == [path]
    clock.passed = TTL - 1
    assert await has(base, "jitsi/default", rsa_key())
    assert web.asked == [path]


async def test_a_base_tells_of_a_new_key_and_of_one_that_is_gone(
    web: KeyServer, clock: FakeClock
) -> None:
    path = put(web, "a", rsa_key("old"))
    base = base_of(web, clock)
    assert await has(base, "a", rsa_key("old"))
    web.files[path] = pem(rsa_key("new"))
    assert await has(base, "a", rsa_key("old"))
    clock.passed = TTL
    assert await has(base, "a", rsa_key("new"))
    del web.files[path]
    clock.passed = 2 * TTL
    assert await base.find("a") is None


async def test_a_key_that_comes_late_is_found_after_a_pause(
    web: KeyServer, clock: FakeClock
) -> None:
    base = base_of(web, clock)
    assert await base.find("a") is None
    path = put(web, "a", rsa_key())
    for _ in range(5):
        assert await base.find("a") is None
    assert web.asked == [path]
    clock.passed = PAUSE
    assert await has(base, "a", rsa_key())


async def test_made_up_names_are_asked_for_so_often_and_push_out_nothing(
    web: KeyServer, clock: FakeClock
) -> None:
    put(web, "a", rsa_key())
    put(web, "late", ec_key())
    base = base_of(web, clock)
    assert await has(base, "a", rsa_key())
    refused = 0
    for number in range(2 * MAX_KEYS):
        try:
            assert await base.find(f"x{number}") is None
        except KeysUnavailable:
            refused += 1
    assert len(web.asked) == MAX_STRANGERS
    assert refused == 2 * MAX_KEYS - (MAX_STRANGERS - 1)
    assert await has(base, "a", rsa_key())
    with pytest.raises(KeysUnavailable):
        await base.find("late")
    clock.passed = 60.0
    assert await has(base, "late", ec_key())
    clock.passed = TTL
    assert await has(base, "a", rsa_key())


async def test_a_base_keeps_so_many_keys(
    web: KeyServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sotto.plugins.auth.key_sources.MAX_KEYS", 3)
    base = base_of(web, clock)
    for kid in "abcd":
        put(web, kid, ec_key())
    for kid in "abca":  # `a` is used again, so that `b` is the one to go
        assert await has(base, kid, ec_key())
    assert await has(base, "d", ec_key())
    asked = len(web.asked)
    for kid in "acd":
        assert await has(base, kid, ec_key())
    assert len(web.asked) == asked
    assert await has(base, "b", ec_key())
    assert len(web.asked) == asked + 1


async def test_while_a_base_is_down_known_keys_hold_and_others_must_wait(
    web: KeyServer, clock: FakeClock
) -> None:
    put(web, "a", rsa_key())
    put(web, "b", ec_key())
    base = base_of(web, clock)
    assert await has(base, "a", rsa_key())
    web.status = 500
    with pytest.raises(KeysUnavailable) as refused:
        await base.find("b")
    assert web.url not in refused.value.message
    asked = len(web.asked)
    for _ in range(10):  # who asks again at once is not passed on
        with pytest.raises(KeysUnavailable):
            await base.find("b")
    assert len(web.asked) == asked
    clock.passed = GRACE * TTL - 1
    assert await has(base, "a", rsa_key())
    clock.passed = GRACE * TTL
    with pytest.raises(KeysUnavailable):
        await base.find("a")
    web.status = 200
    clock.passed += PAUSE
    assert await has(base, "a", rsa_key())
    assert await has(base, "b", ec_key())


@pytest.mark.parametrize("body", [b"", b"<html>Not found</html>", b"-----BEGIN", bytes(1_000)])
async def test_what_is_no_key_is_none(web: KeyServer, clock: FakeClock, body: bytes) -> None:
    web.files[f"/asap/{pem_name('a')}"] = body
    assert await base_of(web, clock).find("a") is None


# ---- a JWKS


async def test_a_set_is_read_once_for_all_its_keys(web: KeyServer, clock: FakeClock) -> None:
    web.files["/jwks.json"] = jwks(r=rsa_key(), e=ec_key())
    keys = set_of(web, clock)
    assert all(
        await asyncio.gather(
            *[has(keys, "r", rsa_key()) for _ in range(10)],
            *[has(keys, "e", ec_key()) for _ in range(10)],
        )
    )
    assert web.asked == ["/jwks.json"]


async def test_a_rotated_set_is_read_for_a_new_name_but_not_too_often(
    web: KeyServer, clock: FakeClock
) -> None:
    web.files["/jwks.json"] = jwks(old=rsa_key("old"))
    keys = set_of(web, clock)
    assert await has(keys, "old", rsa_key("old"))
    web.files["/jwks.json"] = jwks(new=rsa_key("new"))
    for _ in range(100):
        assert await keys.find("new") is None
    assert len(web.asked) == 1
    clock.passed = PAUSE
    assert await has(keys, "new", rsa_key("new"))
    assert await keys.find("old") is None
    assert len(web.asked) == 2


async def test_a_key_that_left_the_set_holds_no_longer_than_the_set(
    web: KeyServer, clock: FakeClock
) -> None:
    web.files["/jwks.json"] = jwks(old=rsa_key("old"))
    keys = set_of(web, clock)
    assert await has(keys, "old", rsa_key("old"))
    web.files["/jwks.json"] = jwks(new=rsa_key("new"))
    clock.passed = TTL - 1
    assert await has(keys, "old", rsa_key("old"))
    clock.passed = TTL
    assert await keys.find("old") is None


async def test_while_a_set_cannot_be_had_the_old_one_holds_for_a_while(
    web: KeyServer, clock: FakeClock
) -> None:
    keys = set_of(web, clock)
    with pytest.raises(KeysUnavailable):
        await keys.find("a")
    with pytest.raises(KeysUnavailable):
        await keys.find("a")
    assert len(web.asked) == 1
    web.files["/jwks.json"] = jwks(a=rsa_key())
    clock.passed = PAUSE
    assert await has(keys, "a", rsa_key())
    read = clock.passed
    for broken in (
        b"",
        b"[]",
        b"{}",
        b'{"keys": 1}',
        b"\xff",
        b"[" * 100_000,
        bytes(MAX_BYTES + 1),
    ):
        web.files["/jwks.json"] = broken
        clock.passed += TTL / 10
        assert await keys.find("b") is None
        assert await has(keys, "a", rsa_key())
    clock.passed = read + GRACE * TTL
    with pytest.raises(KeysUnavailable):
        await keys.find("a")


def test_of_a_set_only_what_is_fit_is_taken() -> None:
    good = jwk(rsa_key(), "good")
    rows = [
        good,
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        jwk(rsa_key(), "encrypts", use="enc"),
        jwk(rsa_key("weak", 1024), "weak"),
        jwk(ec_key("p384", ec.SECP384R1), "p384"),
        {**good, "kid": "../x"},
        {**good, "kid": 7},
        {**good, "kid": "n", "n": 7},
        {**good, "kid": "n!", "n": "!"},
        {**good, "kid": "even", "e": "Ag"},
        {**jwk(ec_key(), "off"), "x": "AAAA"},
        {name: value for name, value in good.items() if name != "kid"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "okp", "x": "AAAA"},
        "key",
        None,
        [],
    ]
    found = read_jwks(json.dumps({"keys": rows}).encode(), most=100)
    assert found == {"good": rsa_key().public_key()}


def test_a_private_key_in_a_set_is_but_its_public_part() -> None:
    row = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(), as_dict=True)
    found = read_jwks(json.dumps({"keys": [{**row, "kid": "a"}]}).encode(), most=1)
    assert found == {"a": rsa_key().public_key()}


def test_of_a_set_so_many_are_taken() -> None:
    rows = [jwk(ec_key(), str(number)) for number in range(5)]
    assert list(read_jwks(json.dumps({"keys": rows}).encode(), most=3)) == ["0", "1", "2"]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["keys", "kid", "kty", "n", "e", "crv", "x", "y", "use"]), inner
        ),
    ),
    max_leaves=10,
)
ROWS = st.fixed_dictionaries(
    {"kid": st.sampled_from(["a", "b", "../a"]), "kty": st.sampled_from(["RSA", "EC"])},
    optional=dict.fromkeys(("n", "e", "x", "y"), st.text("abcAQ_-=", max_size=8))
    | {"crv": st.sampled_from(["P-256", "P-384", "secp256k1", "x"])},
)


@given(
    data=st.one_of(
        st.binary(),
        JSON.map(json.dumps).map(str.encode),
        st.lists(ROWS).map(lambda rows: json.dumps({"keys": rows}).encode()),
    )
)
def test_any_bytes_are_a_set_or_are_not(data: bytes) -> None:
    try:
        found = read_jwks(data, most=10)
    except KeysUnavailable:
        return
    assert all(kid in ("a", "b") for kid in found)


# ---- all together


async def check(tokens: Tokens, kid: str, private: Any, clock: FakeClock) -> str | None:
    found = await tokens.caller(signed(private, claims(clock.wall()), kid))
    return found.name if found else None


async def test_tokens_are_checked_with_the_keys_of_every_place(
    web: KeyServer, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "f.pem").write_bytes(pem(rsa_key("f")))
    (tmp_path / "set.json").write_bytes(jwks(s=ec_key("s")))
    web.files[f"/first/{pem_name('b/1')}"] = pem(rsa_key("b1"))
    web.files[f"/second/{pem_name('b/2')}"] = pem(ec_key("b2"))
    places = Places(
        folder=tmp_path,
        jwks=str(tmp_path / "set.json"),
        bases=(f"{web.url}/first", f"{web.url}/second/"),
        ttl=TTL,
    )
    tokens = Tokens(tuple(places.sources(clock)), None, RULES, clock)
    for kid, private in (
        ("f", rsa_key("f")),
        ("s", ec_key("s")),
        ("b/1", rsa_key("b1")),
        ("b/2", ec_key("b2")),
    ):
        assert await check(tokens, kid, private, clock) == f"jwt:{kid}"
    with pytest.raises(Unauthorized, match="this server knows"):
        await check(tokens, "none", rsa_key(), clock)


async def test_a_key_is_rotated_under_its_name(web: KeyServer, clock: FakeClock) -> None:
    web.files["/jwks.json"] = jwks(a=rsa_key("old"))
    places = Places(jwks=f"{web.url}/jwks.json", ttl=TTL)
    tokens = Tokens(tuple(places.sources(clock)), None, RULES, clock)
    assert await check(tokens, "a", rsa_key("old"), clock) == "jwt:a"
    web.files["/jwks.json"] = jwks(a=rsa_key("new"))
    clock.passed = TTL
    assert await check(tokens, "a", rsa_key("new"), clock) == "jwt:a"
    with pytest.raises(Unauthorized, match="good signature"):
        await check(tokens, "a", rsa_key("old"), clock)


async def test_a_place_that_is_down_hides_none_of_the_others(
    web: KeyServer, clock: FakeClock
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
    web.files[f"/{pem_name('a')}"] = pem(rsa_key())
    places = Places(jwks=dead, bases=(dead, web.url))
    tokens = Tokens(tuple(places.sources(clock)), None, RULES, clock)
    assert await check(tokens, "a", rsa_key(), clock) == "jwt:a"
    with pytest.raises(KeysUnavailable):
        await check(tokens, "b", rsa_key("b"), clock)


# ---- the wire


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "keys", "http://", "//a"])
def test_an_address_is_one_of_http(url: str) -> None:
    with pytest.raises(BadOption, match="an address of http or https"):
        check_url("auth.jwt_bases", url)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_what_is_not_there_is_none(web: KeyServer, clock: FakeClock, status: int) -> None:
    web.status = status
    assert await Fetcher(clock)(f"{web.url}/x") is None


async def test_a_file_that_is_too_large_is_not_taken(web: KeyServer, clock: FakeClock) -> None:
    web.files["/x"] = bytes(MAX_BYTES)
    assert await Fetcher(clock)(f"{web.url}/x") == bytes(MAX_BYTES)
    web.files["/x"] = bytes(MAX_BYTES + 1)
    with pytest.raises(KeysUnavailable):
        await Fetcher(clock)(f"{web.url}/x")


def raw(answer: Callable[[socket.socket], None]) -> tuple[str, socket.socket]:
    """A server that plays one connection by hand."""
    listener = socket.create_server(("127.0.0.1", 0))

    def play() -> None:
        wire, _ = listener.accept()
        with wire:
            wire.recv(65_536)
            answer(wire)

    threading.Thread(target=play, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/", listener


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
async def test_a_server_that_speaks_nonsense_is_unavailable(
    clock: FakeClock, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url, listener = raw(lambda wire: wire.sendall(said))
    with listener, pytest.raises(KeysUnavailable):
        await Fetcher(clock)(url)


async def test_a_server_that_takes_too_long_is_given_up(web: KeyServer) -> None:
    class Hurrying(FakeClock):
        def monotonic(self) -> float:
            self.passed += 1.0
            return self.passed

    web.files["/x"] = bytes(MAX_BYTES)  # 16 pieces or more
    with pytest.raises(KeysUnavailable):
        await Fetcher(Hurrying())(f"{web.url}/x")
