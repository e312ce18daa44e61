from __future__ import annotations

import numpy as np
import pytest

from sotto.audio.chunk import Mel
from sotto.audio.mel import SILENCE, LogMel, normalize
from sotto.interfaces.engine import DecodeJob, Priority, Traits
from sotto.plugins.engines.windows import batches, padded_length, stack, strip_size
from sotto.transcript.options import AudioContext, DecodeOptions

EXACT, MARGIN, FULL = AudioContext.EXACT, AudioContext.MARGIN, AudioContext.FULL


def job(
    frames: int, own: AudioContext | None = None, caller: AudioContext | None = None
) -> DecodeJob:
    options = DecodeOptions(audio_context=caller)
    mel = np.zeros((frames, 80), np.float32)
    return DecodeJob(id=0, mel=mel, options=options, priority=Priority.FINAL, audio_context=own)


@pytest.mark.parametrize(
    ("frames", "context", "padded"),
    [
        (1, EXACT, 16),
        (16, EXACT, 16),
        (17, EXACT, 32),
        (144, EXACT, 144),
        (145, EXACT, 176),
        (160, EXACT, 176),
        (161, EXACT, 176),
        (2992, EXACT, 2992),
        (2993, EXACT, 3000),
        (1, MARGIN, 272),
        (100, MARGIN, 368),
        (2744, MARGIN, 3000),
        (3000, MARGIN, 3000),
        (1, FULL, 3000),
        (3000, FULL, 3000),
    ],
)
def test_padded_length(frames: int, context: AudioContext, padded: int) -> None:
    assert padded_length(frames, context, 80) == padded
    assert padded % 2 == 0


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("context", [EXACT, MARGIN, FULL])
def test_no_encoded_window_looks_like_mel(context: AudioContext, n_mels: int) -> None:
    """CTranslate2 takes what has as many rows as there are bands for mel."""
    padded = {padded_length(frames, context, n_mels) for frames in range(1, 3001)}
    assert 2 * n_mels not in padded


@pytest.mark.parametrize(
    ("own", "caller", "expected"),
    [(EXACT, FULL, EXACT), (None, FULL, FULL), (None, None, MARGIN)],
)
def test_the_job_decides_then_its_caller_then_the_checkpoint(
    own: AudioContext | None, caller: AudioContext | None, expected: AudioContext
) -> None:
    (batch,) = batches([job(100, own, caller)], Traits(audio_context=MARGIN))
    assert batch.context is expected


def test_exact_windows_are_batched_by_their_padded_length() -> None:
    jobs = [job(100, EXACT), job(200, EXACT), job(112, EXACT), job(97, EXACT), job(113, EXACT)]
    found = {batch.frames: batch.places for batch in batches(jobs, Traits())}
    assert found == {112: (0, 2, 3), 208: (1,), 128: (4,)}


def test_other_windows_are_padded_to_the_longest_of_those_like_them() -> None:
    sizes = [300, 500, 310, 320, 3000, 40, 2900]
    found = [
        (batch.frames, batch.places)
        for batch in batches(
            [job(size, EXACT if size == 40 else MARGIN) for size in sizes], Traits()
        )
    ]
    assert sorted(found) == [(48, (5,)), (576, (0, 2, 3)), (768, (1,)), (3000, (4, 6))]
    jobs = [job(50, FULL), job(3000, FULL), job(2000, MARGIN)]
    found = [(batch.frames, batch.places) for batch in batches(jobs, Traits())]
    assert sorted(found) == [(2256, (2,)), (3000, (0, 1))]


def test_features_have_bands_first_and_are_normalized() -> None:
    mels: list[Mel] = [
        np.random.default_rng(seed).uniform(-9, 1, (frames, 80)).astype(np.float32)
        for seed, frames in enumerate((48, 40))
    ]
    features = stack(mels, 48)
    assert features.shape == (2, 80, 48)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    np.testing.assert_allclose(features[0], normalize(mels[0]).T, atol=1e-6)
    np.testing.assert_allclose(features[1, :, :40], normalize(mels[1]).T, atol=1e-6)
    floor = (mels[1].max() - 8 + 4) / 4
    np.testing.assert_allclose(features[1, :, 40:], floor, atol=1e-6)


def test_padding_looks_as_if_the_sound_had_gone_on_with_zeros() -> None:
    sound = np.sin(np.arange(16_000) * 0.3).astype(np.float32)
    short, padded = LogMel(80), LogMel(80)
    mel = np.concatenate([short.receive(sound), short.finish()])
    silence = np.zeros(16_000, np.float32)
    whole = np.concatenate([padded.receive(np.concatenate([sound, silence])), padded.finish()])
    features = stack([mel], 200)[0]
    expected = normalize(whole).T
    np.testing.assert_allclose(features[:, :98], expected[:, :98], atol=1e-5)
    np.testing.assert_allclose(features[:, 102:], expected[:, 102:], atol=1e-5)


def test_digital_silence_stays_silence() -> None:
    features = stack([np.full((10, 80), SILENCE, np.float32)], 16)
    np.testing.assert_allclose(features, (SILENCE + 4) / 4, atol=1e-6)


@pytest.mark.parametrize(("frames", "windows"), [(16, 4), (512, 4), (768, 2), (1280, 1), (3000, 1)])
def test_strips_are_small(frames: int, windows: int) -> None:
    assert strip_size(frames) == windows
