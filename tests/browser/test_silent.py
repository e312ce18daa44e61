"""Silent mode in a real Chromium: what the page sends is images, and the words are the same."""

from __future__ import annotations

import json
import wave
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from client_page import heard, open_client, stopped, text, told
from playwright.async_api import Page, Request, WebSocket
from test_page import once

from sotto.audio.mel8 import HEADER, Mel8, parse_mel8

pytestmark = pytest.mark.browser

BLANK = "/health"
"""A page of the server without a script …"""
NO_ICON = ("404",)
"""… and without an icon."""
BANDS = 80
SHARE = 4
"""Images have at most this part of the bytes of 16-bit sound at 16 kHz."""


@dataclass
class Sent:
    """All that a page sent."""

    sockets: list[str] = field(default_factory=list)
    frames: list[bytes | str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("websocket", self._socket)
        page.context.on("request", self._request)

    def _socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket.url)
        socket.on("framesent", self._frame)

    def _frame(self, frame: bytes | str) -> None:
        self.frames.append(frame)

    def _request(self, request: Request) -> None:
        self.requests.append(request)

    @property
    def posts(self) -> list[str]:
        return [urlsplit(each.url).path for each in self.requests if each.method == "POST"]

    @property
    def texts(self) -> list[dict[str, object]]:
        return [json.loads(frame) for frame in self.frames if isinstance(frame, str)]

    @property
    def binaries(self) -> list[bytes]:
        return [frame for frame in self.frames if isinstance(frame, bytes)]


async def spoken(visit, last: str, **options: object) -> tuple[Sent, str, list[dict]]:
    """What was sent and understood of the clip, and the frames that were shown."""
    page = await visit(BLANK, expected=NO_ICON)
    sent = Sent()
    sent.follow(page)
    await open_client(page, {"model": "nano", "language": "en", **options}, "frames", "heard")
    await heard(page, last)
    assert (await stopped(page))["notice"] == ""
    shown = await told(page, "frames")
    return sent, once(await text(page)), shown


def without_sound(clip: Path, images: list[Mel8], binaries: list[bytes]) -> None:
    """No stretch of the clip's samples is in what was sent, and there is no room for it."""
    frames = sum(len(image.mel) for image in images)
    assert sum(map(len, binaries)) == frames * (BANDS + 1) + _extra(images)
    with wave.open(str(clip)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    loud = int(np.abs(samples.astype(np.int32)).argmax())
    stretch = samples[max(0, loud - 8) : loud + 8]
    everything = b"".join(binaries)
    for form in (stretch.tobytes(), (stretch / 32768).astype("<f4").tobytes()):
        assert form not in everything


def _extra(images: list[Mel8]) -> int:
    """Bytes of headers; an image of no frames says nothing of speech."""
    return HEADER.size * len(images)


async def test_silent_mode_sends_images_alone_and_hears_the_same(visit, spoken_clip):
    clip, words = spoken_clip
    last = words.split()[-1]
    sent, said, shown = await spoken(visit, last, silent=True)
    assert [url.split("?")[0].rsplit("/", 1)[-1] for url in sent.sockets] == ["stream"]
    assert sent.texts == [
        {"model": "nano", "language": "en", "encoding": "mel8", "received": 0},
        {"type": "finish"},
    ]
    assert {request.method for request in sent.requests} == {"GET"}
    assert [request.url for request in sent.requests if request.post_data_buffer] == []
    images = [parse_mel8(each) for each in sent.binaries]
    assert all(image.mel.shape[1] == BANDS for image in images)
    for before, after in pairwise(images):
        assert after.position >= before.end
    without_sound(clip, images, sent.binaries)
    whole = sum(len(frames["sent"]) for frames in shown)
    left = sum(sum(frames["sent"]) for frames in shown)
    assert left == sum(len(image.mel) for image in images)
    assert 0 < left < whole
    assert sum(map(len, sent.binaries)) * SHARE < whole / 100 * 16_000 * 2
    _, aloud, everything = await spoken(visit, last, silent=False)
    assert said == aloud == words
    assert all(all(frames["sent"]) for frames in everything)


@pytest.mark.parametrize("silent", [True, False])
async def test_a_file_is_written_down(visit, spoken_clip, silent):
    clip, words = spoken_clip
    page = await visit(BLANK, expected=NO_ICON)
    sent = Sent()
    sent.follow(page)
    transcript = await page.evaluate(
        """async ([silent, bytes]) => {
            const { SottoClient } = await import("/web/sotto-client.js");
            const file = new File([Uint8Array.from(bytes)], "clip.wav");
            const progress = [];
            const client = new SottoClient(location.origin);
            const onProgress = (done) => progress.push(done);
            const options = {silent, language: "en", onProgress};
            const transcript = await client.transcribe(file, options);
            return {...transcript, progress};
        }""",
        [silent, list(clip.read_bytes())],
    )
    assert once(transcript["text"]) == words
    assert transcript["progress"] == sorted(transcript["progress"])
    assert transcript["progress"][-1:] == ([1.0] if silent else [])
    with wave.open(str(clip)) as file:
        assert transcript["duration"] == pytest.approx(
            file.getnframes() / file.getframerate(), abs=0.02
        )
    assert sent.sockets == []
    assert sent.posts == ["/v1/mel" if silent else "/v1/audio/transcriptions"]
