"""Raw sound as Deepgram's clients send it: channels apart, and dressed up as a file."""

from __future__ import annotations

import struct

import numpy as np

from sotto.audio.format import Encoding, PcmFormat
from sotto.errors import BadAudio

_WAV_FORMATS = {
    Encoding.PCM_S16LE: 1,
    Encoding.PCM_U8: 1,
    Encoding.PCM_F32LE: 3,
    Encoding.ALAW: 6,
    Encoding.MULAW: 7,
}
"""WAVE_FORMAT_… of RFC 2361."""
_TO_THE_END = 0xFFFF_FFFF
"""A length that nobody knew when the header was written."""


class Splitter:
    """Interleaved samples → each channel's own, however the bytes are cut."""

    def __init__(self, pcm: PcmFormat) -> None:
        self._channels = pcm.channels
        self._frame = pcm.bytes_per_frame
        self._rest = b""

    def receive(self, data: bytes) -> list[bytes]:
        """Whole samples of each channel."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], np.uint8).reshape(
            -1, self._channels, self._frame // self._channels
        )
        return [samples[:, channel].tobytes() for channel in range(self._channels)]

    def finish(self) -> None:
        """Say that no more bytes come. Raises BadAudio where a sample was cut in the middle."""
        if self._rest:
            raise BadAudio(
                f"expected whole samples of {self._frame} bytes, got {len(self._rest)} left over"
            )


def wav_header(pcm: PcmFormat) -> bytes:
    """What makes a WAV file of raw samples that follow, however many."""
    size = pcm.bytes_per_frame
    form = struct.pack(
        "<HHIIHH",
        _WAV_FORMATS[pcm.encoding],
        pcm.channels,
        pcm.sample_rate,
        pcm.sample_rate * size,
        size,
        8 * size // pcm.channels,
    )
    riff = struct.pack("<4sI4s", b"RIFF", _TO_THE_END, b"WAVE")
    return (
        riff
        + struct.pack("<4sI", b"fmt ", len(form))
        + form
        + struct.pack("<4sI", b"data", _TO_THE_END)
    )
