"""Any rate → 16 kHz, piece by piece.

The filter is libsoxr's "high quality" preset: its passband ends at 91 % of the lower rate's half,
its stopband lies 125 dB down. It holds sound back: about 40 ms from 44.1 and 48 kHz, 110 ms from
8 kHz.
"""

from __future__ import annotations

import numpy as np
import soxr

from sotto.audio.format import SAMPLE_RATE, Samples


class Resampler:
    """One stream of mono samples on its way to 16 kHz.

    The concatenated output is the same however the input is cut. Samples outside -1..1 are
    clipped, as any decoder to 16 bits does: beyond it lie no sounds, but overflows of float32.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        """Samples a second of the input."""
        self._stream = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1)

    def receive(self, samples: Samples) -> Samples:
        """What of the output became known by these; all of them where the rate is 16 kHz."""
        return self._process(np.clip(samples, -1.0, 1.0), last=False)

    def finish(self) -> Samples:
        """What was still held back."""
        return self._process(np.empty(0, np.float32), last=True)

    def _process(self, samples: Samples, *, last: bool) -> Samples:
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(samples, last=last)
        return resampled
