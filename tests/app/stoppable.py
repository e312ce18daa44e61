"""A server in a process of its own that is told to stop, and clients that are there then."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sotto.bench.servers import free_port
from sotto.plugins.storage.sql import SqlStore
from tests.asking import eventually
from tests.speech import Pcm


@dataclass(frozen=True)
class Running:
    """A server's process."""

    process: subprocess.Popen[bytes]
    host: str

    @property
    def stream(self) -> str:
        return f"ws://{self.host}/stream"

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Status and body of `/ready`."""
        try:
            with urllib.request.urlopen(f"http://{self.host}/ready", timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@contextmanager
def process(store: Path, **settings: object) -> Iterator[Running]:
    """Settings of the group `server`; everything it says goes to this test's own output."""
    port = free_port()
    environ = {f"SOTTO_SERVER__{key.upper()}": str(value) for key, value in settings.items()}
    started = subprocess.Popen(
        [sys.executable, "-m", "sotto", "serve", "--port", str(port)],
        env=os.environ | {"SOTTO_STORE__URL": f"sqlite:///{store}"} | environ,
    )
    running = Running(started, f"127.0.0.1:{port}")
    try:
        eventually(lambda: started.poll() is not None or is_up(running))
        yield running
    finally:
        started.kill()
        started.wait()


def is_up(running: Running) -> bool:
    try:
        return running.ready()[0] == 200
    except OSError:
        return False


@dataclass
class Speaker:
    """One client of `/stream`, that keeps what it has not been acknowledged."""

    pcm: Pcm
    session: str | None = None
    acknowledged: float = 0.0
    finals: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    close_code: int | None = None
    spoken: asyncio.Event = field(default_factory=asyncio.Event)
    """Half of the sound was sent."""

    @property
    def text(self) -> str:
        return " ".join(filter(None, (final["text"] for final in self.finals)))

    async def speak(self, url: str) -> None:
        """All of the sound that is not acknowledged, at twice its pace, until the socket closes."""
        config: dict[str, Any] = {"sample_rate": self.pcm.rate}
        if self.session is not None:
            config |= {"session": self.session, "received": len(self.finals)}
            config |= {"at": self.acknowledged}
        async with connect(url, max_size=None) as socket:
            with suppress(ConnectionClosed):  # it may be refused before it has said anything
                await socket.send(json.dumps(config))
            sending = asyncio.create_task(self._send(socket))
            try:
                async for message in socket:
                    self._hear(json.loads(message))
            except ConnectionClosed:
                pass
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self.close_code = socket.close_code

    async def _send(self, socket: Any) -> None:
        step = self.pcm.rate // 10 * 2
        begin = round(self.acknowledged * self.pcm.rate) * 2
        for at in range(begin, len(self.pcm.data), step):
            await socket.send(self.pcm.data[at : at + step])
            await asyncio.sleep(0.05)
            if at > len(self.pcm.data) // 2:
                self.spoken.set()
        await socket.send('{"type": "finish"}')

    def _hear(self, event: dict[str, Any]) -> None:
        self.last = event
        match event["type"]:
            case "ready":
                self.session = event["session"]
            case "acknowledged":
                self.acknowledged = event["until"]
            case "final":
                self.finals.append(event)


async def stored(file: Path, session: str) -> list[tuple[int, str]]:
    """Number and text of each final that the store has."""
    store = SqlStore(f"sqlite:///{file}")
    await store.open()
    try:
        return [(segment.id, segment.text) for segment in await store.segments(session)]
    finally:
        await store.close()
