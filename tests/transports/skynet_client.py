"""Clients of Skynet's streaming-whisper that show every byte, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.serving import Served
from tests.transports.socket_talk import HALF_SECOND

QUIET = bytes(2 * HALF_SECOND)


def jigasi(participant: str, language: str, sound: bytes) -> bytes:
    """A message byte for byte as Jigasi makes it: a buffer of 60 bytes that begins as zeros."""
    header = bytearray(60)
    said = f"{participant}|{language}".encode()
    header[: len(said)] = said
    return bytes(header) + sound


def page(participant: str, language: str, sound: bytes) -> bytes:
    """A message as the page of Skynet's demonstration makes it: `padEnd(60, " ")`."""
    return f"{participant}|{language}".ljust(60).encode() + sound


def url(server: Served, meeting: str) -> str:
    return f"ws://{server.host}/streaming-whisper/ws/{meeting}"


def new_meeting() -> str:
    return str(uuid.uuid4())


@dataclass
class Meeting:
    """What one socket was told."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str | None = None

    def of(self, participant: str, kind: str = "final") -> list[dict[str, Any]]:
        return [
            message
            for message in self.messages
            if (message["participant_id"], message["type"]) == (participant, kind)
        ]

    def text(self, participant: str) -> str:
        return " ".join(message["text"] for message in self.of(participant))


async def hold(
    server: Served,
    messages: Iterable[bytes | str],
    *,
    meeting: str = "",
    pace: float = 0.0,
    **options: Any,
) -> Meeting:
    """Send messages, `pace` seconds apart, and take what comes until the server closes."""
    held = Meeting()
    async with connect(url(server, meeting or new_meeting()), **options) as socket:

        async def send() -> None:
            for message in messages:
                await socket.send(message)
                await asyncio.sleep(pace)

        sending = asyncio.create_task(send())
        await read(socket, held)
        await asyncio.gather(sending, return_exceptions=True)
    return held


async def read(socket: ClientConnection, into: Meeting) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in socket:
            assert isinstance(message, str)
            into.messages.append(json.loads(message))
    into.close_code, into.close_reason = socket.close_code, socket.close_reason


def check(held: Meeting) -> None:
    """What holds for every message, and for every id."""
    open_ids: dict[str, str] = {}
    closed: set[str] = set()
    for message in held.messages:
        assert list(message) == ["id", "participant_id", "ts", "text", "audio", "type", "variance"]
        assert uuid.UUID(message["id"]).version == 7
        assert type(message["ts"]) is int
        assert abs(message["ts"] / 1_000 - time.time()) < 120
        assert type(message["text"]) is str
        assert message["audio"] == ""
        assert type(message["variance"]) is float
        assert 0.0 <= message["variance"] <= 1.0
        who = message["participant_id"]
        assert message["id"] not in closed
        assert open_ids.setdefault(who, message["id"]) == message["id"]
        if message["type"] == "final":
            closed.add(open_ids.pop(who))
        else:
            assert message["type"] == "interim"
    assert open_ids == {}, "an interim has no final"


async def stored(server: Served, *parts: str) -> str:
    """The text of a speaker's finals in the store."""
    segments = await server.service.store.segments("/".join(("skynet", *parts)))
    return " ".join(segment.text for segment in segments)


async def at_rest(server: Served) -> None:
    """Return once no stream is open."""
    for _ in range(1_000):
        if server.service.open_streams == 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a stream stays open")


async def eventually(ask: Callable[[], Awaitable[str]], expected: str) -> None:
    heard = ""
    for _ in range(1_000):
        heard = await ask()
        if heard == expected:
            return
        await asyncio.sleep(0.01)
    assert heard == expected
