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

from sotto.audio.chunk import Mel
from sotto.audio.edges import EdgeStream, is_speech, speech_in
from sotto.audio.format import HOP, MEL_BANDS, SAMPLE_RATE, Samples, exact_div
from sotto.audio.image import make_image, parse_image
from sotto.audio.mel import LogMel
from sotto.audio.resample import Resampler
from tests.speech import CLIP, pcm_s16le

Array = NDArray[Any]

FOLDER = Path(__file__).parent / "mel"
S16 = 32_768
FAST = 48_000
RANGE, VALUES = 18, 26  # where they begin in an image

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


def words() -> dict[str, Array]:
    """Words and pauses as an image: uint8[n, 80]; float32[2]."""
    clip = np.frombuffer(pcm_s16le(CLIP).data, "<i2")
    return image("words", spectrogram(clip[LONG]))


def image(name: str, mel: Mel) -> dict[str, Array]:
    """uint8[n, n_mels], and float32[2]: what the bytes 0 and 255 mean."""
    packed = make_image(mel)
    values = np.frombuffer(packed, np.uint8, offset=VALUES).reshape(mel.shape[1], -1)
    meant = np.frombuffer(packed, "<f4", count=2, offset=RANGE)
    stem = f"{name}_image_{mel.shape[1]}"
    return {stem: np.ascontiguousarray(values.T), f"{stem}_range": meant}


def judged(values: Array, meant: Array) -> dict[str, Array]:
    """Of an image: float32[n], how probable speech is; uint8[n], whether the rule sees any; and
    float32[n], how probable speech is while the image grows."""
    head = make_image(np.zeros(values.shape, np.float32))[:RANGE]
    mel = parse_image(head + meant.tobytes() + values.T.tobytes())
    stream = EdgeStream(mel.shape[1])
    return {
        "words_speech": speech_in(mel),
        "words_spoken": is_speech(mel).astype(np.uint8),
        "words_stream": np.concatenate([stream.receive(mel), stream.release()]),
    }


def everything() -> dict[str, Array]:
    """All files by name."""
    made = sounds()
    made |= {"speech_48000_at_16000": resampled(made["speech_48000"], FAST)}
    made |= spectra(made) | words()
    made |= image("speech", made["speech_mel_128"])
    return made | judged(made["words_image_80"], made["words_image_80_range"])


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, values in everything().items():
        np.save(FOLDER / f"{name}.npy", values)
    total = sum(path.stat().st_size for path in FOLDER.glob("*.npy"))
    print(f"{total:,} bytes in {FOLDER}")


if __name__ == "__main__":
    main()
