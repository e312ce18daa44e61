"""The tab Talk as a test sees it: what it plays and what it tells, and who speaks to it."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Locator, Page, WebSocket, expect

from sotto.interfaces.chat import Role, Said
from sotto.testing.talking import ScriptedChat
from tests.browser.conftest import Visit
from tests.serving import Served

CLIP = Path(__file__).parents[1] / "data" / "digits.wav"
QUESTION = "one two three"
WAIT_MS = 60_000
"""How long to wait for anything at most; nothing is concluded from how long it took."""
LOUD = 0.02
"""Of a block of 10 ms, root mean square."""
BYTES_PER_MS = 48
"""Of pcm_s16le at 24 kHz."""
_GAP = 0.12
"""Seconds between two words: less than any pause that ends a turn."""

TAP = """
const source = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
window.played = {rate: 0, pieces: []};
Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    ...source,
    set(stream) {
        source.set.call(this, stream);
        if (stream) tap(stream);
    },
});
async function tap(stream) {
    const {Capture} = await import("/web/audio/capture.js");
    const context = new AudioContext();
    const capture = await Capture.open(context, context.createMediaStreamSource(stream));
    window.played.rate = context.sampleRate;
    capture.start((samples) => window.played.pieces.push(samples));
}
"""
"""Keeps what the page's audio elements play, as samples."""

MOUTH = """
let context, sink;
navigator.mediaDevices.getUserMedia = async () => {
    context = new AudioContext();
    sink = new MediaStreamAudioDestinationNode(context);
    return sink.stream;
};
window.speak = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const node = context.createBufferSource();
    node.buffer = await context.decodeAudioData(bytes.buffer);
    node.connect(sink);
    node.start();
};
"""
"""A microphone that hears what `speak` is given, when it is given it."""

REFUSED = """
navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException("no", "NotAllowedError");
};
"""
"""A microphone that its owner does not let a page hear."""

PLAYED = """
async () => {
    const {toBase64} = await import("/web/core/base64.js");
    const {toS16} = await import("/web/core/pcm.js");
    const {rate, pieces} = window.played;
    return [rate, pieces.map((piece) => toBase64(toS16(piece)))];
}
"""


@dataclass
class Wire:
    """What went over the conversation's socket."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    """Without sound."""
    came: list[dict[str, Any]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("websocket", self._socket)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What was sent of one type."""
        return [event for event in self.sent if event["type"] == kind]

    def came_last(self, kind: str) -> dict[str, Any]:
        """The last that came of one type."""
        return next(event for event in reversed(self.came) if event["type"] == kind)

    def sound(self, item: str) -> float:
        """Milliseconds that came of an item's sound."""
        of_item = (event for event in self.came if event.get("item_id") == item)
        deltas = (e["delta"] for e in of_item if e["type"] == "response.output_audio.delta")
        return sum(len(base64.b64decode(delta)) for delta in deltas) / BYTES_PER_MS

    def _socket(self, socket: WebSocket) -> None:
        if socket.url.partition("?")[0].endswith("/v1/realtime"):
            self.addresses.append(socket.url)
            socket.on("framesent", lambda frame: self._keep(self.sent, frame))
            socket.on("framereceived", lambda frame: self._keep(self.came, frame))

    def _keep(self, events: list[dict[str, Any]], frame: str | bytes) -> None:
        event = json.loads(frame)
        if event["type"] != "input_audio_buffer.append":
            events.append(event)


async def opened(visit: Visit, house: Served, *scripts: str, **context: object) -> Page:
    """The tab, with scripts that were there before it."""
    page = await visit("/health", url=house.url, expected=("404",), **context)
    for each in scripts:
        await page.add_init_script(each)
    await page.goto(f"{house.url}/#talk")
    return page


def talk(page: Page, name: str) -> Locator:
    return page.locator(f"#talk [data-talk={name}]")


async def write(page: Page, text: str) -> None:
    await talk(page, "text").fill(text)
    await talk(page, "text").press("Enter")


async def in_state(page: Page, state: str) -> None:
    """Wait for a state."""
    await expect(talk(page, "state")).to_have_text(state, timeout=WAIT_MS)


def answer(page: Page) -> Locator:
    """Words of the last answer."""
    return page.locator("#talk .turn.answer .said").last


async def speak(page: Page, sound: bytes) -> None:
    """Say something into the microphone of MOUTH: a WAV file."""
    await page.evaluate("sound => window.speak(sound)", base64.b64encode(sound).decode())


async def played(page: Page) -> tuple[int, np.ndarray]:
    """Rate, and samples -1..1 of all that was played until now."""
    rate, pieces = await page.evaluate(PLAYED)
    sound = b"".join(base64.b64decode(piece) for piece in pieces)
    return rate, np.frombuffer(sound, "<i2") / 32768


def loud(samples: np.ndarray, rate: int) -> np.ndarray:
    """Whether each block of 10 ms is."""
    size = rate // 100
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return np.asarray(np.sqrt((blocks**2).mean(axis=1)) > LOUD)


def question(lead: float = 0.1, tail: float = 0.1) -> bytes:
    """The clip's words in one breath, with so many seconds of silence around them, as a WAV."""
    with wave.open(str(CLIP)) as clip:
        rate = clip.getframerate()
        samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2")
    is_loud = loud(samples / 32768, rate)
    edges = np.flatnonzero(np.diff(is_loud.astype(int), prepend=0, append=0))
    words = _joined(edges.tolist(), round(0.2 / 0.01))
    size = rate // 100
    gap = np.zeros(round(_GAP * rate), "<i2")
    parts = [np.zeros(round(lead * rate), "<i2")]
    for start, end in words:
        parts += [samples[start * size : end * size], gap]
    return wav(np.concatenate([*parts, np.zeros(round(tail * rate), "<i2")]), rate)


def _joined(edges: list[int], least: int) -> list[tuple[int, int]]:
    """Starts and ends of blocks, where shorter pauses than that part nothing."""
    words: list[tuple[int, int]] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if words and start - words[-1][1] < least:
            words[-1] = (words[-1][0], end)
        else:
            words.append((start, end))
    return [(max(0, start - 3), end + 3) for start, end in words]


def wav(samples: np.ndarray, rate: int) -> bytes:
    """16-bit samples as a file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def last_said(messages: Iterable[Any]) -> str:
    """The user's last words, as a language model is told them: with others that nobody answered."""
    said = [each.text for each in messages if getattr(each, "role", "") == "user"]
    return str(said[-1]).rpartition("\n")[2]


def last_told(chat: ScriptedChat) -> list[str]:
    """What the model was told, the last time, that the two sides said."""
    said = (each for each in chat.requests[-1].messages if isinstance(each, Said))
    return [each.text for each in said if each.role is not Role.SYSTEM]
