"""Speech → a file's bytes, as it comes: whoever receives them need not wait for the end.

PyAV brings the encoders; it pushes what it made into a file that cannot be sought in.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, cast

import av
import numpy as np
from av.audio.stream import AudioStream

from sotto.audio.encode import to_s16
from sotto.audio.format import Samples

_UNKNOWN = 0xFFFF_FFFF
"""The length of a WAV file whose end nobody knows yet; players read to its end then."""
_WIDTH = np.dtype("<i2").itemsize


class FileFormat(StrEnum):
    """OpenAI's names."""

    MP3 = "mp3"
    OPUS = "opus"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"
    PCM = "pcm"
    """s16le without a header."""


@dataclass(frozen=True)
class _Coding:
    """What ffmpeg calls it."""

    container: str
    codec: str
    bits: int | None
    """A second; None: whatever it takes."""
    options: tuple[tuple[str, str], ...] = ()
    """The container's."""


_ONLY_SOUND = (("write_xing", "0"), ("id3v2_version", "0"))
"""No head that is written again once the length is known."""
_SHORT_PAGES = (("page_duration", "100000"),)
"""In microseconds. A page of Ogg lasts a second unless one says so, and would be held back."""
_CODINGS = {
    FileFormat.MP3: _Coding("mp3", "libmp3lame", 64_000, _ONLY_SOUND),
    FileFormat.OPUS: _Coding("ogg", "libopus", 32_000, _SHORT_PAGES),
    FileFormat.AAC: _Coding("adts", "aac", 64_000),
    FileFormat.FLAC: _Coding("flac", "flac", None),
}

MEDIA_TYPES = {
    FileFormat.MP3: "audio/mpeg",
    FileFormat.OPUS: "audio/ogg",
    FileFormat.AAC: "audio/aac",
    FileFormat.FLAC: "audio/flac",
    FileFormat.WAV: "audio/wav",
    FileFormat.PCM: "audio/pcm",
}


class Encoder(Protocol):
    """One file on its way. It is one stream's, and works for milliseconds."""

    def receive(self, samples: Samples) -> bytes:
        """What of the file became known by these, or nothing."""
        ...

    def finish(self) -> bytes:
        """The rest."""
        ...


def encoder(form: FileFormat, rate: int) -> Encoder:
    """Of mono samples at a rate that all forms have, such as 24,000 a second."""
    match form:
        case FileFormat.PCM:
            return _Plain(b"")
        case FileFormat.WAV:
            return _Plain(_wav_head(rate))
        case _:
            return _Coded(_CODINGS[form], rate)


@dataclass
class _Plain:
    head: bytes

    def receive(self, samples: Samples) -> bytes:
        head, self.head = self.head, b""
        return head + to_s16(samples)

    def finish(self) -> bytes:
        return self.receive(np.empty(0, np.float32))


class _Coded:
    def __init__(self, coding: _Coding, rate: int) -> None:
        self._written = _Written()
        self._container = av.open(
            self._written, "w", coding.container, options=dict(coding.options)
        )
        self._stream = cast("AudioStream", self._container.add_stream(coding.codec, rate))
        self._stream.codec_context.layout = "mono"
        if coding.bits is not None:
            self._stream.codec_context.bit_rate = coding.bits
        self._rate = rate
        self._at = 0

    def receive(self, samples: Samples) -> bytes:
        if not len(samples):
            return b""
        frame = av.AudioFrame.from_ndarray(
            np.frombuffer(to_s16(samples), np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = self._rate
        frame.pts = self._at
        self._at += len(samples)
        self._container.mux(self._stream.encode(frame))
        return self._written.take()

    def finish(self) -> bytes:
        if self._at:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._written.take()


@dataclass
class _Written:
    """The file, for ffmpeg: what was written since somebody took it."""

    pieces: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken


def _wav_head(rate: int) -> bytes:
    """The header of 44 bytes (RIFF, WAVE, `fmt ` of PCM, `data`)."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * _WIDTH, _WIDTH, 8 * _WIDTH)
    length = struct.pack("<I", _UNKNOWN)
    return b"RIFF" + length + b"WAVEfmt " + form + b"data" + length
