"""What the page computes must equal what the server computes: sounds, and what becomes of them.

    python -m tests.golden.make

writes the files beside it, which tests/audio/test_golden.py and tests/web/mel*.test.js read. The
server's code makes all of them, so run it by hand only where the server's numbers are meant to
change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel, Speech
from sotto.audio.edges import EdgeStream, speech_in
from sotto.audio.format import HOP, MEL_BANDS, SAMPLE_RATE, Samples, exact_div
from sotto.audio.mel import LogMel
from sotto.audio.mel8 import make_mel8, parse_mel8
from sotto.audio.resample import Resampler
from tests.speech import CLIP, pcm_s16le

Array = NDArray[Any]

FOLDER = Path(__file__).parent / "mel"
S16 = 32_768
FAST = 48_000
POSITION = 70_000
"""Of an image in its stream: more than 16 bits hold."""

SPEECH = slice(16_000, 27_200)
"""Of the clip: 0.7 s."""
AT_48_KHZ = slice(16_000, 22_400)
LONG = slice(0, 64_000)
"""Of the clip: words and pauses."""
SHORT = (160, 199, 200, 201, 202, 320)
"""Samples; around these lengths the reflections at both ends meet."""


def to_s16(samples: Array) -> Array:
    return np.asarray(np.rint(np.clip(samples, -1, 1 - 1 / S16) * S16), "<i2")


def to_f32(samples: Array) -> Samples:
    return (samples / S16).astype(np.float32)


def spectrogram(samples: Array, n_mels: int = 80) -> Mel:
    """float32[n, n_mels], raw log10 power, of s16."""
    mel = LogMel(n_mels)
    return np.concatenate([mel.receive(to_f32(samples)), mel.finish()])


def resampled(samples: Array, rate: int) -> Samples:
    """At 16 kHz."""
    resampler = Resampler(rate)
    return np.concatenate([resampler.receive(to_f32(samples)), resampler.finish()])


def sounds() -> dict[str, Array]:
    """int16[n] at 16 kHz, but for what has its rate in its name."""
    clip = np.frombuffer(pcm_s16le(CLIP).data, "<i2")
    time = np.arange(exact_div(SAMPLE_RATE, 4)) / SAMPLE_RATE
    sweep = 0.5 * np.sin(2 * np.pi * (50 * time + 0.5 * (7_900 - 50) / 0.25 * time**2))
    impulse = np.zeros(5 * HOP)
    impulse[2 * HOP + 7] = 0.9
    return {
        "speech": clip[SPEECH],
        "speech_48000": to_s16(faster(to_f32(clip[AT_48_KHZ]))),
        "sweep": to_s16(sweep),
        "impulse": to_s16(impulse),
        "silence": np.zeros(3 * HOP, "<i2"),
    }


def faster(samples: Samples) -> Array:
    """float64[3 n]: 16 → 48 kHz, by a spectrum with nothing above 7 kHz."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    hertz = np.linspace(0, exact_div(SAMPLE_RATE, 2), len(spectrum))
    spectrum[hertz > 7_000] = 0
    times = exact_div(FAST, SAMPLE_RATE)
    return np.asarray(np.fft.irfft(spectrum, times * len(samples)) * times)


def spectra(made: dict[str, Array]) -> dict[str, Array]:
    """float32[n, n_mels] of each sound."""
    speech = made["speech"]
    mel = {f"speech_mel_{n_mels}": spectrogram(speech, n_mels) for n_mels in MEL_BANDS}
    mel |= {f"{name}_mel_80": spectrogram(made[name]) for name in ("sweep", "impulse", "silence")}
    short = np.concatenate([spectrogram(speech[2_000 : 2_000 + n]) for n in SHORT])
    return mel | {"short_mel_80": short}


def message(mel: Mel, *, position: int = 0, speech: Speech | None = None) -> Array:
    """uint8[n]: one mel8 image."""
    return np.frombuffer(make_mel8(mel, position=position, speech=speech), np.uint8)


def words() -> Array:
    """Words and pauses as an image."""
    clip = np.frombuffer(pcm_s16le(CLIP).data, "<i2")
    return message(spectrogram(clip[LONG]))


def growing(mel: Mel) -> Speech:
    """float32[n]: how probable speech is in each frame, while the spectrogram grows."""
    stream = EdgeStream(mel.shape[1])
    return np.concatenate([stream.receive(mel), stream.release()])


def encoded(mel: dict[str, Array]) -> dict[str, Array]:
    """Images of spectra: speech with its probability, a flat one, and a clock that went on."""
    speech = mel["speech_stream_128"]
    return {
        "speech_mel8_128": message(mel["speech_mel_128"], position=POSITION, speech=speech),
        "silence_mel8_80": message(mel["silence_mel_80"]),
        "clock_mel8_80": message(np.empty((0, 80), np.float32), position=POSITION),
    }


def judged(image: Array) -> dict[str, Array]:
    """Of an image, float32[n]: how probable speech is, known at once and while it grows."""
    mel = parse_mel8(image.tobytes()).mel
    return {"words_speech": speech_in(mel), "words_stream": growing(mel)}


def everything() -> dict[str, Array]:
    """All files by name."""
    made = sounds()
    made |= {"speech_48000_at_16000": resampled(made["speech_48000"], FAST)}
    made |= spectra(made)
    made |= {"speech_stream_128": growing(made["speech_mel_128"]), "words_mel8_80": words()}
    return made | encoded(made) | judged(made["words_mel8_80"])


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.npy"):
        path.unlink()
    for name, values in everything().items():
        np.save(FOLDER / f"{name}.npy", values)
    total = sum(path.stat().st_size for path in FOLDER.glob("*.npy"))
    print(f"{total:,} bytes in {FOLDER}")


if __name__ == "__main__":
    main()
