"""Whisper's tokens: text to ids, ids to text, ids to words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from tokenizers import Tokenizer

from sotto.errors import ModelUnavailable
from sotto.transcript.languages import LANGUAGES
from sotto.transcript.options import Task

Piece: TypeAlias = tuple[str, tuple[int, ...]]
"""A text and the tokens that it is written with."""

FILE = "tokenizer.json"
TIMESTAMPS = 1_501  # <|0.00|> to <|30.00|> in steps of 20 ms
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages that are written without spaces between words."""

_OPENING = frozenset("\"'“‘„«‹¿¡([{（［｛「『《〈【-–—")
_CLOSING = frozenset("\"'”’»›.,!?:;)]}…。、，．！？：；）］｝」』》〉】؟،؛।")
_UNDECODABLE = "\N{REPLACEMENT CHARACTER}"
_LONGEST_CHARACTER = 4  # bytes of UTF-8, and so tokens, of one character
_GPT2_END = 50_256


class WhisperTokenizer:
    """The `tokenizer.json` of a checkpoint's folder. Raises ModelUnavailable."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._tokenizer = _load(self._path)
        # Else a prompt could smuggle in <|startoftranscript|>.
        self._tokenizer.encode_special_tokens = True
        self.eot = self._id("<|endoftext|>")
        self.sot = self._id("<|startoftranscript|>")
        self.translate = self._id("<|translate|>")
        self.transcribe = self._id("<|transcribe|>")
        self.start_of_prev = self._id("<|startofprev|>")
        self.no_speech = self._id("<|nospeech|>", "<|nocaptions|>")
        self.no_timestamps = self._id("<|notimestamps|>")
        first = self.no_timestamps + 1  # early files do not list the timestamps
        self.timestamps = range(first, first + TIMESTAMPS)
        self.languages = {
            code: token
            for code in LANGUAGES
            if (token := self._tokenizer.token_to_id(f"<|{code}|>")) is not None
        }
        """Code → token."""
        self.specials = tuple(range(self.eot + 1, self.timestamps.stop))
        """Every token that stands for no text, but for the end token."""

    @property
    def english_only(self) -> bool:
        """Whether it is that of the `.en` checkpoints, which know no language and task tokens.

        Those use GPT-2's own vocabulary, the multilingual ones one that has a token more.
        """
        return self.eot == _GPT2_END

    def start(self, language: str, task: Task) -> list[int]:
        """The tokens that begin a transcript, without <|notimestamps|>."""
        if self.english_only:
            return [self.sot]
        tasks = {Task.TRANSCRIBE: self.transcribe, Task.TRANSLATE: self.translate}
        return [self.sot, self.languages[language], tasks[task]]

    def encode(self, text: str) -> list[int]:
        """The text's tokens; what looks like a special token is text as well."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [token for token in ids if token < self.eot]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special ones; bytes that are no UTF-8 become U+FFFD."""
        text: str = self._tokenizer.decode([token for token in tokens if token < self.eot])
        return text

    def words(self, tokens: Sequence[int], language: str) -> list[Piece]:
        """The tokens as words with their leading spaces, punctuation at the word it belongs to.

        In languages that are written without spaces each character counts as a word, or as many
        of them as one token holds. A character that is cut off at the end is left out.
        """
        words: list[Piece] = []
        for text, piece in _with_spaces(self._pieces(tokens)):
            if words and (_waits(words[-1][0]) or not _begins_word(text, language)):
                before, ids = words.pop()
                words.append((before + text, ids + piece))
            else:
                words.append((text, piece))
        return _close(words)

    def _pieces(self, tokens: Sequence[int]) -> Iterator[Piece]:
        """The fewest tokens at a time that form whole characters."""
        held: tuple[int, ...] = ()
        for token in tokens:
            held += (token,)
            text = self.decode(held)
            if _UNDECODABLE not in text or len(held) == _LONGEST_CHARACTER:
                yield text, held
                held = ()

    def _id(self, *names: str) -> int:
        for name in names:
            token: int | None = self._tokenizer.token_to_id(name)
            if token is not None:
                return token
        raise ModelUnavailable(f"{self._path}: expected a token {' or '.join(names)}, got none")


def _load(path: Path) -> Tokenizer:
    if not path.is_file():
        raise ModelUnavailable(f"expected a file {path}, got none")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelUnavailable(f"{path}: {error}") from error


def _with_spaces(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces, where spaces that have a token of their own are joined to what follows."""
    held: Piece = ("", ())
    for text, piece in pieces:
        held = (held[0] + text, held[1] + piece)
        if not held[0].isspace():
            yield held
            held = ("", ())
    if held[1]:
        yield held


def _waits(text: str) -> bool:
    """Whether a word so far is but opening punctuation, or a space that nothing follows."""
    return _OPENING.issuperset(text.strip())


def _begins_word(text: str, language: str) -> bool:
    stripped = text.strip()
    if stripped and _CLOSING.issuperset(stripped):
        return text[0].isspace() and _OPENING.issuperset(stripped)  # ' "' opens a quotation
    if language in UNSPACED:
        return not unicodedata.category(text[0]).startswith("M")  # vowel signs of Thai and Lao
    return text[:1].isspace()


def _close(words: list[Piece]) -> list[Piece]:
    """The words once nothing follows: what waited for another one belongs to the one before."""
    if words and _waits(words[-1][0]):
        text, ids = words.pop()
        if words:
            before, earlier = words.pop()
            words.append((before + text, earlier + ids))
        elif text.strip():
            words.append((text, ids))
    return [(text.rstrip(), ids) for text, ids in words]
