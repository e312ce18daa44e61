"""From tokens that were decoded and aligned to words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sotto.interfaces.engine import DecodeJob, HeardWord
from sotto.plugins.engines.alignment import means, word_spans
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.transcript.words import Word


@dataclass(frozen=True)
class Told:
    """What was decoded for one window, and where it lies."""

    tokens: tuple[int, ...]
    """The forced prefix and what follows it, without the end token."""
    path: Sequence[tuple[int, int]]
    """(token, encoder position), the end token after the last one."""
    probabilities: Sequence[float]
    """Of each token, given those before it."""


def words_of(
    job: DecodeJob, told: Told, language: str, tokenizer: WhisperTokenizer
) -> tuple[HeardWord, ...]:
    """The prefix and the rest are split apart: words may not grow across their border."""
    border = len(job.prefix)
    pieces = [
        piece
        for tokens in (told.tokens[:border], told.tokens[border:])
        for piece in tokenizer.words(tokens, language)
    ]
    lengths = [len(tokens) for _, tokens in pieces]
    spans = word_spans(told.path, lengths, len(job.mel))
    probabilities = means(told.probabilities, lengths)
    return tuple(
        HeardWord(Word(text, start, end, probability), tokens)
        for (text, tokens), (start, end), probability in zip(
            pieces, spans, probabilities, strict=True
        )
    )
