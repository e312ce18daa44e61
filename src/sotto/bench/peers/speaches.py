"""speaches: OpenAI's realtime events; text comes once its detector heard enough silence."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import soxr
from pydantic import BaseModel, Field

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.peers.peer import Peer, Setup, closed_unless_welcome
from sotto.bench.streams.dialect import (
    Committed,
    Failed,
    Final,
    Message,
    Observation,
    SocketWire,
    Wire,
    open_socket,
)
from sotto.bench.streams.sound import Pcm
from sotto.errors import ServerError

MODEL = "bench/checkpoint"
"""What the checkpoint is called in the cache that is made for it."""
REVISION = "0" * 40
RATE = 24_000
"""Samples a second that OpenAI's realtime takes, and so this too."""
TOO_SMALL = "buffer too small"
"""How it refuses to end an utterance that has not begun."""

PAGE = Path("realtime-console", "dist")
ALIASES = "model_aliases.json"
"""It looks for both where it is started, and may be without neither."""

CARD = """---
library_name: ctranslate2
pipeline_tag: automatic-speech-recognition
tags: [ctranslate2, automatic-speech-recognition]
---
"""
"""It lists the cached models whose cards say so much."""


class Problem(BaseModel):
    """What went wrong."""

    type: str = ""
    message: str = ""


class Told(BaseModel):
    """Any event."""

    type: str
    transcript: str = ""
    error: Problem = Field(default=Problem())


@dataclass(frozen=True)
class Speaches:
    """Transcription only."""

    language: str = "en"
    model: str = MODEL
    name: str = "speaches"
    says_over: bool = False

    async def connect(self, address: str) -> Wire:
        """Once the session is there. Raises ServerError."""
        query = urlencode(
            {"model": self.model, "intent": "transcription", "language": self.language}
        )
        path = f"ws{address.removeprefix('http')}/v1/realtime?{query}"
        wire = await open_socket(path, deflate=False)
        async with closed_unless_welcome(wire):
            told = Told.model_validate_json(await wire.receive())
            if told.type != "session.created":
                got = f"{told.type}: {told.error.message}"
                raise ServerError(f"expected session.created, got {got}")
        return AppendingWire(wire)

    def message(self, pcm: Pcm) -> Message:
        """As 16 bits at 16 kHz; the wire makes of them what it takes."""
        return pcm.astype("<i2").tobytes()

    def goodbye(self) -> Sequence[Message]:
        """The last utterance ends here."""
        return ('{"type": "input_audio_buffer.commit"}',)

    def reader(self) -> _Reader:
        """For a new connection."""
        return _Reader()


class AppendingWire:
    """Sound leaves it at 24 kHz and in JSON; the resampler goes on from message to message."""

    def __init__(self, wire: SocketWire) -> None:
        self._wire = wire
        self._stream = soxr.ResampleStream(SAMPLE_RATE, RATE, 1, dtype="int16", quality="LQ")

    async def send(self, message: Message) -> None:
        """Sound as bytes at 16 kHz, events as text. Raises HungUp."""
        await self._wire.send(message if isinstance(message, str) else self._appended(message))

    async def receive(self) -> Message:
        """The next event. Raises HungUp."""
        return await self._wire.receive()

    async def close(self) -> None:
        """Hang up."""
        await self._wire.close()

    def _appended(self, pcm: bytes) -> str:
        samples: Pcm = self._stream.resample_chunk(np.frombuffer(pcm, "<i2").astype(np.int16))
        audio = base64.b64encode(samples.astype("<i2").tobytes()).decode()
        return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


@dataclass(frozen=True)
class _Reader:
    def read(self, message: Message) -> Sequence[Observation]:
        """What an event says. Raises ValueError."""
        told = Told.model_validate_json(message)
        match told.type:
            case "conversation.item.input_audio_transcription.completed":
                text = told.transcript.strip()
                return (Committed(f" {text}"), Final()) if text else (Final(),)
            case "conversation.item.input_audio_transcription.failed" | "error":
                wrong = told.error.message
                return () if TOO_SMALL in wrong else (Failed(f"{told.error.type}: {wrong}"),)
            case _:
                return ()


def _environment(setup: Setup, folder: Path) -> Mapping[str, str]:
    """A cache of the hub, which is all that it knows of models; and an empty page."""
    hub = folder / "hub"
    repository = hub / f"models--{MODEL.replace('/', '--')}"
    snapshot = repository / "snapshots" / REVISION
    snapshot.mkdir(parents=True, exist_ok=True)
    for file in setup.model.iterdir():
        if file.name != "README.md":
            _link(file.resolve(), snapshot / file.name)
    (snapshot / "README.md").write_text(CARD, encoding="utf-8")
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(REVISION, encoding="utf-8")
    (folder / PAGE).mkdir(parents=True, exist_ok=True)
    (folder / ALIASES).write_text("{}", encoding="utf-8")
    return {
        "HF_HUB_CACHE": str(hub),
        "ENABLE_UI": "false",
        "LOG_LEVEL": "warning",
        "STT_MODEL_TTL": "-1",
        "WHISPER__INFERENCE_DEVICE": "cpu",
        "WHISPER__COMPUTE_TYPE": "int8",
        "WHISPER__CPU_THREADS": str(setup.threads),
        "DO_NOT_TRACK": "1",
        "PYANNOTE_METRICS_ENABLED": "0",
    }


def _link(file: Path, at: Path) -> None:
    at.unlink(missing_ok=True)
    at.symlink_to(file)


PEER = Peer(
    "speaches",
    ("speaches",),
    module="speaches",
    packages=("speaches", "faster-whisper", "ctranslate2"),
    dialect=lambda setup: Speaches(setup.language),
    environment=_environment,
)
"""Its detector's own defaults."""
