"""Labelled clips in memory, at 16 kHz."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, SAMPLE_RATE, Samples
from sotto.audio.mel import LogMel
from sotto.errors import BadAudio
from sotto.runtime.container import read_file
from sotto.training.manifest import Entry, Manifest

S16 = 32_768
"""Of a sample of 16 bits."""


@dataclass(frozen=True, eq=False)
class Clip:
    """What somebody said."""

    set: str
    name: str
    text: str
    speaker: str
    language: str | None
    samples: Samples
    """At 16 kHz, rounded to 16 bits."""

    @property
    def seconds(self) -> float:
        """Of sound."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def seed(self) -> int:
        """The same in each run, another for each clip."""
        return zlib.crc32(f"{self.set}/{self.name}".encode())

    def spectrogram(self, n_mels: int) -> Mel:
        """float32[n, n_mels], raw log10 power."""
        return spectrogram(self.samples, n_mels)

    @cached_property
    def mel(self) -> Mel:
        """The same with 80 bands, made once."""
        return self.spectrogram(80)

    def sounding(self, samples: Samples) -> Clip:
        """The same words in another sound."""
        return replace(self, samples=to_16_bits(samples))


def read_clip(set_name: str, entry: Entry, longest: float | None = None) -> Clip:
    """At most the first `longest` seconds. Raises BadAudio."""
    samples = np.concatenate([np.empty(0, np.float32), *read_file(entry.path)])
    if longest is not None:
        samples = samples[: round(longest * SAMPLE_RATE)]
    if len(samples) < HOP:
        raise BadAudio(f"{entry.place}: expected {HOP} samples or more, got {len(samples)}")
    name, speaker = entry.name, entry.speaker or entry.name
    return Clip(set_name, name, entry.text, speaker, entry.language, to_16_bits(samples))


def read_clips(sets: Iterable[Manifest], longest: float | None = None) -> list[Clip]:
    """All speech of some sets. Raises BadAudio."""
    return [
        read_clip(manifest.name, entry, longest)
        for manifest in sets
        for entry in manifest.entries
        if entry.is_speech
    ]


def per_speaker(manifest: Manifest, split: str, most: int) -> Manifest:
    """Up to so many clips of each speaker in a split, spread evenly over them; sets without splits
    are taken whole."""
    by_name: dict[str, list[Entry]] = {}
    for entry in manifest.entries:
        if entry.is_speech and entry.split in (split, None):
            by_name.setdefault(entry.speaker or entry.name, []).append(entry)
    chosen = [entry for entries in by_name.values() for entry in _spread(entries, most)]
    return replace(manifest, entries=tuple(chosen))


def spectrogram(samples: Samples, n_mels: int) -> Mel:
    """float32[n, n_mels], raw log10 power, as the door makes it."""
    log_mel = LogMel(n_mels)
    return np.concatenate([log_mel.receive(samples), log_mel.finish()])


def to_16_bits(samples: Samples) -> Samples:
    """The same, as 16 bits tell it."""
    rounded = np.rint(np.clip(samples, -1, 1 - 1 / S16) * S16) / S16
    return rounded.astype(np.float32)


def _spread(entries: Sequence[Entry], most: int) -> list[Entry]:
    if len(entries) <= most:
        return list(entries)
    return [entries[i * len(entries) // most] for i in range(most)]
