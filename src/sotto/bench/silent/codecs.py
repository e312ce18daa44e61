"""Forms of sound and picture that only the bench makes: WAV, Opus, WebP."""

from __future__ import annotations

import io
import wave
from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.bench.clips import S16
from sotto.runtime.container import read_file

OPUS_BITS = 24_000
"""A second."""


def to_pcm(samples: Samples) -> bytes:
    """16 bits, little-endian."""
    return np.rint(np.clip(samples, -1, 1 - 1 / S16) * S16).astype("<i2").tobytes()


def to_wav(samples: Samples) -> bytes:
    """The same with a header."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(to_pcm(samples))
    return out.getvalue()


def to_opus(samples: Samples) -> bytes:
    """An Ogg file of Opus for speech."""
    out = io.BytesIO()
    with av.open(out, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = OPUS_BITS
        stream.options = {"application": "voip"}
        sound = np.frombuffer(to_pcm(samples), "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def heard_again(file: bytes) -> Samples:
    """What a file's sound comes to at 16 kHz. Raises BadAudio."""
    return np.concatenate([np.empty(0, np.float32), *read_file(io.BytesIO(file))])


def to_webp(gray: NDArray[np.uint8]) -> bytes:
    """Without loss, of uint8[height, width], the top row first."""
    codec = av.CodecContext.create("libwebp", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.height, codec.width = gray.shape
    codec.pix_fmt, codec.time_base = "bgra", Fraction(1, 1)
    codec.options = {"lossless": "1"}
    pixels = np.stack([gray, gray, gray, np.full_like(gray, 255)], axis=-1)
    frame = av.VideoFrame.from_ndarray(pixels, format="bgra")
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))
