"""What is posted, and what is refused before anything is."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from sotto.errors import BadOption
from sotto.interfaces.outbox import Delivery
from sotto.interfaces.store import Record
from sotto.runtime.posting import place_of
from sotto.runtime.webhook import LAST_RETRY, pause
from sotto.runtime.webhook_message import body_of, headers_of, secrets_of
from sotto.testing.stores import final
from tests.runtime.receiver import OTHER_SECRET, SECRET

RECORD = Record("a", "stream", None, None, None, "nano", "en", 0, 0, 0, 0, 0, 1)
DELIVERY = Delivery("ab12", RECORD, final(0, "\ud800", "東京\0"), 1_795_000_000.1239, 1)


def test_the_body_is_the_same_at_each_attempt_and_json_of_any_text() -> None:
    body = body_of(DELIVERY)
    assert body.isascii()
    message = json.loads(body)
    assert message["type"] == "transcript.final"
    assert message["timestamp"] == "2026-11-18T11:06:40.123Z"
    assert message["data"]["text"] == "\ud800 東京\0"


def test_the_headers_sign_id_time_and_body() -> None:
    """HMAC by its definition (RFC 2104), so that it is not our library that checks itself."""
    body = body_of(DELIVERY)
    headers = headers_of(DELIVERY, body, secrets_of(SECRET), 1_795_000_010.9)
    key = bytes(range(32)).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + b"ab12.1795000010." + body)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner.digest())
    assert headers["webhook-id"] == "ab12"
    assert headers["webhook-timestamp"] == "1795000010"
    assert headers["webhook-signature"] == "v1," + base64.b64encode(outer.digest()).decode()


def secret(size: int) -> str:
    return "whsec_" + base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    "text",
    ["", "secret", "whsec_", "whsec_secret!", secret(23), secret(65), SECRET[6:],
     f"{SECRET} {OTHER_SECRET} {SECRET}", f"{SECRET},{OTHER_SECRET}"],
)  # fmt: skip
def test_a_secret_that_is_none_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(BadOption, match=r"expected webhook\.secret to be whsec_") as told:
        secrets_of(text)
    assert SECRET[6:] not in str(told.value)


def test_secrets_of_any_good_length_are_taken() -> None:
    assert secrets_of(secret(24)) == (bytes(24),)
    assert secrets_of(f" {secret(64)}\n{SECRET}") == (bytes(64), bytes(range(32)))


@pytest.mark.parametrize(
    "url",
    ["", "host/path", "ftp://host/", "file:///etc/passwd", "http://", "https:///path",
     "http://host:port/", "http://host:99999/", "http://a b/", "http://host/a b",
     "http://host/a\r\nx: y", "http://[::1/", "http://höst/ü", "http://" + "a" * 64 + ".b/",
     "http://name:a-secret@host/"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadOption, match=r"expected webhook\.url") as told:
        place_of("webhook.url", url)
    assert "a-secret" not in str(told.value)


def test_an_address_is_taken_apart() -> None:
    place = place_of("webhook.url", "https://host.example:8443/a/b?c=d")
    assert (place.host, place.port, place.path) == ("host.example", 8443, "/a/b?c=d")
    assert place.context is not None
    assert place.context.check_hostname
    plain = place_of("webhook.url", "http://[::1]")
    assert (plain.host, plain.port, plain.path, plain.context) == ("::1", None, "/", None)


def test_pauses_double_up_to_a_bound_and_half_of_them_is_chance() -> None:
    assert [pause(attempt, 0, 1) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert [pause(attempt, 0, 0) for attempt in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert pause(10_000, 0, 1) == LAST_RETRY
    assert pause(1, 30, 0.5) == 30
    assert pause(1, float("inf"), 0.5) == LAST_RETRY
