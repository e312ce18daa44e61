"""What to measure with: which clips of which sets, read into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.bench.clips import Clip, per_speaker, read_clips
from sotto.bench.silent.linking import Embedding
from sotto.errors import BadOption
from sotto.runtime.container import read_file
from sotto.training.manifest import Manifest, check_manifests, read_manifest

LONGEST = 6.0
"""Seconds of a clip that is learned from, linked, or searched for speech."""
NOISE_SECONDS = 60.0
"""Of each noise."""


@dataclass(frozen=True)
class Material:
    """All in memory; what is empty leaves its tables out."""

    spoken: Sequence[Clip]
    """With words that the model knows."""
    learned: Sequence[Clip]
    linked: Sequence[Clip]
    detected: Sequence[Clip]
    """Clean recordings."""
    noises: Sequence[Samples]
    iterations: int
    """Of Griffin and Lim."""
    embedding: Embedding | None = None


@dataclass(frozen=True)
class Sources:
    """Where all of it is read from. Manifests, or folders that hold one."""

    spoken: Sequence[Manifest]
    learn: Sequence[Path]
    """Their split `train`."""
    link: Sequence[Path]
    """Their split `eval`."""
    noise: Sequence[Path]
    learn_clips: int
    """Of each speaker; so the next."""
    link_clips: int
    detect_clips: int
    """Of all that are linked, or else spoken."""
    iterations: int
    embedding: str | None
    """`module:name` of an Embedding."""

    def read(self) -> Material:
        """Raises BadManifest, BadOption, BadAudio."""
        embedding = None if self.embedding is None else imported(self.embedding)
        spoken = read_clips(self.spoken)
        learned = _speakers(self.learn, "train", self.learn_clips)
        linked = _speakers(self.link, "eval", self.link_clips)
        known = {clip.speaker for clip in learned} & {clip.speaker for clip in linked}
        if known:
            raise BadOption("link", f"expected speakers that are not learned, got {min(known)}")
        return Material(
            spoken,
            learned,
            linked,
            _spread(linked or spoken, self.detect_clips),
            _noises(self.noise),
            self.iterations,
            embedding,
        )


def imported(name: str) -> Embedding:
    """What `module:name` stands for. Raises BadOption."""
    module, _, attribute = name.partition(":")
    try:
        embedding: Embedding = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadOption(
            "embedding", f"expected module:name of a function, got {name!r}: {error}"
        ) from error
    return embedding


def _speakers(paths: Sequence[Path], split: str, most: int) -> list[Clip]:
    manifests = check_manifests(
        paths, choose=lambda manifest: per_speaker(manifest, split, most), longest=np.inf
    )
    return read_clips(manifests, LONGEST)


def _noises(paths: Sequence[Path]) -> list[Samples]:
    entries = [entry for path in paths for entry in read_manifest(path).entries]
    return [_whole(entry.path) for entry in entries if entry.kind == "noise"]


def _whole(path: Path) -> Samples:
    samples = np.concatenate([np.empty(0, np.float32), *read_file(path)])
    return samples[: round(NOISE_SECONDS * SAMPLE_RATE)]


def _spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """From all sets and speakers alike."""
    if len(clips) <= most:
        return list(clips)
    return [clips[i * len(clips) // most] for i in range(most)]
