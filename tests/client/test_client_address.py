"""Where a server is, and the key that it is asked with."""

from __future__ import annotations

import pytest

from sotto import errors
from sotto.client.address import parse_address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("localhost:8000", "ws://localhost:8000/stream"),
        ("http://host", "ws://host:80/stream"),
        ("https://host/sotto/", "wss://host:443/sotto/stream"),
        ("wss://host/sotto/stream", "wss://host:443/sotto/stream"),
        ("ws://[::1]:9000/stream/", "ws://[::1]:9000/stream"),
    ],
)
def test_an_address_gets_what_it_lacks(url, expected):
    assert parse_address(url).stream == expected


@pytest.mark.parametrize(
    "url", ["", "ftp://host", "ws://", "ws://host:port", "ws://host:99999", "ws://me:too@host"]
)
def test_an_address_that_is_none(url):
    with pytest.raises(errors.BadOption, match="expected an address"):
        parse_address(url)


@pytest.mark.parametrize("key", ["", "two words", "line\r\nX-Evil: 1", "café", "k" * 8_193])
def test_a_key_that_no_header_carries_is_refused_and_not_shown(key):
    with pytest.raises(errors.BadOption, match="expected visible ASCII") as refused:
        parse_address("localhost", key)
    assert len(key) < 2 or key not in str(refused.value)


def test_a_key_in_the_address_goes_to_the_server_and_into_no_sentence():
    address = parse_address("https://host/sotto/stream?token=sk-secret")
    assert address.asked(address.stream) == "wss://host:443/sotto/stream?token=sk-secret"
    assert "sk-secret" not in repr(address) + address.stream


def test_a_key_is_not_shown():
    address = parse_address("localhost", "sk-secret")
    assert "sk-secret" not in repr(address)
    assert address.headers == {"Authorization": "Bearer sk-secret"}
