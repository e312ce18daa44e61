"""A small server that speaks docs/protocol.md, for the page's tests.

It hears bursts of sound, and takes the nth burst for the nth word of its script: what it says
depends on the sound that came, so a page that sends silence, or at a wrong rate, gets no words.
"""

from __future__ import annotations

import asyncio
import io
import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

WEB = Path(__file__).parents[2] / "src" / "sotto" / "web"
WINDOW = 0.02
"""Seconds over which loudness is taken."""
LOUD = 0.02
"""Root mean square above which sound is speech."""
WORD_GAP = 0.08
"""Seconds of quiet that end a word."""
UTTERANCE_GAP = 0.8
"""Seconds of quiet that end an utterance."""


@dataclass
class Script:
    """What the server says, and how it misbehaves."""

    words: list[str]
    loading_polls: int = 1
    """How often GET /v1/models says that the second model is loading."""
    refusals: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Close code and error event of the first streams."""
    cut_after_words: int | None = None
    """The socket is cut, without a word, after so many."""
    upload_errors: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Status and error body of the first uploads."""
    hold_uploads: bool = False
    """Uploads are never answered."""
    configurations: list[dict[str, Any]] = field(default_factory=list)
    """What the streams asked for."""


@dataclass
class Burst:
    """A word's sound; seconds."""

    start: float
    end: float


def bursts_of(samples: np.ndarray, rate: int) -> list[Burst]:
    """Stretches of loud sound."""
    size = int(rate * WINDOW)
    whole = len(samples) // size * size
    loudness = np.sqrt((samples[:whole].reshape(-1, size) ** 2).mean(axis=1))
    bursts: list[Burst] = []
    for index in np.flatnonzero(loudness > LOUD):
        start = float(index) * WINDOW
        if bursts and start - bursts[-1].end < WORD_GAP:
            bursts[-1].end = start + WINDOW
        else:
            bursts.append(Burst(start, start + WINDOW))
    return bursts


def pcm(data: bytes) -> np.ndarray:
    """Samples of pcm_s16le, -1..1."""
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768


def worded(burst: Burst, text: str) -> dict[str, Any]:
    """A word as the wire has it."""
    start, end = round(burst.start, 2), round(burst.end, 2)
    return {"word": f" {text}", "start": start, "end": end, "probability": 0.9}


def grouped(bursts: list[Burst]) -> list[list[int]]:
    """Indices of the bursts of each utterance."""
    groups: list[list[int]] = []
    for index, burst in enumerate(bursts):
        if groups and burst.start - bursts[index - 1].end < UTTERANCE_GAP:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


class Stream:
    """One stream: what was heard of it and what was said about it."""

    def __init__(self, script: Script, rate: int) -> None:
        self.script = script
        self.rate = rate
        self.sound = b""
        self.started = 0
        """Utterances that were announced."""
        self.finals = 0
        self.said = 0
        """Words that were committed."""

    @property
    def duration(self) -> float:
        return len(self.sound) / 2 / self.rate

    def hear(self, data: bytes, *, last: bool = False) -> list[dict[str, Any]]:
        """The events that new sound, or the end of it, brings."""
        self.sound += data
        events: list[dict[str, Any]] = []
        bursts = bursts_of(pcm(self.sound), self.rate)[: len(self.script.words)]
        for number, members in enumerate(grouped(bursts)):
            if number >= self.finals:
                events += self._follow(number, [bursts[index] for index in members], members, last)
        return events

    def _follow(
        self, number: int, bursts: list[Burst], members: list[int], last: bool
    ) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        if number == self.started:
            self.started += 1
            events.append({"type": "speech_started", "utterance": number, "at": bursts[0].start})
        words = [
            worded(burst, self.script.words[index])
            for burst, index in zip(bursts, members, strict=True)
        ]
        over = last or self.duration - bursts[-1].end >= UTTERANCE_GAP
        settled = words if over else words[:-1]
        fresh = [word for word, index in zip(settled, members, strict=False) if index >= self.said]
        if fresh:
            self.said += len(fresh)
            events.append(spoken("committed", number, fresh))
        if not over:
            return [*events, {**spoken("partial", number, words[-1:]), "until": self.duration}]
        self.finals += 1
        end = bursts[-1].end
        final = {"text": joined(words).strip(), "start": bursts[0].start, "end": end}
        confidence = {"language_probability": 1.0, "avg_logprob": -0.1, "no_speech_prob": 0.0}
        return [
            *events,
            {"type": "speech_ended", "utterance": number, "at": end},
            {"type": "final", "utterance": number, **final, "language": "en", **confidence},
            {"type": "acknowledged", "until": end},
        ]


def joined(words: list[dict[str, Any]]) -> str:
    """Words as they lie."""
    return "".join(word["word"] for word in words)


def spoken(kind: str, number: int, words: list[dict[str, Any]]) -> dict[str, Any]:
    """An event that carries words."""
    return {"type": kind, "utterance": number, "text": joined(words), "words": words}


def ready(configuration: dict[str, Any]) -> dict[str, Any]:
    """The first event."""
    return {
        "type": "ready",
        "session": "scripted",
        "model": "nano",
        "language": configuration.get("language"),
        "task": configuration.get("task", "transcribe"),
        "encoding": "pcm_s16le",
        "sample_rate": configuration["sample_rate"],
        "channels": 1,
        "policy": "alignatt",
        "partials": True,
        "n_mels": 80,
        "version": "0",
    }


async def stream(socket: WebSocket) -> None:
    """`/stream`."""
    script: Script = socket.app.state.script
    await socket.accept()
    try:
        configuration = json.loads(await socket.receive_text())
        script.configurations.append(configuration)
        if script.refusals:
            code, error = script.refusals.pop(0)
            await socket.send_json({"type": "error", **error})
            await socket.close(code)
            return
        await socket.send_json(ready(configuration))
        await follow(socket, Stream(script, configuration["sample_rate"]))
    except WebSocketDisconnect:
        return


async def follow(socket: WebSocket, heard: Stream) -> None:
    """Sound in, events out, until the client finishes."""
    cut = heard.script.cut_after_words
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes")
        for event in heard.hear(data or b"", last=data is None):
            await socket.send_json(event)
        if cut is not None and heard.said >= cut:
            await socket.close(1011)
            return
        if data is None:
            break
    ended = {"reason": "finished", "duration": heard.duration, "utterances": heard.finals}
    await socket.send_json({"type": "closed", **ended})
    await socket.close(1000)


async def models(request: Request) -> Response:
    """`GET /v1/models`."""
    script: Script = request.app.state.script
    state = "loading" if script.loading_polls > 0 else "ready"
    script.loading_polls -= 1
    common = {"object": "model", "created": 0, "owned_by": "sotto", "n_mels": 80}
    nano = {
        **common,
        "id": "nano",
        "state": "ready",
        "languages": ["en"],
        "translates": False,
        "audio_context": "exact",
    }
    small = {
        **common,
        "id": "small",
        "state": state,
        "languages": ["en", "de", "fr", "jw", "yue"],
        "translates": True,
        "audio_context": "margin",
    }
    return JSONResponse({"object": "list", "data": [nano, small]})


async def transcribe(request: Request) -> Response:
    """`POST /v1/audio/transcriptions`, verbose_json of a 16-bit WAV."""
    script: Script = request.app.state.script
    async with request.form() as form:
        upload = form["file"]
        assert not isinstance(upload, str)
        data = await upload.read()
        wanted = (form["response_format"], form.getlist("timestamp_granularities[]"))
    assert wanted == ("verbose_json", ["segment", "word"])
    if script.hold_uploads:
        await asyncio.Event().wait()
    if script.upload_errors:
        status, error = script.upload_errors.pop(0)
        return JSONResponse({"error": error}, status)
    return JSONResponse(verbose(script, data))


def verbose(script: Script, data: bytes) -> dict[str, Any]:
    """The answer to a file."""
    with wave.open(io.BytesIO(data)) as file:
        rate = file.getframerate()
        samples = pcm(file.readframes(file.getnframes()))
    bursts = bursts_of(samples, rate)[: len(script.words)]
    words = [
        worded(burst, text) for burst, text in zip(bursts, script.words[: len(bursts)], strict=True)
    ]
    segments = [
        {
            "id": number,
            "start": words[members[0]]["start"],
            "end": words[members[-1]]["end"],
            "text": joined([words[index] for index in members]),
        }
        for number, members in enumerate(grouped(bursts))
    ]
    return {
        "task": "transcribe",
        "language": "en",
        "duration": len(samples) / rate,
        "text": joined(words).strip(),
        "segments": segments,
        "words": words,
    }


async def page(_: Request) -> Response:
    """`/`."""
    return FileResponse(WEB / "index.html")


def make_app(script: Script) -> Starlette:
    """The server, not yet listening."""
    app = Starlette(
        routes=[
            Route("/", page),
            Route("/v1/models", models),
            Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
            Route("/v1/audio/translations", transcribe, methods=["POST"]),
            WebSocketRoute("/stream", stream),
            Mount("/web", StaticFiles(directory=WEB)),
        ]
    )
    app.state.script = script
    return app


class _Server(uvicorn.Server):
    """Says when it listens, and where."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.port = 0

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.port = self.servers[0].sockets[0].getsockname()[1]
        self.listening.set()


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """The base URL of a server that follows the script."""
    config = uvicorn.Config(
        make_app(script),
        port=0,
        ws="websockets-sansio",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(30), "the scripted server did not start"
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.should_exit = True
        thread.join()
