"""A vocabulary of Whisper's size, of words that nobody has said before.

Whisper's own is not made here but downloaded with a checkpoint, and so is not at hand where none
can be downloaded. This one has its special tokens at the same ids, and bytes, so that any text can
be written. All else are syllables, and words of two and three of them that begin with a space.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice, product

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from sotto.training.data.vocabulary import SPECIALS, Vocabulary

PIECES = 50_257
"""Tokens of text in the vocabulary of Whisper's multilingual checkpoints."""
LATEST, AFTER_LANGUAGES = "<|yue|>", "<|translate|>"
"""The language that came with the third version, and what follows the languages."""
_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_VOWELS = "aeiou"
_SPACE = "Ġ"  # how byte-level BPE writes it
_SEED = 6


def invented_vocabulary(*, third: bool = False) -> Vocabulary:
    """51,865 tokens; of Whisper's third version one more, a language. The same each time."""
    merges = list(islice(_merges(), PIECES - 1 - len(ByteLevel.alphabet())))
    # By the empty piece, Whisper's last one, CTranslate2 knows that it knows languages.
    pieces = [*sorted(ByteLevel.alphabet()), *(left + right for left, right in merges), ""]
    vocab = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    names = [*SPECIALS]
    if third:
        names.insert(names.index(AFTER_LANGUAGES), LATEST)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])
    return Vocabulary(tokenizer)


def chosen_words(vocabulary: Vocabulary, count: int) -> list[int]:
    """So many different words of three syllables, whole tokens each; the same each time."""
    first = vocabulary.encode("babeba")[0]
    return random.Random(_SEED).sample(range(first, PIECES - 1), count)


def _merges() -> Iterator[tuple[str, str]]:
    """Syllables, then those that begin a word, then longer and longer words."""
    syllables = ["".join(letters) for letters in product(_CONSONANTS, _VOWELS)]
    yield from ((syllable[0], syllable[1]) for syllable in syllables)
    starts = [_SPACE]
    while True:
        yield from product(starts, syllables)
        starts = [start + syllable for start, syllable in product(starts, syllables)]
