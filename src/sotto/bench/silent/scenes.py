"""Speech at known places in known noise, and where exactly it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sotto.audio.format import HOP, Samples
from sotto.bench.clips import Clip

BEFORE = 100
"""Frames without speech before and after a clip."""
SMOOTHED = 5
"""Frames whose energy is taken together."""
DEPTH = 30.0
"""dB below a clip's loud frames that still count as speech …"""
ABOVE_FLOOR = 8.0
"""… where they lie so many dB above its quiet ones."""
PAUSE, SHORTEST = 30, 8
"""Frames: a shorter pause parts nothing, a shorter sound is no speech."""

Labels = NDArray[np.bool_]
Stretch = tuple[int, int]
"""First frame, and the one after the last."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Sound, and which of its frames are speech."""

    samples: Samples
    speech: Labels


def speech_in_clean(samples: Samples) -> Labels:
    """bool[n]: by the energy of a clean recording, against its own loud and quiet frames."""
    levels = _levels(samples)
    loud, quiet = np.percentile(levels, [95, 5])
    spoken = levels > max(loud - DEPTH, min(quiet + ABOVE_FLOOR, loud - DEPTH / 2))
    labels = np.zeros(len(levels), np.bool_)
    for start, end in stretches(spoken, PAUSE):
        if end - start >= SHORTEST:
            labels[start:end] = True
    return labels


def stretches(labels: Labels, pause: int = 1) -> list[Stretch]:
    """The runs of True; what lies less than `pause` frames apart is one."""
    edges = np.flatnonzero(np.diff(np.pad(labels.astype(np.int8), 1)))
    found: list[Stretch] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if found and start - found[-1][1] < pause:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def scene(clip: Clip, noise: Samples | None, snr: float, rng: np.random.Generator) -> Scene:
    """A clip with quiet before and after it, all under a noise so many dB below the speech."""
    whole = len(clip.samples) // HOP * HOP
    sound = clip.samples[:whole]
    labels = np.pad(speech_in_clean(sound), BEFORE)
    samples = np.pad(sound, BEFORE * HOP)
    if noise is not None:
        samples = samples + _under(samples, labels, noise, snr, rng)
    # Louder than 1 would be clipped, and heard otherwise by each detector.
    samples = samples / max(1.0, float(np.abs(samples).max()))
    return Scene(samples.astype(np.float32), labels)


def _under(
    samples: Samples, labels: Labels, noise: Samples, snr: float, rng: np.random.Generator
) -> Samples:
    at = int(rng.integers(max(1, len(noise) - len(samples))))
    piece = np.resize(noise[at : at + len(samples)], len(samples))
    spoken = samples.reshape(-1, HOP)[labels]
    power = float((spoken.astype(np.float64) ** 2).mean()) if spoken.size else 1e-4
    own = float((piece.astype(np.float64) ** 2).mean())
    gain = np.sqrt(power / max(own, 1e-12) * 10 ** (-snr / 10))
    return np.asarray(piece * gain, np.float32)


def _levels(samples: Samples) -> NDArray[np.float64]:
    """dB of each frame, with its neighbors'."""
    power = (samples.reshape(-1, HOP).astype(np.float64) ** 2).mean(axis=1)
    smooth = np.convolve(power, np.full(SMOOTHED, 1 / SMOOTHED), "same")
    return np.asarray(10 * np.log10(np.maximum(smooth, 1e-10)))
