"""Speech as files, made piece by piece: what our own decoder hears of them."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import soxr

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.runtime.container import read_file
from sotto.runtime.encoding import MEDIA_TYPES, FileFormat, encoder

RATE = 24_000
PACKED = [form for form in FileFormat if form is not FileFormat.PCM]


def chirp(seconds: float) -> Samples:
    """From 200 Hz up to 1 kHz: each part of it sounds like no other."""
    time = np.arange(round(seconds * RATE)) / RATE
    sweep = np.sin(2 * np.pi * (200 * time + 400 * time**2 / seconds))
    return (0.5 * sweep).astype(np.float32)


def pieces(sound: Samples, n: int) -> list[Samples]:
    return [sound[at : at + n] for at in range(0, len(sound), n)]


def encoded(form: FileFormat, sound: Samples, n: int) -> list[bytes]:
    coding = encoder(form, RATE)
    return [*(coding.receive(piece) for piece in pieces(sound, n)), coding.finish()]


def heard(data: bytes) -> Samples:
    return np.concatenate(list(read_file(io.BytesIO(data))))


@pytest.mark.parametrize("form", PACKED)
def test_what_was_said_is_heard(form: FileFormat) -> None:
    sound = chirp(2)
    expected = soxr.resample(sound, RATE, SAMPLE_RATE)
    got = heard(b"".join(encoded(form, sound, 1_323)))
    assert len(got) == pytest.approx(len(expected), abs=0.15 * SAMPLE_RATE)
    spectra = np.fft.rfft(got, 2**17) * np.conj(np.fft.rfft(expected, 2**17))
    likeness = np.fft.irfft(spectra).max() / np.linalg.norm(got) / np.linalg.norm(expected)
    assert likeness > 0.93  # at the delay that the coding has


@pytest.mark.parametrize("form", FileFormat)
def test_it_comes_while_the_sound_does(form: FileFormat) -> None:
    """Half of the bytes are out by the time that a little more than half of the sound is in."""
    told = encoded(form, chirp(4), RATE // 10)
    early = b"".join(told[:24])
    assert 2 * len(early) >= len(b"".join(told))
    assert len(b"".join(told[:8]))


@pytest.mark.parametrize("form", FileFormat)
def test_nothing_said_is_a_file_too(form: FileFormat) -> None:
    coding = encoder(form, RATE)
    data = coding.receive(np.empty(0, np.float32)) + coding.finish()
    assert len(data) < 2_000
    assert MEDIA_TYPES[form].startswith("audio/")


def test_a_wav_can_be_read_by_pythons_own_module() -> None:
    sound = chirp(0.5)
    with wave.open(io.BytesIO(b"".join(encoded(FileFormat.WAV, sound, 700)))) as reading:
        assert reading.getparams()[:3] == (1, 2, RATE)
        data = reading.readframes(2**20)
    np.testing.assert_allclose(np.frombuffer(data, "<i2") / 32_768, sound, atol=1 / 32_768)


def test_pcm_is_the_samples_alone() -> None:
    sound = chirp(0.1)
    data = b"".join(encoded(FileFormat.PCM, sound, 7))
    np.testing.assert_allclose(np.frombuffer(data, "<i2") / 32_768, sound, atol=1 / 32_768)


def test_a_file_that_nobody_finishes_is_let_go() -> None:
    for _ in range(50):
        assert isinstance(encoder(FileFormat.MP3, RATE).receive(chirp(0.2)), bytes)
