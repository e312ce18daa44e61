"""Words as tokens that a session can hand back as a prefix; and where that ends in what is heard.

Another server's own tokens are unknown, so a token here is up to five bytes of a word's UTF-8:
about as much text as one of Whisper's holds, so that who counts tokens to find loops counts alike.
Before the bytes, as the number's highest byte, stands whether a word begins with them. All are
below 2^53, so that JSON keeps them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate

from sotto.errors import EngineFailed
from sotto.plugins.engines.tokenizer import Piece

GOES_ON, BEGINS = 1, 2
BYTES = 5
TOKENS = (BEGINS + 1) << 8 * BYTES
"""Every token is below it."""


def tokens_of(text: str) -> tuple[int, ...]:
    """The tokens of one word, with its leading space."""
    data = text.encode()
    parts = [data[at : at + BYTES] for at in range(0, len(data), BYTES)]
    marks = [BEGINS, *[GOES_ON] * (len(parts) - 1)]
    return tuple(
        int.from_bytes(bytes([mark]) + part, "big")
        for mark, part in zip(marks, parts, strict=False)
    )


def words_of(tokens: Sequence[int]) -> list[Piece]:
    """The words again, each with its tokens. Raises EngineFailed where they are not ours."""
    words: list[list[int]] = []
    for token in tokens:
        mark, _ = _parts(token)
        if mark == BEGINS:
            words.append([])
        elif mark != GOES_ON or not words:
            raise EngineFailed(f"expected a prefix of words, got token {token}")
        words[-1].append(token)
    return [(_text(word), tuple(word)) for word in words]


def prefix_end(prefix: Sequence[str], heard: Sequence[str]) -> int:
    """How many of the heard words say again what the prefix says.

    That beginning of them is taken which is the nearest to the prefix, in words to insert, leave
    out or replace (Levenshtein 1966, "Binary Codes Capable of Correcting Deletions, Insertions, and
    Reversals"); of several the longest, so that nothing is said twice. Case and punctuation do not
    count.
    """
    if not prefix:
        return 0
    said, wanted = [_plain(word) for word in heard], [_plain(word) for word in prefix]
    costs = list(range(len(said) + 1))
    for word in wanted:
        kept = [
            min(above + 1, before + (word != other))  # left out; said again, or replaced
            for other, before, above in zip(said, costs, costs[1:], strict=False)
        ]
        costs = list(accumulate([costs[0] + 1, *kept], lambda left, cost: min(left + 1, cost)))
    return len(costs) - 1 - costs[::-1].index(min(costs))


def _parts(token: int) -> tuple[int, bytes]:
    """Mark and text; the mark 0 where it is no token of ours."""
    if not GOES_ON << 8 <= token < TOKENS:
        return 0, b""
    data = token.to_bytes(BYTES + 1, "big").lstrip(b"\0")
    return data[0], data[1:]


def _text(word: Sequence[int]) -> str:
    try:
        return b"".join(_parts(token)[1] for token in word).decode()
    except UnicodeDecodeError:
        raise EngineFailed("expected a prefix of UTF-8, got other bytes") from None


def _plain(word: str) -> str:
    """Its letters and numbers; of a word that has none, all but its spaces."""
    folded = word.casefold().strip()
    letters = "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")
    return letters or folded
