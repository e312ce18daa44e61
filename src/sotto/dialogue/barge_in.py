"""Whether what is said into an answer is meant to stop it, or only says that one listens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import chain, groupby

from sotto.audio.format import FRAMES_PER_SECOND

SPEECH = FRAMES_PER_SECOND // 4
"""Frames of speech that stop an answer, whatever is said."""
PATIENCE = 2 * FRAMES_PER_SECOND
"""Frames from the beginning of speech, after which a held answer goes on if no word came."""
SETTLING = FRAMES_PER_SECOND
"""Frames from a session's first sound, in which the client's echo cancellation learns: what is
heard then may be the answer itself."""
NEARLY_OVER = FRAMES_PER_SECOND
"""Frames of an answer's sound: a `yes` into its last ones is said to it, not along with it."""

# fmt: off
BACK_CHANNEL: Mapping[str, tuple[str, ...]] = {
    "": ("mhm", "mm", "mm-hm", "hm", "uh-huh", "uhuh", "aha", "ah", "oh", "eh", "uh", "um", "ok",
         "okay"),
    "en": ("yeah", "yep", "yup", "yes", "right", "sure", "i see", "got it", "all right",
           "alright", "huh"),
    "es": ("sí", "vale", "ajá", "claro", "ya", "bien", "bueno", "entiendo", "ya veo",
           "de acuerdo"),
    "fr": ("oui", "ouais", "d'accord", "bien sûr", "euh", "hum", "je vois", "voilà", "entendu"),
    "zh": ("嗯", "对", "對", "哦", "噢", "喔", "啊", "好", "好的", "是", "是的", "行",
           "没错", "明白"),
    "ja": ("はい", "うん", "ええ", "ああ", "あー", "そう", "そうですね", "そうですか", "そうなんだ",
           "そっか", "なるほど", "へえ", "ふーん", "ほう", "おお"),
}
"""By language; those under no language are sounds that many share. Whoever listens says any of them
once or again, and lengthens it (`mmmm`): a run of one letter counts as one."""
# fmt: on
UNSPACED = ("zh", "ja")
"""Languages that write words without spaces between them."""

_ACCENTS = re.compile("[\u0300-\u036f]")


def _plain(text: str) -> str:
    """Lower case, without accents and marks, each run of a letter once, one space between words."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    bare = bare.replace("ー", "").replace("'", "").replace("’", "")
    letters = (letter if letter.isalnum() or _is_voicing(letter) else " " for letter in bare)
    words = "".join(letters).split()
    return " ".join("".join(letter for letter, _ in groupby(word)) for word in words)


def _is_voicing(letter: str) -> bool:
    return unicodedata.combining(letter) != 0


def _any(words: Iterable[str]) -> str:
    plain = sorted({_plain(word) for word in words}, key=len, reverse=True)
    return "|".join(map(re.escape, plain))


_SPACED = _any(chain(*(words for key, words in BACK_CHANNEL.items() if key not in UNSPACED)))
_SIGNS = _any(chain(*(BACK_CHANNEL[key] for key in UNSPACED)))
_WORDS = rf"(?:(?:{_SPACED})(?= |$)|(?:{_SIGNS}))"
_NOTHING_ELSE = re.compile(rf"(?:{_WORDS}(?: |$|(?=[^\W\da-z])))*")


def has_words(text: str) -> bool:
    """Whether anything is said, marks apart."""
    return any(character.isalnum() for character in text)


def is_meant(text: str) -> bool:
    """Whether there are words that are no back-channel words, of whatever language."""
    return not _NOTHING_ELSE.fullmatch(_plain(text))
