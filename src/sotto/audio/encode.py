"""Samples → raw bytes, as `audio/format.py` reads them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sotto.audio.format import Encoding, PcmFormat, PcmReader, Samples

_S16_SCALE = 32_768


def to_s16(samples: Samples) -> bytes:
    """s16le. What lies outside -1..1 is clipped; what was s16le before is the same again."""
    return _s16(samples).tobytes()


def to_mulaw(samples: Samples) -> bytes:
    """One byte a sample: of the levels of ITU-T G.711, table 2a, the nearest."""
    return _codes(Encoding.MULAW).take(_s16(samples).view("<u2")).tobytes()


def to_alaw(samples: Samples) -> bytes:
    """One byte a sample: of the levels of ITU-T G.711, table 1a, the nearest."""
    return _codes(Encoding.ALAW).take(_s16(samples).view("<u2")).tobytes()


def _s16(samples: Samples) -> NDArray[Any]:
    whole = np.rint(samples * np.float32(_S16_SCALE))
    s16: NDArray[Any] = np.clip(whole, -_S16_SCALE, _S16_SCALE - 1).astype("<i2")
    return s16


@cache
def _codes(encoding: Encoding) -> NDArray[np.uint8]:
    """uint8[65536]: the byte of each sample of 16 bits, by its bits.

    Of mu-law's two zeros it is the positive one, 0xFF.
    """
    downwards = np.arange(255, -1, -1, dtype=np.uint8)
    levels, first = np.unique(
        PcmReader(PcmFormat(encoding, 8_000)).receive(downwards.tobytes()), return_index=True
    )
    between = (levels[:-1] + levels[1:]) / 2 * _S16_SCALE
    nearest = np.searchsorted(between, np.arange(2**16, dtype=np.uint16).view("<i2"))
    codes: NDArray[np.uint8] = downwards[first][nearest]
    return codes
