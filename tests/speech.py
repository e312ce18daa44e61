"""Speech for tests: the clip that ships, and the labelled data beside a checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
CLIP = Path(__file__).parents[1] / "src" / "sotto" / "assets" / "digits.flac"
CLIP_TEXT = "nine two five eight three one"

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the labelled speech does not lie beside this checkout"
)


@dataclass(frozen=True)
class Pcm:
    """A clip as raw samples, exactly as its file holds them."""

    data: bytes
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.data) / 2 / self.rate


def pcm_s16le(path: Path) -> Pcm:
    """The samples of a mono 16-bit file."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("s16", "mono", stream.rate)
        frames = [out for frame in container.decode(stream) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
        rate = stream.rate
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return Pcm(samples.astype("<i2").tobytes(), rate)


def manifest(name: str) -> list[dict[str, str]]:
    """The entries of one set, with absolute paths."""
    folder = DATA / name
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    return [entry | {"path": str(folder / entry["path"])} for entry in map(json.loads, lines)]
