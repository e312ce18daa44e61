"""Finals are posted once they are kept, whatever the receiver, the network or this server does."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sotto.clock import SystemClock
from sotto.interfaces.outbox import Outbox
from sotto.interfaces.store import Beginning
from sotto.plugins.storage.sql import SqlStore
from sotto.runtime import webhook
from sotto.runtime.metrics import Metrics
from sotto.runtime.posting import place_of
from sotto.runtime.webhook import Webhook, delivering
from sotto.runtime.webhook_message import secrets_of
from sotto.testing.stores import Wall, final
from tests.runtime.receiver import LONG, OTHER_SECRET, SECRET, Post, Receiver, receiving, say


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries, and looks for them, follow each other at once."""
    monkeypatch.setattr(webhook, "POLL", 0.01)
    monkeypatch.setattr(webhook, "TENDING", 0.01)
    monkeypatch.setattr(webhook, "LAST_RETRY", 0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@asynccontextmanager
async def opened(folder: Path, clock: Wall | None = None) -> AsyncIterator[tuple[SqlStore, Outbox]]:
    url = f"sqlite:///{folder / 'transcripts.db'}"
    store = SqlStore(url, clock or SystemClock(), keeps_outbox=True)
    await store.open()
    assert store.outbox is not None
    try:
        yield store, store.outbox
    finally:
        await store.close()


def hook(
    outbox: Outbox, url: str, *, secret: str = SECRET, timeout: float = LONG, age: float = math.inf
) -> Webhook:
    return Webhook(outbox, place_of("webhook.url", url), secrets_of(secret), timeout, age)


@asynccontextmanager
async def posting(
    folder: Path, url: str, clock: Wall | None = None, secret: str = SECRET, age: float = math.inf
) -> AsyncIterator[tuple[SqlStore, Outbox, Metrics]]:
    """A store whose finals are posted, for as long as the context lasts."""
    metrics = Metrics()
    async with (
        opened(folder, clock) as (store, outbox),
        delivering(hook(outbox, url, secret=secret, age=age), metrics, clock),
    ):
        yield store, outbox, metrics


async def emptied(outbox: Outbox) -> None:
    """When nothing waits to be told any more."""
    async with asyncio.timeout(LONG):
        while await outbox.length():  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(0.01)


async def counted(metrics: Metrics, name: str, number: int) -> None:
    """When so many posts came to that."""
    async with asyncio.timeout(LONG):
        while outcome(metrics, name) < number:  # noqa: ASYNC110 - nor have figures
            await asyncio.sleep(0.01)


def outcome(metrics: Metrics, name: str) -> float:
    value = metrics.registry.get_sample_value("sotto_webhook_posts_total", {"outcome": name})
    return value or 0.0


async def test_a_final_is_posted_as_json_that_is_signed(tmp_path: Path, receiver: Receiver) -> None:
    async with posting(tmp_path, receiver.url) as (store, outbox, metrics):
        await store.begin(Beginning("a/ß", "stream", "anna", "meeting", "speaker", "nano"))
        await store.append("a/ß", final(0, "nine", "zwölf"))
        await emptied(outbox)
    (post,) = receiver.posts
    assert post.path == "/finals?of=sotto"
    assert post.headers["content-type"] == "application/json"
    assert post.is_signed_by(SECRET)
    assert not post.is_signed_by(OTHER_SECRET)
    assert abs(SystemClock().wall() - int(post.headers["webhook-timestamp"])) < LONG
    assert post.data == {
        "session": "a/ß",
        "dialect": "stream",
        "owner": "anna",
        "group": "meeting",
        "speaker": "speaker",
        "utterance": 0,
        "text": "nine zwölf",
        "start": 0.0,
        "end": 1.2,
        "language": "en",
        "language_probability": 0.75,
        "words": [
            {"word": " nine", "start": 0.0, "end": 0.4, "probability": 0.5},
            {"word": " zwölf", "start": 0.5, "end": 0.9, "probability": 0.75},
        ],
    }
    assert outcome(metrics, "delivered") == 1


async def test_two_secrets_sign_both(tmp_path: Path, receiver: Receiver) -> None:
    secret = f"{SECRET} {OTHER_SECRET}"
    async with posting(tmp_path, receiver.url, secret=secret) as (store, outbox, _):
        await store.append("a", final(0, "nine"))
        await emptied(outbox)
    assert all(receiver.posts[0].is_signed_by(secret) for secret in (SECRET, OTHER_SECRET))


async def test_a_receiver_that_was_down_gets_all_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as first:
        pass  # its port is free again
    port = urlsplit(first.url).port
    assert port is not None
    caplog.set_level(logging.INFO)
    async with posting(tmp_path, first.url) as (store, outbox, metrics):
        for number in range(3):
            for name in "ab":
                await store.append(name, final(number, f"{name}{number}"))
        await counted(metrics, "failed", 6)
        assert await outbox.length() == 6
        with receiving(port) as receiver:
            await emptied(outbox)
    assert [text for text in receiver.texts if text[0] == "a"] == ["a0", "a1", "a2"]
    assert [text for text in receiver.texts if text[0] == "b"] == ["b0", "b1", "b2"]
    assert outcome(metrics, "delivered") == 6
    ours = [record.getMessage() for record in caplog.records if record.name == webhook.__name__]
    assert len(ours) == 2  # one for all that failed, one when it was over
    assert "ConnectionRefusedError" in ours[0]
    assert "a0" not in caplog.text


@pytest.mark.parametrize("status", [301, 307, 400, 404, 429, 500, 503])
async def test_what_is_not_accepted_is_posted_again_with_the_same_id(
    tmp_path: Path, receiver: Receiver, status: int
) -> None:
    refused = say(status, Location=receiver.url, Retry_After="9" * 400)
    answers = iter([refused, refused])

    def answer(post: Post, handler: BaseHTTPRequestHandler) -> None:
        next(answers, say(200))(post, handler)

    receiver.answer = answer
    async with posting(tmp_path, receiver.url) as (store, outbox, metrics):
        await store.append("a", final(0, "nine"))
        await store.append("a", final(1, "two"))
        await emptied(outbox)
    assert receiver.texts == ["nine", "nine", "nine", "two"]
    assert len({post.id for post in receiver.posts}) == 2
    assert len({post.body for post in receiver.posts}) == 2
    assert (outcome(metrics, "failed"), outcome(metrics, "delivered")) == (2, 2)


async def test_one_that_is_gone_is_not_posted_again(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answer = lambda post, handler: say(410 if post.text == "nine" else 200)(post, handler)
    async with posting(tmp_path, receiver.url) as (store, outbox, metrics):
        for number, word in enumerate(("nine", "two")):
            await store.append("a", final(number, word))
        await emptied(outbox)
    assert receiver.texts == ["nine", "two"]
    assert (outcome(metrics, "gone"), outcome(metrics, "delivered")) == (1, 1)


async def test_what_is_too_old_is_dropped_counted_and_logged(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer, clock = say(500), Wall()
    async with posting(tmp_path, receiver.url, clock, age=60) as (store, outbox, metrics):
        for number, word in enumerate(("kaleidoscope", "two")):
            await store.append("a", final(number, word))
        await counted(metrics, "failed", 1)
        assert await outbox.length() == 2
    clock.now += 61
    async with posting(tmp_path, receiver.url, clock, age=60) as (_, outbox, metrics):
        await counted(metrics, "expired", 2)
        assert await outbox.length() == 0
    assert set(receiver.texts) == {"kaleidoscope"}
    assert "dropped 2 finals" in caplog.text
    assert "kaleidoscope" not in caplog.text


async def test_a_slow_receiver_delays_no_final(tmp_path: Path, receiver: Receiver) -> None:
    patience = threading.Event()

    def slow(post: Post, handler: BaseHTTPRequestHandler) -> None:
        patience.wait(LONG)
        say(200)(post, handler)

    receiver.answer = slow
    async with posting(tmp_path, receiver.url) as (store, outbox, _):
        for number in range(webhook.AT_ONCE + 4):
            await store.append(f"s{number}", final(0, f"word{number}"))
        await asyncio.to_thread(receiver.wait, webhook.AT_ONCE)
        async with asyncio.timeout(LONG / 2):
            for number in range(20):
                await store.append("live", final(number, "nine"))
            assert len(await store.segments("live")) == 20
        assert len(receiver.posts) == webhook.AT_ONCE  # no more at once, all of them waiting
        assert await outbox.length() == webhook.AT_ONCE + 24
        patience.set()
        await emptied(outbox)
    assert receiver.texts.count("nine") == 20


async def test_servers_that_share_an_outbox_do_not_post_the_same(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with (
        opened(tmp_path) as (store, one),
        opened(tmp_path) as (_, other),
        delivering(hook(one, receiver.url), Metrics()),
        delivering(hook(other, receiver.url), Metrics()),
    ):
        for number in range(10):
            for name in "abcd":
                await store.append(name, final(number, f"{name}{number}"))
        await emptied(one)
    assert len(receiver.posts) == len({post.id for post in receiver.posts}) == 40
    for name in "abcd":
        said = [text for text in receiver.texts if text[0] == name]
        assert said == [f"{name}{number}" for number in range(10)]


async def test_what_is_out_when_the_server_stops_is_posted_by_the_next(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "STOPPING", 0.01)
    hangs = threading.Event()
    receiver.answer = lambda post, handler: hangs.wait(LONG) and None
    async with opened(tmp_path) as (store, outbox):
        async with delivering(hook(outbox, receiver.url), Metrics()):
            await store.append("a", final(0, "nine"))
            await asyncio.to_thread(receiver.wait, 1)
        receiver.answer = say(200)
        async with delivering(hook(outbox, receiver.url), Metrics()):
            await emptied(outbox)  # at once: what is left behind is not leased any more
    hangs.set()
    assert receiver.texts == ["nine", "nine"]
    assert len({post.id for post in receiver.posts}) == 1


async def test_a_store_that_is_away_for_a_while_ends_nothing(
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(webhook, "AWAY", 0.01)
    async with posting(tmp_path, receiver.url) as (store, outbox, _):
        await store.append("a", final(0, "nine"))
        await emptied(outbox)
        with closing(sqlite3.connect(tmp_path / "transcripts.db", isolation_level=None)) as other:
            other.execute("ALTER TABLE outbox RENAME TO elsewhere")
            async with asyncio.timeout(LONG):
                while caplog.text.count("store cannot be used") < 2:  # noqa: ASYNC110 - nor a log
                    await asyncio.sleep(0.01)
            other.execute("ALTER TABLE elsewhere RENAME TO outbox")
        await store.append("a", final(1, "two"))
        await emptied(outbox)
    assert receiver.texts == ["nine", "two"]
