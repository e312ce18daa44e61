"""The digits of the clip that ships as a labelled set: a file for each, cut tight."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sotto.bench.calls import wav
from sotto.bench.streams.sound import sounding
from tests.digits import DIGITS, spoken

_AIR = 800
"""Samples of the silence around a digit that stay, 50 ms."""


def word_clips(folder: Path) -> Path:
    """A manifest of six clips of one word each."""
    folder.mkdir(parents=True)
    lines = []
    for digit in DIGITS:
        pcm = np.frombuffer(spoken(digit), "<i2")
        begins, ends = sounding(pcm.astype(np.float32) / 32_768)
        (folder / f"{digit}.wav").write_bytes(wav(pcm[max(0, begins - _AIR) : ends + _AIR]))
        lines.append(json.dumps({"path": f"{digit}.wav", "text": digit, "lang": "en"}))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder
