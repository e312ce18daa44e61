"""The windows in which utterances are decoded: what lies in each, and whose its words are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable
from dataclasses import dataclass

import numpy as np

from sotto.audio.buffer import FrameBuffer
from sotto.audio.chunk import Mel, Speech
from sotto.audio.format import WINDOW_FRAMES
from sotto.interfaces.engine import HeardWord
from sotto.streaming.utterance import Utterance
from sotto.transcript.options import AudioContext

LEAST_WINDOW = 10
"""Frames; in less there is no word."""

ROOM = {AudioContext.EXACT: 0, AudioContext.MARGIN: 1_024, AudioContext.FULL: WINDOW_FRAMES}
"""Frames of several utterances that share a window of a file.

Windows without padding cost nothing to be apart. The margin is to be paid seldom; but attention
grows as the square, and on a CPU 10 s are heard at half the price of 30 s
(docs/decisions/0007-long-files.md). Where 30 s are paid for in any case, they are filled.
"""


@dataclass(frozen=True)
class Piece:
    """A part of an utterance inside a job's window."""

    utterance: Utterance
    start: int
    """Frame on the session's clock."""
    end: int
    offset: int
    """Where it begins in the window."""
    missing: int = 0
    """Frames of silence behind `end`."""

    @property
    def length(self) -> int:
        """Frames that it takes in the window."""
        return self.end + self.missing - self.start


def pack(utterances: Iterable[Utterance], limit: int) -> list[Piece]:
    """As many whole utterances, in order, as fit into a window of `limit` frames; at least one.

    Each brings its own silence before and after it, so that words do not touch.
    """
    pieces: list[Piece] = []
    used = 0
    for utterance in utterances:
        assert utterance.end is not None
        piece = Piece(utterance, utterance.window_start, utterance.end, used, utterance.missing)
        if pieces and used + piece.length > limit:
            break
        pieces.append(piece)
        used += piece.length
    return pieces


def ahead(
    utterances: Iterable[Utterance], out: Container[int], context: AudioContext, *, is_all: bool
) -> list[list[Piece]]:
    """The windows of what ended and is not out yet; not the last where more may come to fill it."""
    left = [
        one for one in utterances if one.end is not None and not one.final and one.id not in out
    ]
    limit, found = ROOM[context], []
    while left:
        pieces = pack(left, limit)
        if limit and len(pieces) == len(left) and not is_all:
            break
        found.append(pieces)
        left = left[len(pieces) :]
    return found


def sound_of(buffer: FrameBuffer, pieces: Iterable[Piece]) -> tuple[Mel, Speech]:
    """The mel of a window, and the speech in it but for the silence that is missing at its end."""
    parts = [buffer.window(piece.start, piece.end, missing=piece.missing) for piece in pieces]
    mel = np.concatenate([part.mel for part in parts])
    return mel, np.concatenate([part.speech for part in parts])


def is_empty(pieces: Iterable[Piece]) -> bool:
    """Whether there is too little sound left for a word."""
    return sum(piece.end - piece.start for piece in pieces) < LEAST_WINDOW


def share(
    pieces: tuple[Piece, ...], tail: Iterable[HeardWord]
) -> list[tuple[Piece, list[HeardWord]]]:
    """Each piece with the words whose middle lies in it; what lies behind all is the last one's."""
    borders = [piece.offset for piece in pieces[1:]]
    shares: list[list[HeardWord]] = [[] for _ in pieces]
    for heard in tail:
        middle = (heard.word.start + heard.word.end) // 2
        shares[bisect_right(borders, middle)].append(heard)
    return list(zip(pieces, shares, strict=True))
