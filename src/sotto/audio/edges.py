"""Speech seen in a spectrogram: its edges cross many bands at once.

Where only an image exists, no detector can listen. Sobel's operator finds how steeply the image
changes at each place; a frame in which that happens in enough bands is one of speech.
Source of the rule and its numbers: wavey-ai/mel-spec, src/vad.rs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sotto.audio.chunk import Mel, MelChunk, Speech
from sotto.audio.mel import DYNAMIC_RANGE, normalize
from sotto.audio.mel8 import MAX_FRAMES

MAJORITY = 0.5
"""What frames are given at least that the rule calls speech."""
OPENS = 0.375
"""From which on speech begins in an image that was cut at speech, so that doubt speaks for it.
On 800 s of LibriSpeech the frames that Silero calls speech have this in 96 of 100 cases (clean; 95
on test-other) and MAJORITY in 91 (89)."""
RELEASES = 0.25
"""Below which speech pauses in such an image."""
LOUD = 0.0
"""Raw log10 power that a spectrogram which grows is taken to have had already: speech as loud as
people record it comes to 1 or 2, and 16-bit silence lies below -8."""

_SHORTEST = 10
"""Frames; what rises for less is no word."""
_BLOCK = 4096
"""Frames at once, so that a long image takes little more memory than a short one."""


@dataclass(frozen=True)
class EdgeOptions:
    """The original's numbers."""

    min_energy: float = 0.98
    """The least gradient of an edge, in units of Whisper's normalized log-mel."""
    min_y: int = 11
    """Bands that edges must cross in one frame."""
    min_mel: int = 2
    """Bands below this one are not looked at: low frequencies rumble."""
    reach: int = 4
    """Frames to either side that have a vote."""
    min_x: int = 5
    """Frames; less speech than this in a row is none."""


def heard_in(mel: Mel) -> MelChunk:
    """Raw mel, float32[n, n_mels], that somebody cut at speech, with its probability.

    Where nothing in it looks like speech, all of it is doubtful instead of lost: it is decoded, and
    only words that are sure are believed.
    """
    speech = speech_in(mel)
    if not _in_runs(speech >= OPENS, _SHORTEST).any():
        speech = np.full(len(mel), OPENS, np.float32)
    return MelChunk(0, mel, speech)


def speech_in(mel: Mel, options: EdgeOptions | None = None) -> Speech:
    """float32[n], 0..1: how many bands are crossed around each frame, where min_y give ½.

    `mel` is raw, float32[n, n_mels]. The original says yes or no; what stays below its threshold
    still differs: soft speech from silence.
    """
    return _speech(normalize(mel), options or EdgeOptions())


class EdgeStream:
    """`speech_in` of a spectrogram that grows; over the whole of it the same however it is cut.

    Whisper clamps below the loudest value of a window; here it is the loudest so far, and at least
    LOUD, so that what digital silence is made of has no edges before somebody speaks.
    """

    def __init__(self, n_mels: int) -> None:
        self._options = EdgeOptions()
        self._context = 1 + self._options.reach + self._options.min_x - 1
        """9 frames to either side, on which a frame's probability depends."""
        self._values: Mel = np.empty((0, n_mels), np.float32)
        """Normalized: those that are not told yet, and as many before them as they depend on."""
        self._told = 0
        """Frames of `_values` whose probability is told."""
        self._loudest = np.float32(LOUD)

    def receive(self, mel: Mel) -> Speech:
        """float32[k]: the next frames' probabilities; those of the last 9 frames wait."""
        self._take(mel)
        return self._tell(len(self._values) - self._context)

    def release(self) -> Speech:
        """float32[k]: the rest, as if the spectrogram ended here; it may still go on."""
        return self._tell(len(self._values))

    def _take(self, mel: Mel) -> None:
        if not len(mel):
            return
        loudest = np.maximum.accumulate(np.maximum(mel.max(axis=1), self._loudest))
        self._loudest = loudest[-1]
        values = (np.maximum(mel, loudest[:, None] - np.float32(DYNAMIC_RANGE)) + 4.0) / 4.0
        self._values = np.concatenate([self._values, values])

    def _tell(self, end: int) -> Speech:
        if end <= self._told:
            return np.empty(0, np.float32)
        speech = _speech(self._values, self._options)[self._told : end]
        first = max(end - self._context, 0)
        self._values, self._told = self._values[first:].copy(), end - first
        return speech


class WholeEdges:
    """`heard_in` of a spectrogram that comes in parts, as if they had come as one.

    Up to MAX_FRAMES, as many as one image may have, are looked at at once.
    """

    def __init__(self, n_mels: int) -> None:
        self._parts: list[Mel] = [np.empty((0, n_mels), np.float32)]
        self._held = 0
        """Frames of the parts, of which none is told yet."""

    def receive(self, mel: Mel) -> Speech:
        """float32[k]: the probabilities of the parts before, where this one is too much."""
        told = self._nothing if self._held + len(mel) <= MAX_FRAMES else self.release()
        self._parts.append(mel)
        self._held += len(mel)
        return told

    def release(self) -> Speech:
        """float32[k]: those of all that came; what comes then is looked at by itself."""
        if not self._held:
            return self._nothing
        speech = heard_in(np.concatenate(self._parts)).speech
        self._parts, self._held = self._parts[:1], 0
        return speech

    @property
    def _nothing(self) -> Speech:
        return np.empty(0, np.float32)


def _speech(values: Mel, options: EdgeOptions) -> Speech:
    bands = _crossed(values, options)
    # Whole numbers: a sum of fractions would depend on where it begins.
    degree = _mean(np.minimum(bands, 2 * options.min_y), options.reach) / (2 * options.min_y)
    return np.where(_spoken(bands, options), np.maximum(degree, MAJORITY), degree).astype(
        np.float32
    )


def _spoken(bands: NDArray[np.int64], options: EdgeOptions) -> NDArray[np.bool_]:
    """Half of the frames around have enough bands, and so for long enough."""
    votes = _mean(bands >= options.min_y, options.reach)
    return _in_runs(votes >= MAJORITY, options.min_x)


def _crossed(values: Mel, options: EdgeOptions) -> NDArray[np.int64]:
    """int64[n]: bands crossed by edges; the outermost frames have no gradient, and the next's.

    Values are normalized, float32[n, n_mels].
    """
    n = len(values)
    if n < 3:
        return np.zeros(n, np.int64)
    values = values[:, options.min_mel :]
    starts = range(0, n - 2, _BLOCK)
    edges = (_edges(values[lo : lo + _BLOCK + 2], options.min_energy) for lo in starts)
    return np.pad(np.concatenate([block.sum(axis=1, dtype=np.int64) for block in edges]), 1, "edge")


def _edges(values: Mel, min_energy: float) -> NDArray[np.bool_]:
    """bool[n - 2, n_mels - 2]: where the gradient is steep. Values are float32[n, n_mels]."""
    over_bands = values[:, :-2] + 2 * values[:, 1:-1] + values[:, 2:]
    over_time = values[:-2] + 2 * values[1:-1] + values[2:]
    along_time = over_bands[2:] - over_bands[:-2]
    along_bands = over_time[:, 2:] - over_time[:, :-2]
    steep: NDArray[np.bool_] = along_time**2 + along_bands**2 >= min_energy**2
    return steep


def _mean(values: NDArray[np.int64] | NDArray[np.bool_], reach: int) -> NDArray[np.float64]:
    """float64[n]: the mean within reach of each place, fewer at the ends."""
    sums = np.concatenate([[0], np.cumsum(values)])
    places = np.arange(len(values))
    first = np.maximum(places - reach, 0)
    last = np.minimum(places + reach + 1, len(values))
    mean: NDArray[np.float64] = (sums[last] - sums[first]) / (last - first)
    return mean


def _in_runs(mask: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """bool[n]: the True places that have at least so many in a row."""
    if not len(mask):
        return mask
    padded = np.pad(mask, least - 1)
    whole = sliding_window_view(padded, least).all(axis=1)
    runs: NDArray[np.bool_] = np.asarray(sliding_window_view(whole, least).any(axis=1))
    return runs
