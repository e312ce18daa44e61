"""A client of `/stream`, for tests."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.speech import Pcm


@dataclass
class Heard:
    """What a server said."""

    events: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    sent_when: list[int] = field(default_factory=list)
    """Pieces that were sent before each event came."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def text(self) -> str:
        return " ".join(filter(None, (event["text"] for event in self.of("final"))))

    @property
    def error(self) -> dict[str, Any]:
        (error,) = self.of("error")
        return error


async def listen(
    url: str, pcm: Pcm, *, pace: float = 0.0, config: dict[str, Any] | None = None
) -> Heard:
    """Stream a clip in pieces of 100 ms; `pace` 1 is real time, 0 as fast as it goes."""
    pieces = _pieces(pcm, 0.1)
    return await converse(url, {"sample_rate": pcm.rate, **(config or {})}, pieces, pace=pace)


def _pieces(pcm: Pcm, seconds: float) -> list[bytes]:
    step = int(pcm.rate * seconds) * 2
    return [pcm.data[at : at + step] for at in range(0, len(pcm.data), step)]


async def converse(
    url: str, config: Any, messages: list[Any], *, pace: float = 0.0, finish: bool = True
) -> Heard:
    """Send a configuration and messages, and take what comes until the server closes."""
    heard, sent = Heard(), 0
    async with connect(url, max_size=None) as socket:

        async def send() -> None:
            nonlocal sent
            began = time.monotonic()
            for number, message in enumerate(messages, 1):
                if pace:
                    due = began + number * 0.1 / pace
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                await socket.send(message)
                sent = number
            if finish:
                await socket.send('{"type": "finish"}')

        if config is not None:
            await socket.send(config if isinstance(config, str | bytes) else json.dumps(config))
        sending = asyncio.create_task(send())
        try:
            async for message in socket:
                heard.events.append(json.loads(message))
                heard.sent_when.append(sent)
        except ConnectionClosed:
            pass
        await asyncio.gather(sending, return_exceptions=True)
        heard.close_code = socket.close_code
    return heard
