"""From what the decoder listened to, to where its tokens lie in the sound.

After openai/whisper's `timing.py` and CTranslate2's `align`, which agree: the attention of the
heads that listen to where a token is said is standardized over the tokens, smoothed, averaged, and
warped dynamically (Sakoe and Chiba 1978, "Dynamic Programming Algorithm Optimization for Spoken
Word Recognition").
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pairs: TypeAlias = list[tuple[int, int]]
"""Of token and encoder position, both never running backwards."""

REACH = 3
"""Positions on either side that the median filter looks at."""
_EXCHANGES = (
    *((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6)),
    *((2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)),
)
"""Which of seven values to put in order, one pair after the other, so that the fourth is their
median: the fewest that do (Devillard 1998, "Fast median search: an ANSI C implementation")."""
_TINY = np.float32(1e-12)


def warping_path(attention: NDArray[np.float32], *, before: int = 0, after: int = 0) -> Pairs:
    """The path from the first token at the first position to the last at the last.

    `attention`: [heads, before + tokens + after, positions], after softmax; the positions are
    those of real sound. A token's row is what the decoder listened to when it chose that token;
    the last one is the end. Rows before and after them are not aligned, but count for how much
    attention a position gets anyway: CTranslate2 has there what the decoder listened to when it
    read all of the start sequence but its last token, and the end token. Without the first ones
    the words lie elsewhere (180 ms on average for `nano`), without the last a little (6 ms).
    """
    matrix = _standardized(attention)
    if matrix.shape[2] > REACH:
        matrix = _smoothed(matrix)
    aligned = matrix[:, before : matrix.shape[1] - after]
    return cheapest_path(-aligned.mean(axis=0, dtype=np.float64))


def _standardized(attention: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each position's attention over the tokens as deviations from its mean."""
    # What went to positions after the sound is as if it had not been.
    shares = attention / np.maximum(attention.sum(axis=2, keepdims=True), _TINY)
    shares -= shares.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.square(shares).mean(axis=1, keepdims=True))
    standardized: NDArray[np.float32] = shares / np.maximum(deviation, _TINY)
    return standardized


def _smoothed(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of seven positions each, mirrored at the edges."""
    count = matrix.shape[2]
    mirrored = np.concatenate(
        [matrix[..., REACH:0:-1], matrix, matrix[..., -2 : -2 - REACH : -1]], axis=2
    )
    values = [mirrored[..., shift : shift + count] for shift in range(2 * REACH + 1)]
    for low, high in _EXCHANGES:
        one, other = values[low], values[high]
        values[low], values[high] = np.minimum(one, other), np.maximum(one, other)
    return values[REACH]


def cheapest_path(costs: NDArray[np.float64]) -> Pairs:
    """The path of least cost: from one pair, the next token, the next position, or both next.

    A row of the table at a time: D[i, j] = c[i, j] + min(m[j], D[i, j-1]), where m[j] is the better
    of D[i-1, j-1] and D[i-1, j], is S[j] + min over k <= j of (m[k] - S[k-1]), where S are the sums
    of the row's costs: k is where the path enters the row.
    """
    tokens, positions = costs.shape
    sums = costs.cumsum(axis=1)
    skipped = sums - costs
    entries = np.empty_like(costs)
    totals = np.empty_like(costs)
    better = np.full(positions, np.inf)
    better[0] = 0.0
    for token in range(tokens):
        np.subtract(better, skipped[token], out=entries[token])
        np.minimum.accumulate(entries[token], out=totals[token])
        total = totals[token]
        total += sums[token]
        better[0] = total[0]
        np.minimum(total[1:], total[:-1], out=better[1:])
    return _walked_back(entries, totals)


def _walked_back(entries: NDArray[np.float64], totals: NDArray[np.float64]) -> Pairs:
    path: Pairs = []
    position = entries.shape[1] - 1
    for token in range(len(entries) - 1, -1, -1):
        entry = int(entries[token, : position + 1].argmin())
        path.extend((token, place) for place in range(position, entry - 1, -1))
        position = entry
        if token and entry and totals[token - 1, entry - 1] < totals[token - 1, entry]:
            position -= 1
    path.reverse()
    return path
