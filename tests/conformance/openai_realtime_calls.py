"""Calls of the `openai` package over Realtime; prints what came of each as one JSON object.

Run with the base URL, files of sound (PCM of 24 kHz, µ-law, A-law) and the names of calls. Each
gives the events that came, in order, as the package's own types read them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openai

url, pcm, ulaw, alaw, *names = sys.argv[1:]
SOCKETS = f"{url.replace('http', 'ws')}/v1"
KNOWS_THEM = int(openai.__version__.split(".")[0]) >= 3
"""Older ones take wss where they are not told, though the rest be http."""


def speaker(key: str) -> openai.AsyncOpenAI:
    sockets = None if KNOWS_THEM else SOCKETS
    return openai.AsyncOpenAI(
        base_url=f"{url}/v1", websocket_base_url=sockets, api_key=key, max_retries=0
    )


client = speaker("sk-any")
INTENT = {"intent": "transcription"}
COMPLETED = "conversation.item.input_audio_transcription.completed"
Told = dict[str, Any]
SOUND = {path: Path(path).read_bytes() for path in (pcm, ulaw, alaw)}
UNTIL = 60
"""Seconds."""


def session(**heard: Any) -> Told:
    form = {"type": "audio/pcm", "rate": 24000}
    spoken = {"model": "gpt-4o-mini-transcribe", "language": "en"}
    return {
        "type": "transcription",
        "audio": {"input": {"format": form, "transcription": spoken, **heard}},
    }


async def say(connection: Any, path: str, *, most: int | None = None) -> None:
    """Bytes of a file; at 16 bits and 24 kHz a tenth of a second at once."""
    data = SOUND[path][:most]
    for at in range(0, len(data), 4_800):
        audio = base64.b64encode(data[at : at + 4_800]).decode()
        await connection.input_audio_buffer.append(audio=audio)


async def events(connection: Any, last: Callable[[Any], bool]) -> list[Told]:
    told = []
    async with asyncio.timeout(UNTIL):
        while True:
            event = await connection.recv()
            told.append({"class": type(event).__name__, **event.to_dict()})
            if last(event):
                return told


def ends(word: str) -> Callable[[Any], bool]:
    return lambda event: event.type == COMPLETED and event.transcript.endswith(word)


async def vad() -> list[Told]:
    detection = {"type": "server_vad", "silence_duration_ms": 500}
    return await heard(session(turn_detection=detection), pcm, "one")


async def semantic() -> list[Told]:
    include = ["item.input_audio_transcription.logprobs"]
    wanted = session(turn_detection={"type": "semantic_vad", "eagerness": "high"})
    return await heard({**wanted, "include": include}, pcm, "one")


async def manual() -> list[Told]:
    return await heard(session(turn_detection=None), pcm, "")


async def cut() -> list[Told]:
    """Committed in the middle of the last word but five."""
    return await heard(session(turn_detection=None), pcm, "", most=int(1.8 * 48_000))


async def g711(form: str, path: str) -> list[Told]:
    return await heard(session(format={"type": form}, turn_detection=None), path, "")


async def heard(wanted: Told, path: str, word: str, *, most: int | None = None) -> list[Told]:
    async with client.realtime.connect(extra_query=INTENT) as connection:
        await connection.session.update(session=wanted)
        await say(connection, path, most=most)
        await connection.input_audio_buffer.commit()
        return await events(connection, ends(word))


async def refusals() -> list[Told]:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime"})
        await connection.session.update(session=session(turn_detection=None))
        await connection.response.create()
        await connection.input_audio_buffer.commit()
        return await events(connection, lambda event: "commit" in str(event))


async def secret() -> list[Told]:
    """The session is set where the secret is made, and by nobody else."""
    made = await client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session=session(turn_detection=None),
    )
    browser = speaker(made.value)
    async with browser.realtime.connect(extra_query={}) as connection:
        await say(connection, pcm)
        await connection.input_audio_buffer.commit()
        return [made.to_dict(), *await events(connection, ends(""))]


async def beta() -> list[Told]:
    wanted = {
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "en"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
    }
    connecting = client.beta.realtime.connect(model="gpt-4o-transcribe", extra_query=INTENT)
    async with connecting as connection:
        await connection.transcription_session.update(session=wanted)
        await say(connection, pcm)
        await connection.input_audio_buffer.commit()
        return await events(connection, ends("one"))


async def beta_manual() -> list[Told]:
    wanted = {"input_audio_format": "g711_ulaw", "turn_detection": None}
    async with client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
        await connection.session.update(session=wanted)
        await say(connection, ulaw)
        await connection.input_audio_buffer.commit()
        return await events(connection, ends(""))


async def beta_secret() -> list[Told]:
    made = await client.beta.realtime.transcription_sessions.create(
        input_audio_format="g711_alaw",
        turn_detection={"type": "server_vad", "threshold": 0.6},
        extra_body={"client_secret": {"expires_at": {"anchor": "created_at", "seconds": 60}}},
    )
    return [made.to_dict()]


CALLS: dict[str, Callable[[], Awaitable[list[Told]]]] = {
    "vad": vad,
    "semantic": semantic,
    "manual": manual,
    "cut": cut,
    "ulaw": lambda: g711("audio/pcmu", ulaw),
    "alaw": lambda: g711("audio/pcma", alaw),
    "refusals": refusals,
    "secret": secret,
    "beta": beta,
    "beta manual": beta_manual,
    "beta secret": beta_secret,
}


async def main() -> None:
    told: Told = {name: await CALLS[name]() for name in names}
    print(json.dumps({"version": openai.__version__, **told}))


asyncio.run(main())
