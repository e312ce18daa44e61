"""A server that converses: who answers is written down, and its voice is a tone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from sotto.app.registry import PLUGINS
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.testing.talking import SECONDS_PER_CHARACTER
from tests.chat_server import Calls, ChatServer
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

RATE = 24_000
"""Samples a second, both ways."""
PAUSE = 2.0
"""Seconds of silence after the clip; turns end after one."""
CALL = Calls("find_parcel", '{"number": "925831"}')
OUTCOME = "in Oslo"
SHORT, LAST = "It is in Oslo.", "Goodbye."
LONG = (
    "First it goes to Bergen by train. There it waits for a day. Then a ship takes it far north. "
    "In Bodo somebody puts it on a lorry. The lorry drives over three mountains. At the end of the "
    "road stands a red house. There you may fetch it on Friday. Please bring your passport along."
)
"""About 14 s of sound: whoever interrupts it has time for that."""
MORE = "Where does it go then?"
"""What is written to the model, so that it gives the long answer."""


@dataclass(frozen=True)
class Conversing:
    """A server with whoever answers."""

    server: Served
    chat: ChatServer
    clip: Path
    """s16le, mono, at RATE: the clip and a pause after it."""

    @property
    def url(self) -> str:
        return f"{self.server.url}/v1"

    @property
    def realtime(self) -> str:
        return f"ws://{self.server.host}/v1/realtime"

    def asked(self, n: int) -> list[dict[str, Any]]:
        """The messages of the model's request of that number; -1 is the newest."""
        messages: list[dict[str, Any]] = self.chat.asked[n].body["messages"]
        return messages


@contextmanager
def conversing(folder: Path) -> Iterator[Conversing]:
    """Runs until the context ends."""
    with ChatServer() as chat, pytest.MonkeyPatch.context() as patch:
        patch.setitem(PLUGINS["tts"], "tone", "sotto.testing.talking:ToneVoice")
        flags = (
            Flag("--talk", "talk.url", chat.url),
            Flag("--talk-model", "talk.model", "scripted"),
            Flag("--voice", "voice.engines", ("tone",)),
        )
        with serving(load(flags, environ={})) as server:
            chat.asked.clear()  # it was warmed up
            yield Conversing(server, chat, _clip(folder))


def _clip(folder: Path) -> Path:
    clip = pcm_s16le(CLIP)
    samples = np.frombuffer(clip.data, "<i2").astype(np.float32) / 32_768
    faster = (soxr.resample(samples, clip.rate, RATE).clip(-1, 1) * 32_767).astype("<i2")
    path = folder / "clip.pcm"
    path.write_bytes(faster.tobytes() + bytes(2 * round(PAUSE * RATE)))
    return path


def spoken_bytes(text: str) -> int:
    """Bytes of one phrase's sound at RATE."""
    return 2 * round(len(text) * SECONDS_PER_CHARACTER * RATE)


# ---- one conversation that every framework holds: a question, a tool, an interruption


def script(chat: ChatServer, *, greets: bool = False) -> None:
    """What the model says in it, in order."""
    chat.asked.clear()
    for step in ((SHORT,) if greets else ()) + (CALL, SHORT, LONG, LAST):
        chat.will(step)


def check(talk: Conversing, told: dict[str, Any], *, outcome: str = OUTCOME) -> None:
    """What came of it at the client, and what the model was told of it.

    `told`: `heard`, the user's turns; `answers`, the texts of those that came to their end;
    `sounds`, the bytes of each answer's sound; `calls`, the arguments of each; `errors`.
    """
    assert told["errors"] == []
    assert told["heard"] == [CLIP_TEXT, CLIP_TEXT]
    assert told["calls"] == [{"number": "925831"}]
    assert told["answers"] == [SHORT, LAST]
    first, interrupted, last = told["sounds"]
    assert (first, last) == (spoken_bytes(SHORT), spoken_bytes(LAST))
    assert interrupted > 0
    asked, answered, _, resumed = (talk.asked(n) for n in range(-4, 0))
    assert asked[-1] == {"role": "user", "content": CLIP_TEXT}
    call, came = answered[-2:]
    assert call["tool_calls"][0]["function"] == {"name": CALL.name, "arguments": CALL.arguments}
    assert call["tool_calls"][0]["id"] == came["tool_call_id"]
    assert (came["role"], came["content"]) == ("tool", outcome)
    remembered(resumed)


def remembered(messages: list[dict[str, Any]]) -> None:
    """That the model is told so much of its long answer as was heard, then the user's words."""
    *_, answer, turn = messages
    assert turn == {"role": "user", "content": CLIP_TEXT}
    assert answer["role"] == "assistant"
    heard = answer["content"]
    assert LONG.startswith(heard)
    assert 0 < len(heard) < len(LONG)
    assert not (heard[-1].isalnum() and LONG[len(heard)].isalnum())  # words are whole
