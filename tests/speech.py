"""Speech for tests: the clip that ships, and the labelled data beside a checkout."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from fractions import Fraction
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


def encoded(form: str, codec: str, rate: int, sample_format: str) -> bytes:
    """The clip in another container and codec."""
    pcm = pcm_s16le(CLIP)
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(sample_format, "mono", rate)
        frame = av.AudioFrame.from_ndarray(
            np.frombuffer(pcm.data, "<i2").reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate, frame.time_base = pcm.rate, Fraction(1, pcm.rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()
