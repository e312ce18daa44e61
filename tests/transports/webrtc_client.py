"""A client of OpenAI Realtime over WebRTC, for tests: aiortc, as a browser would call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from typing import Any

import httpx2
import numpy as np
from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from av import AudioFrame

from tests.serving import Served
from tests.speech import Pcm

Event = dict[str, Any]
PATIENCE = 60
"""Seconds in which an event must come."""
LOUD = 1_000
"""Of 32,767: a piece whose loudest sample is more is no silence."""
PIECE_SECONDS = 0.02


class Mouth(MediaStreamTrack):
    """Says a clip, in real time, then silence."""

    kind = "audio"

    def __init__(self, clip: Pcm) -> None:
        super().__init__()
        self.sent = 0
        """Pieces."""
        self._clip = clip
        self._at = -1
        self._began = 0.0

    def speak(self) -> None:
        """From the next piece on."""
        self._at = max(self._at, 0)

    @property
    def milliseconds(self) -> float:
        """Of what was sent."""
        return self.sent * PIECE_SECONDS * 1_000

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(self._began + self.sent * PIECE_SECONDS - loop.time(), 0))
        step = round(self._clip.rate * PIECE_SECONDS)
        data = b""
        if self._at >= 0:
            data = self._clip.data[2 * self._at : 2 * (self._at + step)]
            self._at += step
        frame = AudioFrame(format="s16", layout="mono", samples=step)
        frame.planes[0].update(data.ljust(2 * step, b"\0"))
        frame.sample_rate, frame.time_base = self._clip.rate, Fraction(1, self._clip.rate)
        frame.pts = self.sent * step
        self.sent += 1
        return frame


class Caller:
    """One call, and all that came of it."""

    def __init__(self, mouth: MediaStreamTrack | None = None, way: str = "") -> None:
        """`way`: the direction of a section of sound without a track."""
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.connection.createDataChannel("oai-events")
        self.events: list[Event] = []
        self.pieces: list[int] = []
        """The loudest sample of each 20 ms that were heard."""
        self.heard: list[np.ndarray[Any, Any]] = []
        self.location = ""
        self._changed = asyncio.Event()
        self._listening: set[asyncio.Task[None]] = set()
        if mouth is not None:
            self.connection.addTrack(mouth)
        elif way:
            self.connection.addTransceiver("audio", way)
        self.channel.on("message", self._message)
        self.channel.on("close", self._changed.set)
        self.connection.on("track", self._track)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def call(
        self, server: Served, session: Event | None = None, key: str = "", query: str = ""
    ) -> httpx2.Response:
        """Ask for the call; where it is answered, it begins."""
        sdp = await self.offer()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"{server.url}/v1/realtime/calls{query}"
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            if session is None:
                headers["Content-Type"] = "application/sdp"
                answer = await http.post(url, content=sdp, headers=headers)
            else:
                fields = {"sdp": (None, sdp), "session": (None, json.dumps(session))}
                answer = await http.post(url, files=fields, headers=headers)
        if answer.status_code == 201:
            self.location = answer.headers["location"]
            await self.answer(answer.text)
        return answer

    async def answer(self, sdp: str) -> None:
        """The server's."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def until(self, is_it: str | Callable[[Event], bool], since: int = 0) -> Event:
        """The first event of that type, or of which that holds, from the one of that number on."""

        def fits(event: Event) -> bool:
            return event["type"] == is_it if isinstance(is_it, str) else is_it(event)

        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events[since:]:
                    if fits(event):
                        return event
                await self._change()

    async def until_heard(self, text: str) -> None:
        """Until the server has written that down, turn by turn."""
        await self.until(lambda _: self.transcript() == text)

    def transcript(self) -> str:
        told = self.of("conversation.item.input_audio_transcription.completed")
        return " ".join(filter(None, (event["transcript"] for event in told)))

    async def until_pieces(self, holds: Callable[[list[int]], bool]) -> None:
        """Until it holds of what was heard."""
        async with asyncio.timeout(PATIENCE):
            while not holds(self.pieces):
                await self._change()

    async def until_closed(self) -> None:
        """Until the server closed the channel, or the connection."""
        async with asyncio.timeout(PATIENCE):
            while self.channel.readyState != "closed":
                await self._change()

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def vanish(self) -> None:
        """As if its machine was switched off: nobody is told."""
        for transceiver in self.connection.getTransceivers():
            for protocol in transceiver.sender.transport.transport._connection._protocols:
                protocol.transport.abort()

    async def close(self) -> None:
        await self.connection.close()
        for task in self._listening:
            task.cancel()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _message(self, message: str | bytes) -> None:
        self.events.append(json.loads(message))
        self._changed.set()

    def _track(self, track: MediaStreamTrack) -> None:
        self._listening.add(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                sound = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                self.heard.append(sound)
                self.pieces.append(int(np.abs(sound.astype(int)).max()))
                self._changed.set()


@asynccontextmanager
async def calling(
    server: Served,
    session: Event | None = None,
    *,
    clip: Pcm | None = None,
    way: str = "",
    **asked: str,
) -> AsyncIterator[tuple[Caller, Mouth | None]]:
    """A call whose session has begun."""
    mouth = None if clip is None else Mouth(clip)
    caller = Caller(mouth, way)
    try:
        answer = await caller.call(server, session, **asked)
        assert answer.status_code == 201, answer.text
        await caller.until("session.created")
        yield caller, mouth
    finally:
        await caller.close()
