"""What docs/webhook.md says is true: its example reads what is posted, its numbers hold."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sotto.clock import SystemClock
from sotto.interfaces.outbox import Delivery
from sotto.interfaces.store import Record
from sotto.plugins.storage.pending import MAX_PENDING
from sotto.runtime import webhook
from sotto.runtime.webhook_message import TYPE, body_of, headers_of, secrets_of
from sotto.testing.stores import final
from tests.runtime.receiver import OTHER_SECRET, SECRET

PAGE = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text()
RECORD = Record("a", "stream", "anna", None, None, "nano", "en", 0, 0, 0, 0, 0, 1)
DELIVERY = Delivery("ab12", RECORD, final(0, "nine", "two"), 1_795_000_000.0, 1)


@pytest.fixture(scope="module")
def example() -> Any:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["read_final"]


def posted(secret: str = SECRET, late: float = 0) -> tuple[dict[str, str], bytes]:
    body = body_of(DELIVERY)
    return headers_of(DELIVERY, body, secrets_of(secret), SystemClock().wall() - late), body


def test_the_example_reads_what_is_signed(example: Any) -> None:
    for secret in (SECRET, f"{OTHER_SECRET} {SECRET}"):
        id, data = example(*posted(secret), SECRET)
        assert (id, data["text"]) == ("ab12", "nine two")


def test_the_example_refuses_all_else(example: Any) -> None:
    headers, body = posted()
    for faulty in (
        (headers, body + b" "),
        (headers | {"webhook-id": "ab13"}, body),
        (headers | {"webhook-signature": "v1,"}, body),
        (headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")}, body),
        posted(OTHER_SECRET),
    ):
        with pytest.raises(ValueError, match="not signed"):
            example(*faulty, SECRET)
    for late in (400, -400):
        with pytest.raises(ValueError, match="too old"):
            example(*posted(late=late), SECRET)


def test_the_body_is_as_the_page_shows_it() -> None:
    body = body_of(replace(DELIVERY, segment=final(0, "nine")))
    shown = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    names = re.compile(r'"(\w+)":')
    assert names.findall(body.decode()) == names.findall(shown[1])
    assert f'"type": "{TYPE}"' in PAGE


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"At most {webhook.AT_ONCE} posts" in PAGE.replace("\n  ", " ")
    assert f"`webhook.timeout` + {webhook.LEASE:g} s" in PAGE.replace("\n  ", " ")
    assert f"up to {webhook.LAST_RETRY / 60:g}\n  minutes" in PAGE
    assert f"after {webhook.FIRST_RETRY:g} s, 2 s, 4 s" in PAGE
    assert f"{MAX_PENDING:,} finals" in PAGE


def test_a_long_final_is_as_large_as_the_page_says() -> None:
    """A window of 30 s has 448 tokens, and hardly more than 150 words are said in it."""
    long = final(0, *["kaleidoscope"] * 150)
    assert len(body_of(replace(DELIVERY, segment=long))) < 20_000
