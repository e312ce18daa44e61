from __future__ import annotations

import io

import av
import numpy as np
import pytest

from sotto.audio.mel8 import parse_mel8
from sotto.runtime.picture import is_picture, see
from tests.speech import CLIP, CLIP_TEXT


@pytest.mark.parametrize("name", ["image.png", "image.tga", "image.mel8", "IMAGE.PNG"])
def test_an_image_says_what_the_file_says(sotto, tmp_path, name):
    image = tmp_path / name
    assert sotto("mel", CLIP, "-o", image) == (0, "", "")
    assert is_picture(image.read_bytes()[:12])
    assert sotto("transcribe", image) == (0, f"{CLIP_TEXT}\n", "")


def test_images_and_sound_side_by_side(sotto, tmp_path):
    image = tmp_path / "clip.png"
    sotto("mel", CLIP, "-o", image)
    _, out, _ = sotto("transcribe", image, CLIP)
    assert out.count(CLIP_TEXT) == 2


def test_a_picture_that_people_can_look_at(sotto, tmp_path):
    """Low tones lie at the bottom, time runs to the right."""
    image = tmp_path / "clip.png"
    sotto("mel", CLIP, "-o", image)
    with av.open(io.BytesIO(image.read_bytes())) as container:
        (frame,) = container.decode(video=0)
    gray = frame.to_ndarray()
    assert gray.shape == (80, 737)
    assert gray[60:].mean() > gray[:20].mean()


def test_bands_for_large_models(sotto, tmp_path):
    sotto("mel", CLIP, "-o", tmp_path / "x.mel8", "--bands", 128)
    assert parse_mel8((tmp_path / "x.mel8").read_bytes()).mel.shape == (737, 128)
    code, _, err = sotto("transcribe", tmp_path / "x.mel8")
    assert code == 2
    assert "expected an image of 80 bands" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([CLIP, "-o", "x.jpg"], "expected an image called .png, .tga or .mel8, got x.jpg"),
        ([CLIP, "-o", "x.png", "--bands", "81"], "expected 80 or 128 bands, got 81"),
        (["none.wav", "-o", "x.png"], "cannot read none.wav"),
        ([CLIP, "-o", "none/x.png"], "cannot write none/x.png"),
        (["empty.wav", "-o", "x.png"], "got an empty one"),
    ],
)
def test_what_cannot_be_done_is_told(sotto, tmp_path, words, told):
    (tmp_path / "empty.wav").write_bytes(b"")
    code, _, err = sotto("mel", *words)
    assert code == 2
    assert told in err
    assert not (tmp_path / "x.png").exists()


def test_a_damaged_image_is_told_and_the_next_file_is_read(sotto, tmp_path):
    image = tmp_path / "clip.png"
    sotto("mel", CLIP, "-o", image)
    image.write_bytes(image.read_bytes()[:-9])
    code, out, err = sotto("transcribe", image, CLIP)
    assert code == 2
    assert "breaks off" in err
    assert CLIP_TEXT in out


def test_the_image_holds_the_spectrogram(sotto, tmp_path):
    for name in ("x.png", "x.tga", "x.mel8"):
        sotto("mel", CLIP, "-o", tmp_path / name)
    png, tga, mel8 = (see((tmp_path / f"x.{kind}").read_bytes()) for kind in ("png", "tga", "mel8"))
    np.testing.assert_allclose(png.mel, mel8.mel, atol=1e-5)
    floor = png.mel.max() - 8
    np.testing.assert_allclose(np.maximum(png.mel, floor), tga.mel, atol=0.06)
