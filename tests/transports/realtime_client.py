"""A client of OpenAI Realtime over a plain socket, for tests."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.serving import Served
from tests.speech import Pcm

Event = dict[str, Any]
ITEM = "conversation.item.input_audio_transcription."
PATIENCE = 30
"""Seconds in which an event must come."""


class Talk:
    """One socket, and all that came over it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def update(self, session: Event) -> Event:
        """What the session is then, as the server tells it."""
        await self.send("session.update", session=session)
        updated = await self.until(lambda event: event["type"] in ("session.updated", "error"))
        told: Event = updated["session"] if "session" in updated else updated["error"]
        return told

    async def speak(self, data: bytes, step: int) -> None:
        for at in range(0, len(data), step):
            audio = base64.b64encode(data[at : at + step]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def until(self, is_it: str | Callable[[Event], bool]) -> Event:
        """The next event of that type, or of which that holds."""
        async with asyncio.timeout(PATIENCE):
            while True:
                event: Event = json.loads(await self.socket.recv())
                self.events.append(event)
                if event["type"] == is_it if isinstance(is_it, str) else is_it(event):
                    return event

    async def until_closed(self) -> int | None:
        """The close code."""
        with suppress(ConnectionClosed):
            await self.until(lambda event: False)
        return self.socket.close_code

    async def say(self, text: str) -> str:
        """The id of what is written into the conversation."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)
        done = await self.until("conversation.item.done")
        return str(done["item"]["id"])

    async def ask(self, text: str, **wanted: Any) -> Event:
        """The whole answer to what is written."""
        await self.say(text)
        await self.send("response.create", response=wanted)
        done = await self.until("response.done")
        answer: Event = done["response"]
        return answer

    async def refusal(self) -> Event:
        """What the next error says."""
        error: Event = (await self.until("error"))["error"]
        return error

    def sound(self) -> bytes:
        """Of all answers."""
        deltas = self.of("response.output_audio.delta")
        return b"".join(base64.b64decode(event["delta"]) for event in deltas)

    def kinds(self) -> list[str]:
        """Types of what came, runs of one type as one, without those of the session."""
        kinds = (event["type"] for event in self.events)
        return [kind for kind, _ in groupby(kinds) if not kind.startswith("session.")]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def text(self) -> str:
        """Of the deltas, by item in order."""
        items: dict[str, str] = {}
        for event in self.of(f"{ITEM}delta"):
            items[event["item_id"]] = items.get(event["item_id"], "") + event["delta"]
        return " ".join(items.values())

    def transcript(self) -> str:
        """Of all that is complete."""
        return " ".join(filter(None, (e["transcript"] for e in self.of(f"{ITEM}completed"))))


def pcm(clip: Pcm, **heard: Any) -> Event:
    """A session that hears the clip as it is."""
    form = {"type": "audio/pcm", "rate": clip.rate}
    return {"type": "transcription", "audio": {"input": {"format": form, **heard}}}


def heard(clip: Pcm, **more: Any) -> Event:
    """A conversation that hears the clip as it is."""
    form = {"type": "audio/pcm", "rate": clip.rate}
    return {"type": "realtime", "audio": {"input": {"format": form, **more}}}


def address(server: Served, query: str = "?intent=transcription") -> str:
    return f"ws://{server.host}/v1/realtime{query}"


@asynccontextmanager
async def talking(
    server: Served,
    query: str = "?intent=transcription",
    *,
    headers: dict[str, str] | None = None,
    protocols: list[str] | None = None,
) -> AsyncIterator[Talk]:
    """A socket whose session has begun."""
    offered = [Subprotocol(name) for name in protocols] if protocols else None
    url = address(server, query)
    # With a bound it would not see that the server hangs up while events wait to be read.
    connecting = connect(url, additional_headers=headers, subprotocols=offered, max_queue=None)
    async with connecting as socket:
        talk = Talk(socket)
        first = await talk.until(lambda event: True)
        assert first["type"] == "session.created"
        yield talk
