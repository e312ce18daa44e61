"""The files that the page's code is held against are what the server's code computes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from sotto.audio.mel import normalize
from sotto.audio.mel8 import Mel8, parse_mel8
from tests.golden.make import FOLDER, Array, encoded, everything, growing, judged

LARGEST = 300_000
"""Bytes of all files together."""

MADE = everything()
JUDGED = {"words_speech", "words_stream", "speech_stream_128"}
"""What one byte may change, so that they are compared on what is stored only."""
IMAGES = {name for name in MADE if "_mel8_" in name}


@pytest.fixture(scope="module")
def stored() -> Mapping[str, Array]:
    return {path.stem: np.load(path) for path in FOLDER.glob("*.npy")}


def test_all_files_are_there_and_small(stored: Mapping[str, Array]) -> None:
    assert stored.keys() == MADE.keys()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < LARGEST


@pytest.mark.parametrize("name", sorted(MADE.keys() - JUDGED - IMAGES))
def test_a_file_is_what_the_server_computes(stored: Mapping[str, Array], name: str) -> None:
    made, kept = MADE[name], stored[name]
    assert made.dtype == kept.dtype
    assert made.shape == kept.shape
    if "_mel_" in name:
        made, kept = normalize(made), normalize(kept)
    # A sample may fall to the other side of a half where another processor rounds differently.
    most = 1 if made.dtype.kind in "iu" else 1e-5
    np.testing.assert_allclose(made.astype(np.float64), kept, rtol=0, atol=most)


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_an_image_shows_what_the_server_computes(stored: Mapping[str, Array], name: str) -> None:
    made, kept = seen(MADE[name]), seen(stored[name])
    assert made.position == kept.position
    np.testing.assert_allclose(made.mel, kept.mel, rtol=0, atol=0.05)  # a step of a byte
    assert (made.speech is None) == (kept.speech is None)


def seen(image: Array) -> Mel8:
    return parse_mel8(image.tobytes())


def test_what_follows_from_stored_files_is_exact(stored: Mapping[str, Array]) -> None:
    exact = encoded(dict(stored)) | judged(stored["words_mel8_80"])
    exact |= {"speech_stream_128": growing(stored["speech_mel_128"])}
    for name, values in exact.items():
        np.testing.assert_array_equal(values, stored[name])
