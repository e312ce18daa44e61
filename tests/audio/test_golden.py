"""The files that the page's code is held against are what the server's code computes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from sotto.audio.mel import normalize
from tests.golden.make import FOLDER, Array, everything, image, judged

LARGEST = 300_000
"""Bytes of all files together."""

MADE = everything()
JUDGED = {"words_speech", "words_spoken", "words_stream"}
"""What one byte may change, so that they are compared on the stored bytes only."""


@pytest.fixture(scope="module")
def stored() -> Mapping[str, Array]:
    return {path.stem: np.load(path) for path in FOLDER.glob("*.npy")}


def test_all_files_are_there_and_small(stored: Mapping[str, Array]) -> None:
    assert stored.keys() == MADE.keys()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < LARGEST


@pytest.mark.parametrize("name", sorted(MADE.keys() - JUDGED))
def test_a_file_is_what_the_server_computes(stored: Mapping[str, Array], name: str) -> None:
    made, kept = MADE[name], stored[name]
    assert made.dtype == kept.dtype
    assert made.shape == kept.shape
    if "_mel_" in name:
        made, kept = normalize(made), normalize(kept)
    # A byte may fall to the other side of a half where another processor rounds differently.
    most = 1 if made.dtype.kind in "iu" else 1e-5
    np.testing.assert_allclose(made.astype(np.float64), kept, rtol=0, atol=most)


def test_what_follows_from_stored_files_is_exact(stored: Mapping[str, Array]) -> None:
    exact = image("speech", stored["speech_mel_128"])
    exact |= judged(stored["words_image_80"], stored["words_image_80_range"])
    for name, values in exact.items():
        np.testing.assert_array_equal(values, stored[name])
