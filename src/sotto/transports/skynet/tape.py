"""A speaker's newest sound, kept where the settings want finals to carry it."""

from __future__ import annotations

import base64
import io
import wave

from sotto.audio.format import HOP, SAMPLE_RATE, frames

BYTES_PER_SAMPLE = 2
BYTES_PER_FRAME = HOP * BYTES_PER_SAMPLE
KEPT = frames(40.0) * BYTES_PER_FRAME
"""Bytes; an utterance is 10 s at most, and its final is not long in coming."""


class Tape:
    """Samples as they came: 16-bit little-endian, 16 kHz, mono. Begins with its stream."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._gone = 0
        """Bytes before those that are kept."""

    def record(self, sound: bytes) -> None:
        """Add what came; of too much, the oldest goes."""
        self._kept += sound
        over = len(self._kept) - KEPT
        if over > 0:
            over += over % BYTES_PER_SAMPLE
            del self._kept[:over]
            self._gone += over

    def cut(self, start: int, end: int) -> str:
        """A WAV file in base64 of the frames from `start` to before `end`, as far as it is kept."""
        first, last = (max(at * BYTES_PER_FRAME - self._gone, 0) for at in (start, end))
        sound = bytes(self._kept[first:last])
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(BYTES_PER_SAMPLE)
            out.setframerate(SAMPLE_RATE)
            out.writeframes(sound[: len(sound) - len(sound) % BYTES_PER_SAMPLE])
        return base64.b64encode(file.getvalue()).decode()
