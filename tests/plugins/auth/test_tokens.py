from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jwt import PyJWS

from sotto.errors import BadOption, Unauthorized
from sotto.plugins.auth.claims import Rules
from sotto.plugins.auth.key_sources import KeyFolder
from sotto.plugins.auth.keys import Keys
from sotto.plugins.auth.public_keys import MAX_KID, pem_name
from sotto.plugins.auth.tokens import Tokens
from sotto.runtime.access import Allowance, Caller, Scope
from sotto.runtime.guard import Guarded
from tests.signing import (
    AUDIENCE,
    SECRET,
    FakeClock,
    b64,
    by_hand,
    claims,
    ec_key,
    jwk,
    pem,
    rsa_key,
    signed,
)

RULES = Rules(frozenset({AUDIENCE, "sotto"}), leeway=10.0)
CLOCK = FakeClock()
NOW = CLOCK.wall()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys")
    (path / "a.pem").write_bytes(pem(rsa_key("a")))
    (path / "e.pem").write_bytes(pem(ec_key("e")))
    (path / pem_name("jitsi/default")).write_bytes(pem(rsa_key("a")))
    (path / "weak.pem").write_bytes(pem(rsa_key("weak", 1024)))
    (path / "p384.pem").write_bytes(pem(ec_key("p384", ec.SECP384R1)))
    (path / "broken.pem").write_bytes(b"-----BEGIN PUBLIC KEY-----\nnothing\n")
    (path.parent / "outside.pem").write_bytes(pem(rsa_key("a")))
    return path


def tokens_of(folder: Path, rules: Rules = RULES, secret: str | None = None) -> Tokens:
    return Tokens([KeyFolder(folder)], secret, rules, CLOCK)


async def let_in(tokens: Tokens, token: str) -> Caller:
    found = await tokens.caller(token)
    assert found is not None
    return found


async def refuse(tokens: Tokens, token: str, why: str) -> None:
    with pytest.raises(Unauthorized, match=why):
        await tokens.caller(token)


# ---- good ones


@pytest.mark.parametrize("kid", ["a", "jitsi/default"])
async def test_rs256(folder: Path, kid: str) -> None:
    caller = await let_in(tokens_of(folder), signed(rsa_key(), claims(NOW), kid))
    assert caller == Caller(name=f"jwt:{kid}", until=NOW + 60 + 10)


async def test_es256(folder: Path) -> None:
    caller = await let_in(tokens_of(folder), signed(ec_key("e"), claims(NOW), "e"))
    assert caller.name == "jwt:e"


async def test_hs256_with_the_servers_own_secret(folder: Path) -> None:
    token = signed(SECRET, claims(NOW), None, "HS256")
    caller = await let_in(tokens_of(folder, secret=SECRET), token)
    assert caller.name == "jwt"


async def test_what_is_no_token_is_left_to_others(folder: Path) -> None:
    for other in ("", "sk-sotto-x", "a.b", "a.b.c.d"):
        assert await tokens_of(folder).caller(other) is None


async def test_scopes_and_limits_of_tokens_are_those_of_the_settings(folder: Path) -> None:
    rules = replace(
        RULES, scopes=frozenset({Scope.STREAMS}), allowance=Allowance(rate=3, concurrent=1)
    )
    caller = await let_in(tokens_of(folder, rules), signed(rsa_key(), claims(NOW)))
    assert caller.scopes == {Scope.STREAMS}
    assert caller.allowance == Allowance(3, 1)


# ---- algorithms and signatures


async def test_alg_none(folder: Path) -> None:
    for none in ("none", "None", "NONE", "nOnE"):
        for signature in (b"", b"x"):
            token = by_hand({"alg": none, "kid": "a"}, claims(NOW), signature)
            await refuse(tokens_of(folder, secret=SECRET), token, "signed by RS256, ES256, HS256")


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "HS384", "HS512"])
async def test_another_algorithm_even_with_a_good_signature(folder: Path, algorithm: str) -> None:
    key: Any = SECRET * 2 if algorithm.startswith("HS") else rsa_key()
    token = signed(key, claims(NOW), "a", algorithm)
    await refuse(tokens_of(folder, secret=SECRET * 2), token, "signed by RS256, ES256, HS256")


@pytest.mark.parametrize("algorithm", [None, 1, ["RS256"], {}, "", "rs256", "RS256 "])
async def test_an_algorithm_that_is_none(folder: Path, algorithm: Any) -> None:
    token = by_hand({"alg": algorithm, "kid": "a"}, claims(NOW))
    await refuse(tokens_of(folder), token, "expected a token signed by")


@pytest.mark.parametrize("secret", [None, SECRET])
async def test_hs256_signed_with_the_public_key(folder: Path, secret: str | None) -> None:
    public = pem(rsa_key())
    for key in (public, public.strip(), public.replace(b"\n", b"\r\n")):
        payload = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'a'}).encode())}." + b64(
            json.dumps(claims(NOW)).encode()
        )
        mac = hmac.new(key, payload.encode(), hashlib.sha256).digest()
        why = "good signature" if secret else "signed by RS256, ES256, got HS256"
        await refuse(tokens_of(folder, secret=secret), f"{payload}.{b64(mac)}", why)


async def test_hs256_where_there_is_no_secret(folder: Path) -> None:
    token = signed(SECRET, claims(NOW), "a", "HS256")
    await refuse(tokens_of(folder), token, "got HS256")


async def test_hs256_with_another_secret(folder: Path) -> None:
    token = signed(SECRET + "?", claims(NOW), None, "HS256")
    await refuse(tokens_of(folder, secret=SECRET), token, "good signature")


async def test_a_key_of_one_kind_under_the_algorithm_of_another(folder: Path) -> None:
    await refuse(tokens_of(folder), signed(ec_key("e"), claims(NOW), "a"), "this server knows")
    await refuse(tokens_of(folder), signed(rsa_key(), claims(NOW), "e"), "this server knows")


async def test_a_token_signed_by_somebody_else(folder: Path) -> None:
    await refuse(tokens_of(folder), signed(rsa_key("b"), claims(NOW)), "good signature")
    await refuse(tokens_of(folder), signed(ec_key("b"), claims(NOW), "e"), "good signature")


async def test_a_token_that_was_changed(folder: Path) -> None:
    head, payload, signature = signed(rsa_key(), claims(NOW)).split(".")
    more = b64(json.dumps(claims(NOW, room="*")).encode())
    other = b64(json.dumps({"alg": "RS256", "kid": "jitsi/default"}).encode())
    for changed in (
        f"{head}.{more}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-8]}",
        f"{other}.{payload}.{signature}",
    ):
        await refuse(tokens_of(folder), changed, "good signature")


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, b"", bytes(63), bytes(10_000)])
async def test_signatures_of_nothing(folder: Path, signature: bytes) -> None:
    for kid, algorithm in (("a", "RS256"), ("e", "ES256")):
        token = by_hand({"alg": algorithm, "kid": kid}, claims(NOW), signature)
        await refuse(tokens_of(folder), token, "good signature")


@pytest.mark.parametrize("kid", ["p384", "broken"])
async def test_keys_that_are_unfit_are_none(folder: Path, kid: str) -> None:
    token = signed(ec_key("p384", ec.SECP384R1), claims(NOW), kid, "ES384")
    _, payload, signature = token.split(".")
    forged = f"{b64(json.dumps({'alg': 'ES256', 'kid': kid}).encode())}.{payload}.{signature}"
    await refuse(tokens_of(folder), forged, "this server knows")


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits long")
async def test_a_short_rsa_key_is_none(folder: Path) -> None:
    token = signed(rsa_key("weak", 1024), claims(NOW), "weak")
    await refuse(tokens_of(folder), token, "this server knows")


async def test_extensions_that_must_be_understood(folder: Path) -> None:
    for more in ({"crit": ["b64"], "b64": False}, {"crit": []}, {"crit": ["exp"], "exp": 1}):
        token = by_hand({"alg": "RS256", "kid": "a", **more}, claims(NOW))
        await refuse(tokens_of(folder), token, "without extensions")


async def test_a_key_that_comes_with_its_token_is_not_used(folder: Path) -> None:
    more = {"jwk": jwk(rsa_key("mine"), "mine"), "jku": "http://127.0.0.1:1/x", "x5u": "file:///"}
    token = jwt.encode(claims(NOW), rsa_key("mine"), "RS256", headers={"kid": "mine", **more})
    await refuse(tokens_of(folder), token, "this server knows")


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_short_secret_is_refused_unseen(folder: Path, secret: str) -> None:
    with pytest.raises(BadOption, match="32 bytes or more") as refused:
        tokens_of(folder, secret=secret)
    assert not secret or secret not in refused.value.message


# ---- the key's name


@pytest.mark.parametrize("kid", [None, "", 1, ["a"], {"a": 1}, True])
async def test_a_kid_that_is_missing(folder: Path, kid: Any) -> None:
    head = {"alg": "RS256"} if kid is None else {"alg": "RS256", "kid": kid}
    await refuse(tokens_of(folder), by_hand(head, claims(NOW)), r"names its key \(kid\)")


@pytest.mark.parametrize(
    "kid",
    [
        "../outside",
        "..",
        ".",
        "./a",
        "a/../a",
        "x/..",
        "/etc/passwd",
        "//a",
        "..\\outside",
        "C:\\a",
        "a\x00",
        "a\x00.pem",
        "a\n",
        "a ",
        "\u202ea",
        "k" * (MAX_KID + 1),
        "../" * 2_000,
    ],
)
async def test_a_kid_that_is_a_path(folder: Path, kid: str) -> None:
    token = signed(rsa_key(), claims(NOW), kid)
    await refuse(tokens_of(folder), token, "expected a kid")


@pytest.mark.parametrize("kid", ["unknown", "%2e%2e%2foutside", ".hidden", "k" * MAX_KID, "a/b/c"])
async def test_a_kid_that_is_unknown(folder: Path, kid: str) -> None:
    await refuse(tokens_of(folder), signed(rsa_key(), claims(NOW), kid), "this server knows")


# ---- claims


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"exp": NOW - 10}, "holds still"),
        ({"exp": 0}, "holds still"),
        ({"exp": None}, "that expires"),
        ({"exp": str(int(NOW + 60))}, "exp to be seconds"),
        ({"exp": True}, "exp to be seconds"),
        ({"exp": -1}, "exp to be seconds"),
        ({"exp": float("nan")}, "exp to be seconds"),
        ({"exp": float("inf")}, "exp to be seconds"),
        ({"exp": 10**400}, "exp to be seconds"),
        ({"nbf": NOW + 11}, "holds already"),
        ({"nbf": "now"}, "nbf to be seconds"),
        ({"nbf": float("nan")}, "nbf to be seconds"),
        ({"aud": "another"}, "for this server"),
        ({"aud": None}, "for this server"),
        ({"aud": []}, "for this server"),
        ({"aud": ["another", 1, None, ["jitsi"]]}, "for this server"),
        ({"aud": {"jitsi": 1}}, "for this server"),
        ({"aud": "jits"}, "for this server"),
        ({"aud": "*"}, "for this server"),
    ],
)
async def test_claims_that_are_not_good(folder: Path, more: dict[str, Any], why: str) -> None:
    payload = {name: value for name, value in claims(NOW).items() if name not in more}
    payload |= {name: value for name, value in more.items() if value is not None}
    key = rsa_key()
    # the library refuses to make some of these, so that the payload goes in as bytes
    token = PyJWS().encode(json.dumps(payload).encode(), key, "RS256", headers={"kid": "a"})
    await refuse(tokens_of(folder), token, why)


@pytest.mark.parametrize(
    "more",
    [
        {"exp": NOW - 9},
        {"exp": NOW + 0.5},
        {"nbf": NOW + 10},
        {"nbf": None},
        {"aud": "sotto"},
        {"aud": ["another", "jitsi"]},
        {"iat": NOW + 10_000},
    ],
)
async def test_claims_that_are_good(folder: Path, more: dict[str, Any]) -> None:
    await let_in(tokens_of(folder), signed(rsa_key(), claims(NOW, **more)))


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'"a"', b"\xff", b"{", b"[" * 3_000, b'{"exp": ' + b"9" * 5_000],
)
async def test_a_payload_that_is_no_object(folder: Path, payload: bytes) -> None:
    token = PyJWS().encode(payload, rsa_key(), "RS256", headers={"kid": "a"})
    await refuse(tokens_of(folder), token, "claims as a JSON object")


# ---- meeting and speaker

BOUND = replace(RULES, meeting="room", speaker="context.user.id")


@pytest.mark.parametrize(
    ("more", "meeting", "speaker"),
    [
        ({"room": "m", "context": {"user": {"id": "s"}}}, "m", "s"),
        ({"room": "*", "context": {"user": {"id": "s"}}}, None, "s"),
        ({"room": "m", "context.user.id": "s"}, "m", "s"),
    ],
)
async def test_a_token_binds_to_a_meeting_and_a_speaker(
    folder: Path, more: dict[str, Any], meeting: str | None, speaker: str
) -> None:
    token = signed(rsa_key(), claims(NOW, **more))
    caller = await let_in(tokens_of(folder, BOUND), token)
    assert (caller.meeting, caller.speaker) == (meeting, speaker)
    caller = await let_in(tokens_of(folder), token)
    assert (caller.meeting, caller.speaker) == (None, None)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"room": "m"},
        {"room": "", "context": {"user": {"id": "s"}}},
        {"room": ["m"], "context": {"user": {"id": "s"}}},
        {"room": "m" * 257, "context": {"user": {"id": "s"}}},
        {"room": "m", "context": {"user": "s"}},
        {"room": "m", "context": {"user": {"id": 7}}},
        {"room": "m", "context": "user"},
    ],
)
async def test_a_token_without_what_it_is_to_bind_to(folder: Path, more: dict[str, Any]) -> None:
    token = signed(rsa_key(), claims(NOW, **more))
    await refuse(tokens_of(folder, BOUND), token, "with a name in its claim")


# ---- minutes

METERED = replace(RULES, minutes="limits.minutes", allowance=Allowance(rate=5, minutes=9))


@pytest.mark.parametrize(
    ("more", "minutes", "account"),
    [
        ({"limits": {"minutes": 60}, "sub": "s"}, 60, "jwt:a:s"),
        ({"limits.minutes": 1, "sub": "s"}, 1, "jwt:a:s"),
        ({"sub": "s"}, 9, "jwt:a"),
    ],
)
async def test_a_token_may_say_how_many_minutes_its_subject_has(
    folder: Path, more: dict[str, Any], minutes: int, account: str
) -> None:
    caller = await let_in(tokens_of(folder, METERED), signed(rsa_key(), claims(NOW, **more)))
    assert caller.allowance == Allowance(rate=5, minutes=minutes)
    assert (caller.account, caller.name) == (account, "jwt:a")


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"limits.minutes": 0, "sub": "s"}, "minutes in the claim"),
        ({"limits.minutes": True, "sub": "s"}, "minutes in the claim"),
        ({"limits.minutes": 1.5, "sub": "s"}, "minutes in the claim"),
        ({"limits.minutes": 10**30, "sub": "s"}, "minutes in the claim"),
        ({"limits.minutes": 60}, "whose they are"),
        ({"limits.minutes": 60, "sub": "s" * 257}, "whose they are"),
    ],
)
async def test_minutes_that_make_no_sense(folder: Path, more: dict[str, Any], fault: str) -> None:
    token = signed(rsa_key(), claims(NOW, **more))
    await refuse(tokens_of(folder, METERED), token, fault)


# ---- anything at all

HEADS = st.one_of(
    st.binary(max_size=60),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "alg": st.sampled_from(["RS256", "ES256", "HS256", "none", "", None, 1, [], "RS512"]),
            "kid": st.one_of(
                st.sampled_from(["a", "e", "weak", "broken", "../outside", "", None, 1, []]),
                st.text(max_size=300),
            ),
            "typ": st.text(max_size=4),
            "crit": st.just(["exp"]),
            "b64": st.booleans(),
        },
    ),
)
TOKENS = st.one_of(
    st.text(max_size=80),
    st.text("abcAZ09-_=.+/ ", max_size=200),
    st.builds(by_hand, HEADS, HEADS, st.binary(max_size=80)),
    st.builds(
        lambda head, n: f"{b64(head * n)}.e30.",
        st.sampled_from([b"[", b'{"a":']),
        st.integers(1, 1_900),
    ),
    st.builds(
        lambda at, what: (token := signed(rsa_key(), claims(NOW)))[:at] + what + token[at + 1 :],
        st.integers(0, 300),
        st.text("abc.=-_ \x00", max_size=2),
    ),
)


@settings(
    deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(token=TOKENS)
@example("..")
@example("...")
@example("e30.e30.e30")
@example("\ud800")
@example("sk-sotto-")
@example("ek_")
async def test_any_text_is_refused_or_was_signed(folder: Path, tmp_path: Path, token: str) -> None:
    guarded = Guarded(
        [Keys(tmp_path / "none.json", Allowance()), tokens_of(folder, secret=SECRET)], CLOCK
    )
    try:
        caller = await guarded.admit(token, Scope.STREAMS)
    except Unauthorized as error:
        assert error.message.startswith("expected ")
        assert len(error.message) < 200
        error.message.encode()
    else:  # the good token with one letter less or more where none counts
        assert caller.name == "jwt:a"
