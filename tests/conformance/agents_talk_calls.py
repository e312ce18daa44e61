"""One conversation of `openai-agents`; prints what came of it as one JSON object.

Run with the address of `/v1/realtime`, a file of s16le at 24 kHz, and what is written to the model.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeItem, RealtimeRunner, RealtimeSession
from agents.realtime.model_events import RealtimeModelEvent

url, clip, written = sys.argv[1:]
SOUND = Path(clip).read_bytes()
TENTH = 4_800
"""Bytes of a tenth of a second."""
BEGINNING = 10 * TENTH
"""Of the clip so much interrupts; the rest comes when that was seen to, as it does at its pace."""
LISTENED = 1.5
"""Seconds of the long answer that are heard."""
UNTIL = 60
"""Seconds."""
CUT = (
    "response.output_audio.delta",
    "input_audio_buffer.speech_started",
    "conversation.item.truncated",
    "conversation.item.retrieved",
)
"""What comes one after the other where the client cuts an answer, and looks at what is left."""
calls: list[dict[str, str]] = []


@function_tool
def find_parcel(number: str) -> str:
    """Where a parcel is."""
    calls.append({"number": number})
    return "in Oslo"


class Ear:
    """What the session tells, in the order in which it came."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.heard: list[str] = []
        self.sounds: dict[str, int] = {}
        self.errors: list[str] = []
        self.interrupted: list[str] = []
        self.history: list[RealtimeItem] = []
        self.ends: asyncio.Queue[str] = asyncio.Queue()
        self.starts: asyncio.Queue[str] = asyncio.Queue()
        self.cut = asyncio.Event()
        """The long answer is known to be as long as it was heard."""
        self._steps = iter(CUT)
        self._next = next(self._steps)

    async def listen(self) -> None:
        async for event in self.session:
            match event.type:
                case "audio":
                    if event.item_id not in self.sounds:
                        self.starts.put_nowait(event.item_id)
                    told = self.sounds.get(event.item_id, 0)
                    self.sounds[event.item_id] = told + len(event.audio.data)
                case "history_updated":
                    self.history = event.history
                case "audio_interrupted":
                    self.interrupted.append(event.item_id)
                case "error":
                    self.errors.append(str(event.error))
                case "raw_model_event":
                    self._raw(event.data)

    def _raw(self, event: RealtimeModelEvent) -> None:
        if event.type == "input_audio_transcription_completed":
            self.heard.append(event.transcript)
        elif event.type == "raw_server_event" and event.data["type"] == self._next:
            self._next = next(self._steps, "")
            if not self._next:
                self.cut.set()
        elif event.type == "exception":
            self.errors.append(repr(event.exception))
        elif event.type == "turn_ended":
            self.ends.put_nowait(str(event.response_id))


def settings() -> dict[str, Any]:
    detection = {"type": "server_vad", "silence_duration_ms": 1_000, "interrupt_response": True}
    return {"model_name": "gpt-realtime", "turn_detection": detection}


async def speak(session: RealtimeSession, sound: bytes) -> None:
    for at in range(0, len(sound), TENTH):
        await session.send_audio(sound[at : at + TENTH])


async def converse(session: RealtimeSession, ear: Ear) -> None:
    await speak(session, SOUND)
    await ear.ends.get()  # the call
    await ear.ends.get()
    await ear.starts.get()
    await session.send_message(written)
    await ear.starts.get()
    await asyncio.sleep(LISTENED)  # the tracker of what is played goes by the clock
    await speak(session, SOUND[:BEGINNING])
    await ear.cut.wait()
    await speak(session, SOUND[BEGINNING:])
    await ear.starts.get()
    for _ in ("the long answer", "the last one"):
        await ear.ends.get()


def texts(history: list[RealtimeItem], role: str) -> list[str | None]:
    return [
        part.transcript
        for item in history
        if item.type == "message" and item.role == role
        for part in item.content
        if part.type in ("audio", "input_audio")
    ]


async def main() -> None:
    agent = RealtimeAgent(name="Parcels", instructions="Find parcels.", tools=[find_parcel])
    runner = RealtimeRunner(agent, config={"model_settings": settings()})
    address = {"url": f"{url}?model=gpt-realtime", "api_key": "sk-any"}
    async with asyncio.timeout(UNTIL), await runner.run(model_config=address) as session:
        ear = Ear(session)
        listening = asyncio.create_task(ear.listen())
        await converse(session, ear)
        listening.cancel()
    said = texts(ear.history, "assistant")
    told = {
        "heard": ear.heard,
        "calls": calls,
        "sounds": list(ear.sounds.values()),
        "errors": ear.errors,
        "interrupted": [list(ear.sounds).index(item) for item in ear.interrupted],
        "said": said,
        "answers": [said[0], said[-1]],
    }
    print(json.dumps(told))


asyncio.run(main())
