"""Receivers that misbehave, and a server that is killed: each final is posted all the same."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sotto.clock import SystemClock
from sotto.errors import Unreachable
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.storage.sql import SqlStore
from sotto.runtime import posting, webhook
from sotto.runtime.metrics import Metrics
from sotto.runtime.posting import Poster, place_of
from sotto.runtime.webhook import Webhook, delivering
from sotto.runtime.webhook_message import secrets_of
from sotto.testing.stores import Wall
from tests.runtime.receiver import LONG, SECRET, Receiver, receiving, say

SPEAKING = """
import asyncio, sys
from sotto.plugins.storage.sql import SqlStore
from sotto.runtime.metrics import Metrics
from sotto.runtime.posting import place_of
from sotto.runtime.webhook import Webhook, delivering
from sotto.testing.stores import final

async def main():
    store = SqlStore(sys.argv[1], keeps_outbox=True)
    await store.open()
    hook = Webhook(store.outbox, place_of("webhook.url", sys.argv[2]), (b"secret",), 60, 3600)
    async with delivering(hook, Metrics()):
        for number in range(100_000):
            await store.append(f"s{number % 3}", final(number, f"word{number}"))
            print(number, flush=True)

asyncio.run(main())
"""


async def outbox_is_empty(store: TranscriptStore) -> None:
    assert isinstance(store, SqlStore)
    assert store.outbox is not None
    async with asyncio.timeout(LONG):
        while await store.outbox.length():  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(0.01)


def killed_after(posts: int, url: str, receiver: Receiver) -> int:
    """How many finals were acknowledged when SIGKILL came."""
    with subprocess.Popen(
        [sys.executable, "-c", SPEAKING, url, receiver.url], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told: list[str] = []
        reading = threading.Thread(target=lambda: told.extend(child.stdout or ()))
        reading.start()
        receiver.wait(posts)
        child.send_signal(signal.SIGKILL)
        reading.join()
    assert child.returncode == -signal.SIGKILL
    return sum(line.endswith("\n") for line in told)


async def test_what_was_acknowledged_is_posted_after_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'transcripts.db'}"
    with receiving() as receiver:
        acknowledged = await asyncio.to_thread(killed_after, 10, url, receiver)
        clock = Wall(SystemClock().wall() + 60 + webhook.LEASE)  # no lease outlives it
        store = SqlStore(url, clock, keeps_outbox=True)
        await store.open()
        assert store.outbox is not None
        place = place_of("webhook.url", receiver.url)
        hook = Webhook(store.outbox, place, secrets_of(SECRET), LONG, 3_600)
        async with delivering(hook, Metrics(), clock):
            await outbox_is_empty(store)
        await store.close()
    ids = {(post.id, post.data["utterance"]) for post in receiver.posts}
    assert len(ids) == len({id for id, _ in ids}) == len({number for _, number in ids})
    assert {number for _, number in ids} >= set(range(acknowledged))
    for session in range(3):
        came = [post.data["utterance"] for post in receiver.posts]
        ours = list(dict.fromkeys(number for number in came if number % 3 == session))
        assert ours == sorted(ours)


@contextmanager
def talking(*pieces: bytes) -> Iterator[str]:
    """The address of a receiver that answers these bytes, the last of them without an end."""
    stop = threading.Event()

    def talk(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65_536)
            try:
                for piece in pieces:
                    peer.sendall(piece)
                while not stop.wait(0.01):
                    peer.sendall(pieces[-1])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            stop.set()
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + b"Content-Length: 9999999999\r\n\r\n", b"a body without end"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nwords\r\n"),
        (HEAD + b"Connection: close\r\n\r\n", b"more and more"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"Content-Length: 0\r\n\r\n", b"x"),
    ],
)
async def test_a_body_is_not_read(pieces: tuple[bytes, ...]) -> None:
    with talking(*pieces) as url:
        answer = await Poster(place_of("url", url), timeout=LONG).post(b"{}", {})
    assert answer.status == 200


@pytest.mark.parametrize(
    "pieces",
    [
        (b"", b""),
        (b"this is no HTTP\r\n", b""),
        (b"SSH-2.0-OpenSSH\r\n", b""),
        (HEAD + b"x: " + b"a" * 70_000 + b"\r\n\r\n", b""),
        (HEAD + b"x: a\r\n" * 200 + b"\r\n", b""),
        (HEAD, b"a"),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
    ],
)
async def test_what_is_no_answer_is_a_failure(pieces: tuple[bytes, ...]) -> None:
    """Within the time of one answer, also where bytes come for ever."""
    with talking(*pieces) as url, pytest.raises(Unreachable):
        await Poster(place_of("url", url), timeout=0.5).post(b"{}", {})


async def test_threads_that_are_stuck_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while a name is looked for and no name server answers, which nothing can end."""
    stuck = threading.Event()
    monkeypatch.setattr(posting._Exchange, "run", lambda *_: stuck.wait(LONG))
    poster = Poster(place_of("url", "http://127.0.0.1:1/"), timeout=0.01)
    for _ in range(posting.MAX_THREADS):
        with pytest.raises(Unreachable, match="within"):
            await poster.post(b"{}", {})
    with pytest.raises(Unreachable, match="that are stuck"):
        await poster.post(b"{}", {})
    stuck.set()


async def test_a_redirect_leads_nowhere() -> None:
    with receiving() as other, receiving() as receiver:
        receiver.answer = say(307, Location=other.url)
        answer = await Poster(place_of("url", receiver.url), timeout=LONG).post(
            b'{"data": {}}', {"webhook-id": "a"}
        )
    assert answer.status == 307
    assert (len(receiver.posts), len(other.posts)) == (1, 0)
