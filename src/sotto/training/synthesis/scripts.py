"""What synthesized speech says: sentences of files, or strings of words drawn at random."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, Protocol, TypeAlias, TypeVar

from sotto.errors import BadOption
from sotto.training.evaluation.scoring import normalize

DEV_SHARE = 20
"""One text of twenty is for dev."""
_LENGTHS, _TRIES = 50, 200
"""How often a string is drawn again that belongs to the other split: 0.95**200 is 0.00004."""
_COMMAS = 0.3
"""How often a comma stands between two words, in every second string."""
_BRACKETS = frozenset("()[]{}<>")

Split: TypeAlias = Literal["train", "dev"]
Key: TypeAlias = tuple[object, ...]
"""What a draw depends on."""
T = TypeVar("T")


@dataclass(frozen=True)
class Script:
    """One text, twice."""

    spoken: str
    """With the commas that make a voice pause."""
    written: str
    """The transcript."""


class Pool(Protocol):
    """The texts of one split."""

    def script(self, key: Key, number: int) -> Script:
        """What a clip says; a function of the key and the clip's number."""
        ...


class Draw:
    """Random values that depend on a key alone.

    All are made of `Random.random`, the one method whose values Python promises to keep.
    """

    def __init__(self, *key: object) -> None:
        self._random = Random("/".join(map(str, key)))

    def share(self) -> float:
        """0 to less than 1."""
        return self._random.random()

    def between(self, span: tuple[float, float]) -> float:
        """Evenly from one to the other."""
        return span[0] + (span[1] - span[0]) * self.share()

    def one(self, items: Sequence[T]) -> T:
        """Any of them."""
        return items[int(self.share() * len(items))]


class Sentences:
    """Each is said once before any is said again."""

    def __init__(self, lines: Iterable[str], never: frozenset[str], split: Split | None) -> None:
        """`split` is None where there is only one."""
        self.lines = tuple(line for line in lines if _belongs(normalize(line), never, split))
        self._orders: dict[Key, tuple[str, ...]] = {}

    def script(self, key: Key, number: int) -> Script:
        """The sentence, as it is written."""
        if not self.lines:
            raise BadOption("sentences", "expected sentences for each split, got too few")
        turn, place = divmod(number, len(self.lines))
        line = self._order((*key, turn))[place]
        return Script(line, line)

    def _order(self, key: Key) -> tuple[str, ...]:
        if key not in self._orders:
            salt = "/".join(map(str, key))
            self._orders[key] = tuple(sorted(self.lines, key=lambda line: _hash(f"{salt}/{line}")))
        return self._orders[key]


@dataclass(frozen=True)
class Strings:
    """Words in any order."""

    vocabulary: tuple[str, ...]
    length: tuple[int, int]
    """Words: from, to."""
    never: frozenset[str]
    split: Split | None
    """None where there is only one."""

    def script(self, key: Key, number: int) -> Script:
        """The words, in half of all strings with commas that are not written."""
        draw = Draw(*key, number, "words")
        for _ in range(_LENGTHS):
            count = int(draw.between((self.length[0], self.length[1] + 1)))
            for _ in range(_TRIES):
                words = [draw.one(self.vocabulary) for _ in range(count)]
                plain = normalize(" ".join(words))
                if " " not in plain or _belongs(plain, self.never, self.split):
                    return Script(_with_commas(words, draw), " ".join(words))
        raise BadOption(
            "vocabulary", f"expected words for enough strings, got {len(self.vocabulary)}"
        )


def read_sentences(files: Iterable[Path], longest: int, words: tuple[int, int]) -> tuple[str, ...]:
    """The lines, each once, of up to `longest` characters, without brackets. Raises BadOption."""
    found: dict[str, None] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadOption("sentences", f"cannot read {file}: {error}") from error
        found.update(dict.fromkeys(map(str.strip, text.splitlines())))
    return tuple(
        line
        for line in found
        if len(line) <= longest
        and not _BRACKETS & set(line)
        and words[0] <= len(normalize(line).split()) <= words[1]
    )


def _belongs(plain: str, never: frozenset[str], split: Split | None) -> bool:
    """Whether a normalized text may be said in a split."""
    if plain in never:
        return False
    return split is None or (split == "dev") == (_hash(plain) % DEV_SHARE == 0)


def _with_commas(words: Sequence[str], draw: Draw) -> str:
    share = _COMMAS if draw.share() < 0.5 else 0.0
    head = [word + ("," if draw.share() < share else "") for word in words[:-1]]
    return " ".join([*head, words[-1]])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
