"""Dry speech put into a room, with noise, and written down."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.runtime.container import read_file

KEPT = 64
"""Recordings that are held decoded; a minute takes 4 MB."""
AIR = round(0.05 * SAMPLE_RATE)
"""Samples of silence that a clip keeps at either end."""
TAIL = round(0.2 * SAMPLE_RATE)
"""Samples for which a room is heard after the last word."""
SILENCE = 2.0**-11
"""What lies below is silence: 16 steps of 16 bits."""
LOUDEST = 0.99
_S16 = 32_767

Recordings: TypeAlias = Callable[[Path], Samples]


def recordings() -> Recordings:
    """Reads files of sound; those used last are kept."""
    return lru_cache(maxsize=KEPT)(lambda path: np.concatenate(list(read_file(path))))


def trimmed(samples: Samples) -> Samples:
    """With 50 ms of silence, or as much as there is, before the first sound and after the last."""
    loud = np.flatnonzero(np.abs(samples) > SILENCE)
    if not len(loud):
        return samples
    return samples[max(0, int(loud[0]) - AIR) : int(loud[-1]) + 1 + AIR]


def reverberated(samples: Samples, response: Samples) -> Samples:
    """The sound as it is heard in the room of an impulse response, as loud as it was.

    The response is taken from its peak on, the direct sound, so that words stay where they were.
    """
    response = response[int(np.abs(response).argmax()) :]
    size = 1 << (len(samples) + len(response)).bit_length()
    long = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)
    wet: Samples = long.astype(np.float32)[: len(samples) + min(len(response), TAIL)]
    power = _power(wet)
    scale = np.sqrt(_power(samples) * len(samples) / (power * len(wet))) if power else 1.0
    room: Samples = (wet * scale).astype(np.float32)
    return room


def noisy(samples: Samples, noise: Samples, start: float, snr: float) -> Samples:
    """With noise from `start` (0..1 of its length) on, `snr` dB below the mean power of the clip.

    A noise that is shorter begins again.
    """
    places = (np.arange(len(samples)) + int(start * len(noise))) % len(noise)
    piece = noise[places]
    power = _power(piece)
    if not power:
        return samples
    gain = np.sqrt(_power(samples) / power / 10 ** (snr / 10))
    mixed: Samples = (samples + piece * gain).astype(np.float32)
    return mixed


def write_flac(samples: Samples, path: Path) -> None:
    """16 bits, 16 kHz, mono; a sound that is too loud is made softer. The file appears at once."""
    import av

    peak = float(np.abs(samples).max(initial=0.0))
    steps = np.rint(samples * (_S16 * min(1.0, LOUDEST / peak if peak else 1.0))).astype(np.int16)
    part = path.with_suffix(".part")
    with av.open(str(part), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
        stream.codec_context.open()
        size = stream.codec_context.frame_size
        for start in range(0, len(steps), size):
            piece = steps[None, start : start + size]
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    part.replace(path)


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))
