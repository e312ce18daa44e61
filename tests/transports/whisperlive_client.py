"""A client of WhisperLive that shows every byte, for tests."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.serving import Served
from tests.transports.socket_talk import SOUND, cut, send

FLOATS = (np.frombuffer(SOUND, "<i2") / 32_768).astype("<f4").tobytes()
FRAME = 4_096 * 4
"""Bytes of each message of the Python client."""
END = b"END_OF_AUDIO"

RECORDED: dict[str, Any] = {
    "uid": "0a5b4f1e-6f6c-4c6c-9d5e-1f1f2b3c4d5e",
    "language": None,
    "task": "transcribe",
    "model": "small",
    "use_vad": True,
    "send_last_n_segments": 10,
    "no_speech_thresh": 0.45,
    "clip_audio": False,
    "same_output_threshold": 10,
    "enable_translation": False,
    "target_language": "fr",
    "hotwords": None,
    "enable_diarization": False,
    "max_speakers": 10,
    "word_timestamps": False,
    "initial_prompt": None,
    "vad_parameters": None,
}
"""The first message of the released Python client (0.10.0), unasked for anything."""
CHROME = {"uid": "c", "language": None, "task": "transcribe", "model": "tiny", "use_vad": True}
IOS = {
    "uid": "5F0E",
    "language": "en",
    "task": "transcribe",
    "model": "medium",
    "use_vad": True,
    "max_clients": 4,
    "max_connection_time": 600,
}


@dataclass
class Client:
    """What the Python client keeps of what it is told, by its own checks."""

    uid: str
    ready: bool = False
    backend: str = ""
    language: str | None = None
    statuses: list[dict[str, Any]] = field(default_factory=list)
    transcript: list[dict[str, Any]] = field(default_factory=list)
    last_incomplete: dict[str, Any] | None = None
    updates: list[list[dict[str, Any]]] = field(default_factory=list)
    languages: list[dict[str, Any]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    close_code: int | None = None

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        assert message["uid"] == self.uid, "the client drops messages for others"
        if "status" in message:
            self.order.append(message["status"])
            self.statuses.append(message)
        elif message.get("message") == "SERVER_READY":
            self.order.append("ready")
            self.ready, self.backend = True, message["backend"]
        elif "language" in message:
            self.order.append("language")
            self.languages.append(message)
        else:
            self.order.append("segments")
            self.hear(message["segments"])

    def hear(self, segments: list[dict[str, Any]]) -> None:
        assert segments[-1]["text"], "the client looks at the last one, unasked"
        self.updates.append(segments)
        seen: list[str] = []
        for number, segment in enumerate(segments):
            if seen and seen[-1] == segment["text"]:  # a bare text and a raw one
                continue
            seen.append(segment["text"].strip())
            if number == len(segments) - 1 and not segment["completed"]:
                self.last_incomplete = segment
            elif self.backend == "faster_whisper" and segment["completed"]:
                after = self.transcript[-1]["end"] if self.transcript else "0"
                if not self.transcript or float(segment["start"]) >= float(after):
                    self.transcript.append(segment)

    @property
    def text(self) -> str:
        return " ".join(segment["text"].strip() for segment in self.transcript)

    @property
    def subtitles(self) -> list[str]:
        """The lines of its SRT file."""
        lines = [segment["text"] for segment in self.transcript]
        last = self.last_incomplete
        if last is not None and (not lines or lines[-1] != last["text"]):
            lines.append(last["text"])
        return lines

    @property
    def error(self) -> str:
        (status,) = self.statuses
        assert status["status"] == "ERROR"
        return str(status["message"])


def check(client: Client) -> None:
    """What holds for every stream that ends well."""
    assert client.order[0] == "ready"
    assert client.backend == "faster_whisper"
    completed: dict[str, dict[str, Any]] = {}
    for segments in client.updates:
        assert all(segment["completed"] for segment in segments[:-1])
        for segment in segments:
            assert segment["text"].startswith(" ")
            assert segment["text"].strip()
            for side in ("start", "end"):
                assert re.fullmatch(r"\d+\.\d{3}", segment[side])
            assert float(segment["start"]) <= float(segment["end"])
            if segment["completed"]:
                assert completed.setdefault(segment["start"], segment) == segment
        for before, after in pairwise(segments):
            assert float(after["start"]) >= float(before["end"])


def frames() -> list[bytes]:
    return cut(FLOATS, FRAME)


def url(server: Served) -> str:
    return f"ws://{server.host}/ws"


async def talk(
    server: Served, first: Any, messages: Iterable[str | bytes], end: str | bytes | None = END
) -> Client:
    """Wait for SERVER_READY, send sound, and take what comes until the server closes."""
    uid = first["uid"] if isinstance(first, dict) and "uid" in first else ""
    client = Client(uid)
    async with connect(url(server), max_size=None) as socket:
        await socket.send(first if isinstance(first, str | bytes) else json.dumps(first))
        try:
            while not client.ready:
                client.take(await socket.recv())
            sending = asyncio.create_task(send(socket, [*messages, *([end] if end else [])]))
            async for message in socket:
                client.take(message)
            await asyncio.gather(sending, return_exceptions=True)
        except ConnectionClosed:
            pass
        client.close_code = socket.close_code
    return client
