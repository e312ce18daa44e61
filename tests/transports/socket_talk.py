"""What tests of the dialects share whose clients send the clip over a socket."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection

from sotto.transcript.words import Word
from tests.speech import CLIP, pcm_s16le

SOUND = pcm_s16le(CLIP).data
"""16-bit samples, 16 kHz."""
HALF_SECOND = 16_000
"""Bytes of it."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
"""What a text message can say."""


def cut(sound: bytes = SOUND, size: int = HALF_SECOND) -> list[bytes]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


async def send(socket: ClientConnection, messages: Iterable[str | bytes]) -> None:
    for message in messages:
        await socket.send(message)


def word(text: str, start: int, end: int) -> Word:
    return Word(text, start, end, 0.9)
