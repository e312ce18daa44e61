"""Text ↔ tokens for training: Whisper's special tokens around a byte-level BPE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from sotto.audio.format import FRAMES_PER_TOKEN, WINDOW_FRAMES, exact_div, seconds
from sotto.errors import BadOption
from sotto.transcript.languages import LANGUAGES
from sotto.transcript.options import Task

FILE = "tokenizer.json"
TIMESTAMPS = exact_div(WINDOW_FRAMES, FRAMES_PER_TOKEN) + 1  # 1,501
_YOUNGER = frozenset({"yue"})
"""Languages that only large-v3's vocabulary has: the hundredth."""

SPECIALS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES if code not in _YOUNGER),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{seconds(frame):.2f}|>" for frame in range(0, WINDOW_FRAMES + 1, FRAMES_PER_TOKEN)),
)
"""In Whisper's order, after the pieces of text."""


@dataclass(frozen=True)
class Vocabulary:
    """A checkpoint's tokens."""

    tokenizer: Tokenizer

    def __post_init__(self) -> None:
        # Else a text could smuggle in <|endoftext|>.
        self.tokenizer.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        """Its tokens, as those of words that follow others: with a space before the first."""
        ids: list[int] = self.tokenizer.encode(f" {text.strip()}", add_special_tokens=False).ids
        return ids if text.strip() else []

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        text: str = self.tokenizer.decode([token for token in ids if token < self.eot])
        return text.strip()

    def start(self, language: str, task: Task = Task.TRANSCRIBE) -> list[int]:
        """What a transcript begins with; `<|notimestamps|>` or a time follows."""
        return [self.sot, self.language(language), self._id(f"<|{task}|>")]

    def language(self, code: str) -> int:
        """Raises BadOption where the vocabulary has no token for it."""
        return self._id(f"<|{code}|>")

    def timestamp(self, frame: int) -> int:
        """A place in the window, in frames, to the nearest 20 ms."""
        nearest = min(round(frame / FRAMES_PER_TOKEN), TIMESTAMPS - 1)
        return self.no_timestamps + 1 + nearest

    @cached_property
    def eot(self) -> int:
        """The end; every text token is smaller, every special one greater."""
        return self._id("<|endoftext|>")

    @cached_property
    def sot(self) -> int:
        """The begin, after the prompt."""
        return self._id("<|startoftranscript|>")

    @cached_property
    def previous(self) -> int:
        """What a prompt begins with."""
        return self._id("<|startofprev|>")

    @cached_property
    def no_speech(self) -> int:
        """In place of a language, where nobody speaks."""
        return self._id("<|nospeech|>", "<|nocaptions|>")

    @cached_property
    def no_timestamps(self) -> int:
        """The last token before the times."""
        return self._id("<|notimestamps|>")

    @property
    def size(self) -> int:
        """With all times, which early files do not list."""
        return self.no_timestamps + 1 + TIMESTAMPS

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`."""
        self.tokenizer.save(str(folder / FILE))

    def _id(self, *names: str) -> int:
        for name in names:
            token: int | None = self.tokenizer.token_to_id(name)
            if token is not None:
                return token
        raise BadOption("model", f"expected a vocabulary with {' or '.join(names)}, got none")


def learn_vocabulary(texts: Iterable[str], size: int) -> Vocabulary:
    """A byte-level BPE of `size` pieces, with Whisper's special tokens after them.

    Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; over bytes
    as in Radford et al. 2019, so that any text can be written. The same texts give the same pieces.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=size,
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((f" {text}" for text in texts), trainer)
    missing = size - tokenizer.get_vocab_size()
    # Few texts give few pieces; the rest is filled, so that special tokens lie where size says.
    tokenizer.add_tokens([AddedToken(f"<|unused{number}|>") for number in range(missing)])
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIALS])
    return Vocabulary(tokenizer)


def read_vocabulary(folder: Path) -> Vocabulary:
    """That of a checkpoint's folder. Raises BadOption."""
    path = folder / FILE
    if not path.is_file():
        raise BadOption("model", f"expected a file {path}, got none")
    return Vocabulary(Tokenizer.from_file(str(path)))
