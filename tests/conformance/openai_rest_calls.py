"""Calls of the `openai` package over REST; prints what came back of each as one JSON object.

Run with the base URL, a file of speech and the names of calls, each with `@` and an API key behind
it where it matters. A call that raises one of the package's errors gives that; every answer must
also hold what its own type demands of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai

url, clip, *names = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-any", max_retries=0, timeout=60)
listening = client.audio.transcriptions
SPEECH = Path(clip)


def plain(answer: Any) -> dict[str, Any]:
    """A typed answer and the name of its type, which validates it anew, and not leniently."""
    type(answer).model_validate(answer.to_dict())
    return {"class": type(answer).__name__, **answer.to_dict()}


def refused(error: openai.APIError) -> dict[str, Any]:
    told = {"error": type(error).__name__, "message": error.message, "type": error.type}
    told |= {"code": error.code, "param": error.param}
    return told | {"status": getattr(error, "status_code", None)}


def streamed(**fields: Any) -> list[dict[str, Any]]:
    with listening.create(file=SPEECH, model="gpt-4o-transcribe", stream=True, **fields) as events:
        return [plain(event) for event in events]


def streamed_asynchronously() -> list[dict[str, Any]]:
    async def stream() -> list[dict[str, Any]]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-any") as client:
            events = await client.audio.transcriptions.create(
                file=SPEECH, model="gpt-4o-mini-transcribe", stream=True
            )
            return [plain(event) async for event in events]

    return asyncio.run(stream())


def verbose(*granularities: Any) -> dict[str, Any]:
    more: dict[str, Any] = {"timestamp_granularities": granularities} if granularities else {}
    answer = listening.create(
        file=SPEECH, model="whisper-1", response_format="verbose_json", language="en", **more
    )
    return plain(answer)


def written(response_format: Any) -> Any:
    return listening.create(file=SPEECH, model="whisper-1", response_format=response_format)


CALLS: dict[str, Callable[[], Any]] = {
    "json": lambda: plain(listening.create(file=SPEECH, model="whisper-1")),
    "logprobs": lambda: plain(
        listening.create(file=SPEECH, model="gpt-4o-transcribe", include=["logprobs"])
    ),
    "all fields": lambda: plain(
        listening.create(
            file=SPEECH,
            model="gpt-4o-transcribe-diarize",
            chunking_strategy={"type": "server_vad", "silence_duration_ms": 300},
            extra_body={"known_speaker_names[]": ["ann"], "seed": 7},
            prompt="Digits.",
            temperature=0,
        )
    ),
    "text": lambda: written("text"),
    "srt": lambda: written("srt"),
    "vtt": lambda: written("vtt"),
    "verbose": verbose,
    "verbose words": lambda: verbose("word"),
    "verbose both": lambda: verbose("segment", "word"),
    "stream": streamed,
    "stream logprobs": lambda: streamed(include=["logprobs"]),
    "stream async": streamed_asynchronously,
    "models": lambda: [plain(model) for model in client.models.list()],
    "model": lambda: plain(client.models.retrieve("nano")),
    "no such model to show": lambda: plain(client.models.retrieve("someone/else")),
    "no such model": lambda: plain(listening.create(file=SPEECH, model="gigantic")),
    "no such model, streamed": lambda: streamed(extra_body={"model": "gigantic"}),
    "bad format": lambda: plain(
        listening.create(file=SPEECH, model="whisper-1", response_format="doc")  # type: ignore
    ),
    "granularities of json": lambda: plain(
        listening.create(file=SPEECH, model="whisper-1", timestamp_granularities=["word"])
    ),
    "empty file": lambda: plain(listening.create(file=("a.wav", b""), model="whisper-1")),
    "no sound": lambda: plain(listening.create(file=("a.wav", bytes(9_999)), model="whisper-1")),
    "no sound, streamed": lambda: list(
        listening.create(file=("a.wav", bytes(9_999)), model="whisper-1", stream=True)
    ),
    "translation": lambda: plain(client.audio.translations.create(file=SPEECH, model="whisper-1")),
}


def result(name: str) -> Any:
    call, _, key = name.partition("@")
    client.api_key = key or client.api_key
    try:
        return CALLS[call]()
    except openai.APIError as error:
        return refused(error)


print(json.dumps({name: result(name) for name in names} | {"version": openai.__version__}))
