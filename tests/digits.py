"""The digits of the clip that ships, said in any order."""

from __future__ import annotations

from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

RATE = 16_000
DIGITS = CLIP_TEXT.split()
_EDGES = (0.0, 1.05, 2.12, 3.4, 4.46, 5.6, 7.0)
"""Seconds, in the silence between its digits."""
_TIGHT = ((0.0, 0.78), (1.31, 1.89), (2.36, 3.18), (3.65, 4.23), (4.70, 5.36), (5.82, 6.54))
"""Seconds of each digit without the silence around it."""


def spoken(*digits: str) -> bytes:
    """Raw samples as the clip has them: 16-bit little-endian, 16 kHz, mono."""
    sound = pcm_s16le(CLIP).data
    at = [2 * round(edge * RATE) for edge in _EDGES]
    places = map(DIGITS.index, digits)
    return b"".join(sound[at[place] : at[place + 1]] for place in places)


def orders() -> list[tuple[str, ...]]:
    """Eight orders of the digits, no two alike: six that begin elsewhere, two from behind."""
    turned = [tuple(DIGITS[n:] + DIGITS[:n]) for n in range(len(DIGITS))]
    return [*turned, turned[0][::-1], turned[3][::-1]]


def monologue(rounds: int) -> bytes:
    """All digits over and over, without a pause that would end an utterance."""
    sound = pcm_s16le(CLIP).data
    said = [sound[2 * round(a * RATE) : 2 * round(b * RATE)] for a, b in _TIGHT]
    return b"".join(said) * rounds
