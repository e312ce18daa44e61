from __future__ import annotations

import numpy as np
import pytest

from sotto.audio.chunk import MelChunk
from sotto.audio.mel8 import HEADER, ValueRange
from sotto.bench.clips import Clip, read_clip
from sotto.bench.silent import forms
from sotto.bench.silent.codecs import heard_again, to_opus, to_pcm, to_wav
from sotto.training.manifest import Entry
from tests.speech import CLIP, CLIP_TEXT

FRAMES = 737


@pytest.fixture(scope="module")
def clip() -> Clip:
    return read_clip("clips", Entry("here:1", CLIP, CLIP.name, CLIP_TEXT, "en", "ann"))


@pytest.fixture(scope="module")
def wires(clip: Clip) -> dict[str, forms.Wire]:
    return {form.name: form.make(clip) for form in forms.image_forms(80)}


def mel_of(wire: forms.Wire):
    assert isinstance(wire.heard, MelChunk)
    return wire.heard.mel


def test_the_bytes_of_each_form(clip, wires):
    values, header = FRAMES * 80, HEADER.size
    assert wires[forms.FLOAT].bytes == 4 * values
    assert wires["mel8, one message"].bytes == values + header
    assert wires["mel8, messages of 100 ms"].bytes == values + 74 * header
    for bits in (6, 5, 4, 3):
        assert wires[f"{bits} bits, packed"].bytes == values * bits // 8 + 8
    pcm = len(to_pcm(clip.samples))
    assert pcm == 2 * len(clip.samples)
    assert 0.256 < wires["mel8, messages of 100 ms"].bytes / pcm < 0.258


def test_pictures_take_less_than_a_quarter_of_pcm(clip, wires):
    pcm = len(to_pcm(clip.samples))
    for name in (forms.EIGHT, "8-bit WebP, without loss"):
        assert wires[name].bytes < pcm / 4


def test_8_bits_are_off_by_half_a_step_at_most(clip, wires):
    span = ValueRange.of(clip.mel)
    half = (span.greatest - span.least) / 255 / 2
    for name in ("mel8, one message", forms.EIGHT, "8-bit WebP, without loss"):
        assert np.abs(mel_of(wires[name]) - clip.mel).max() <= half * 1.001


def test_messages_have_ranges_of_their_own_and_so_are_closer(clip, wires):
    cut, whole = (
        np.abs(mel_of(wires[name]) - clip.mel).mean()
        for name in ("mel8, messages of 100 ms", "mel8, one message")
    )
    assert cut < whole


def test_all_pictures_say_the_same(wires):
    whole = mel_of(wires["mel8, one message"])
    for name in (forms.EIGHT, "8-bit WebP, without loss"):
        np.testing.assert_allclose(mel_of(wires[name]), whole, atol=1e-5)


@pytest.mark.parametrize("bits", [1, 3, 4, 6])
def test_fewer_bits_are_so_many_levels(clip, bits):
    coarse = forms.in_bits(clip.mel, bits)
    assert 2 ** (bits - 1) < len(np.unique(coarse)) <= 2**bits
    span = ValueRange.of(clip.mel)
    step = (span.greatest - span.least) / (2**bits - 1)
    assert np.abs(coarse - clip.mel).max() <= step / 2 * 1.001


def test_opus_takes_about_what_it_was_told_and_keeps_the_length(clip):
    file = to_opus(clip.samples)
    assert 0.5 < len(file) * 8 / clip.seconds / 24_000 < 1.5
    assert len(heard_again(file)) == len(clip.samples)


def test_wav_keeps_every_sample(clip):
    np.testing.assert_array_equal(heard_again(to_wav(clip.samples)), clip.samples)


def test_a_disguise_is_a_clips_own(clip):
    hidden = forms.in_disguise(clip)
    np.testing.assert_array_equal(hidden, forms.in_disguise(clip))
    assert np.abs(hidden - forms.in_disguise(clip, another=1)).max() > 0.1
    assert np.abs(hidden - clip.mel).mean() > 0.1
