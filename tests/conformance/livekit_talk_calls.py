"""Calls of `livekit-agents` with its plug-in for OpenAI; prints one JSON object of what came.

Run with the base URL, a file of s16le at 24 kHz, what is written to the model, and names of calls.
A session is driven as the framework drives it, without a room.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import function_tool, llm, stt, utils
from livekit.plugins import openai
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

url, clip, written, *names = sys.argv[1:]
SOUND = Path(clip).read_bytes()
RATE, TENTH = 24_000, 4_800
"""Samples a second; bytes of a tenth of one."""
LISTENED = 1.5
"""Seconds of the long answer that are heard."""
UNTIL = 60
"""Seconds."""


@function_tool
async def find_parcel(number: str) -> str:
    """Where a parcel is."""
    return "in Oslo"


def frames() -> list[rtc.AudioFrame]:
    return [
        rtc.AudioFrame(SOUND[at : at + TENTH], RATE, 1, len(SOUND[at : at + TENTH]) // 2)
        for at in range(0, len(SOUND), TENTH)
    ]


class Ear:
    """Takes what the session tells, and does what an agent's own session does of it."""

    def __init__(self, session: openai.realtime.RealtimeSession) -> None:
        self.session = session
        self.heard: list[str] = []
        self.answers: list[str] = []
        self.sounds: list[int] = []
        self.calls: list[Any] = []
        self.errors: list[str] = []
        self.playing = ""
        self.starts: asyncio.Queue[None] = asyncio.Queue()
        self.ends: asyncio.Queue[None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        session.on("input_audio_transcription_completed", self._words)
        session.on("generation_created", self._generation)
        session.on("input_speech_started", self._interrupted)
        session.on("error", lambda event: self.errors.append(repr(event.error)))

    def _words(self, event: llm.InputTranscriptionCompleted) -> None:
        if event.is_final:
            self.heard.append(event.transcript)

    def _interrupted(self, _: llm.InputSpeechStartedEvent) -> None:
        if not self.playing:
            return
        self.session.interrupt()
        self.session.truncate(
            message_id=self.playing, modalities=["audio"], audio_end_ms=round(1_000 * LISTENED)
        )
        self.playing = ""

    def _generation(self, event: llm.GenerationCreatedEvent) -> None:
        task = asyncio.create_task(self._take(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, event: llm.GenerationCreatedEvent) -> None:
        async for message in event.message_stream:
            self.sounds.append(0)
            async for frame in message.audio_stream:
                if not self.sounds[-1]:
                    self.playing = message.message_id
                    self.starts.put_nowait(None)
                self.sounds[-1] += len(frame.data) * 2
            self.answers.append("".join([text async for text in message.text_stream]))
        async for call in event.function_stream:
            self.calls.append(json.loads(call.arguments))
            context = self.session.chat_ctx.copy()
            context.items.append(
                llm.FunctionCallOutput(
                    call_id=call.call_id, name=call.name, output="in Oslo", is_error=False
                )
            )
            await self.session.update_chat_ctx(context)
            self.session.generate_reply()
        self.ends.put_nowait(None)


async def talk() -> dict[str, Any]:
    async with aiohttp.ClientSession() as http:
        detection = ServerVad(type="server_vad", silence_duration_ms=1_000)
        model = openai.realtime.RealtimeModel(
            base_url=url, api_key="sk-any", turn_detection=detection, http_session=http
        )
        session = model.session()
        ear = Ear(session)
        await session.update_instructions("Find parcels.")
        await session.update_tools([find_parcel])
        await converse(session, ear)
        remembered = [
            {"role": item.role, "text": item.text_content}
            for item in session.chat_ctx.items
            if item.type == "message"
        ]
        await session.aclose()
    told = {name: getattr(ear, name) for name in ("heard", "answers", "sounds", "calls", "errors")}
    return told | {"remembered": remembered}


async def converse(session: openai.realtime.RealtimeSession, ear: Ear) -> None:
    for frame in frames():
        session.push_audio(frame)
    await ear.ends.get()  # the call
    await ear.ends.get()
    await ear.starts.get()
    ear.playing = ""
    context = session.chat_ctx.copy()
    context.add_message(role="user", content=written)
    await session.update_chat_ctx(context)
    await session.generate_reply(instructions="Tell them all of it.")
    await ear.starts.get()
    await asyncio.sleep(LISTENED)
    for frame in frames():
        session.push_audio(frame)
    await ear.starts.get()
    for _ in ("the long answer", "the last one"):
        await ear.ends.get()


async def live() -> dict[str, Any]:
    """Written down while it is spoken, by a transcription session."""
    async with utils.http_context.open():
        words = openai.STT(base_url=url, api_key="sk-any", use_realtime=True)
        stream = words.stream()
        for frame in frames():
            stream.push_frame(frame)
        told: dict[str, Any] = {"finals": [], "types": []}
        async for event in stream:
            told["types"].append(event.type.value)
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                told["finals"].append(event.alternatives[0].text)
                if " ".join(told["finals"]).endswith("one"):
                    break
        await stream.aclose()
        await words.aclose()
    return told


async def file() -> dict[str, Any]:
    """A file, by the REST endpoint."""
    words = openai.STT(base_url=url, api_key="sk-any", model="whisper-1")
    event = await words.recognize(frames())
    (best,) = event.alternatives
    return {"text": best.text, "language": str(best.language)}


CALLS: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
    "talk": talk,
    "live": live,
    "file": file,
}


async def main() -> None:
    async with asyncio.timeout(UNTIL):
        print(json.dumps({name: await CALLS[name]() for name in names}))


asyncio.run(main())
