"""One connection of the released `openai` package, whose own types read every event."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.conformance.talk_served import Conversing

STRICT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
"""What the package itself only guesses where an event does not fit."""
COMPLETED = "conversation.item.input_audio_transcription.completed"
UNTIL = 30
"""Seconds."""
TENTH = 4_800
"""Bytes of a tenth of a second."""


class Line:
    """One connection, and all that came over it."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.came: list[dict[str, Any]] = []

    async def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """What comes up to the event of that type, and it: so many of them."""
        first = len(self.came)
        async with asyncio.timeout(UNTIL):
            while len(of(self.came[first:], kind)) < count:
                event = (await self.connection.recv()).to_dict()
                STRICT.validate_python(_without_null(event))
                self.came.append(event)
        return self.came[first:]

    async def speak(self, talk: Conversing) -> None:
        sound = talk.clip.read_bytes()
        for at in range(0, len(sound), TENTH):
            audio = base64.b64encode(sound[at : at + TENTH]).decode()
            await self.connection.input_audio_buffer.append(audio=audio)

    async def write(self, text: str) -> None:
        """Words of the user, and the wish for an answer."""
        part = {"type": "input_text", "text": text}
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [part]}
        )
        await self.connection.response.create()


def _without_null(event: dict[str, Any]) -> dict[str, Any]:
    """The package types the item before the first as a text, the service sends null there."""
    return {key: value for key, value in event.items() if value is not None}


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def joined(events: list[dict[str, Any]], kind: str) -> str:
    return "".join(event["delta"] for event in of(events, kind))


def sound(events: list[dict[str, Any]]) -> bytes:
    deltas = of(events, "response.output_audio.delta")
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


@asynccontextmanager
async def calling(talk: Conversing, *, vad: bool = False, **session: Any) -> AsyncIterator[Line]:
    """A session with those settings. `vad`: whether turns are found, and answered."""
    talk.chat.asked.clear()
    detection = {"type": "server_vad", "silence_duration_ms": 1_000} if vad else None
    heard = {"transcription": {"model": "whisper-1"}, "turn_detection": detection}
    wanted = {"type": "realtime", "audio": {"input": heard}, **session}
    client = openai.AsyncOpenAI(base_url=talk.url, api_key="sk-any", max_retries=0)
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        line = Line(connection)
        await line.until("session.created")
        await connection.session.update(session=wanted)
        await line.until("session.updated")
        yield line


def order(events: list[dict[str, Any]]) -> list[str]:
    """The types, each run of one type once."""
    kinds = [event["type"] for event in events]
    return [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]
