"""The clip that the client's tests speak, and a client that soon tries again."""

from __future__ import annotations

from sotto.client import Patience
from tests.speech import CLIP, pcm_s16le

PCM = pcm_s16le(CLIP)
SOON = Patience(tries=1_000, waits=(0.02,))
HANGS = 120.0
"""Seconds after which a test has failed that waits for ever."""


def pieces() -> list[bytes]:
    """Of 100 ms."""
    step = PCM.rate // 10 * 2
    return [PCM.data[at : at + step] for at in range(0, len(PCM.data), step)]
