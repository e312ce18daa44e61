"""What the page's disguises must come to: the server's, of the golden spectrogram.

    python -m tests.golden.anonymized

writes `disguised/*.npy`, which tests/audio/test_anonymize.py and
tests/web/anonymize.test.js read. Run it by hand only where the numbers are meant to change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sotto.audio.anonymize import Anonymizer, Disguise
from sotto.audio.chunk import Mel
from tests.golden.make import FOLDER as SPOKEN

FOLDER = Path(__file__).parent / "disguised"
DISGUISE = Disguise((0.9, 1.12), 100.0, (0.25, -0.75, 0.5, 0.125, -0.25))
"""Also in tests/web/anonymize.test.js."""
PART = slice(35, 55)
"""Frames of the golden spectrogram: silence, and the beginning of a word."""


def spoken(n_mels: int) -> Mel:
    """float32[20, n_mels], raw."""
    mel: Mel = np.load(SPOKEN / f"speech_mel_{n_mels}.npy")
    return mel[PART]


def everything() -> dict[str, Mel]:
    """All files by name."""
    return {
        f"speech_{n_mels}": Anonymizer(n_mels, DISGUISE).frames(spoken(n_mels))
        for n_mels in (80, 128)
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, values in everything().items():
        np.save(FOLDER / f"{name}.npy", values)


if __name__ == "__main__":
    main()
