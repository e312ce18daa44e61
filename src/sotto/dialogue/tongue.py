"""In which language a phrase is spoken."""

from __future__ import annotations

from collections import Counter

from sotto.dialogue.scripts import script

SIGN_WEIGHT = 3
"""Letters that a Chinese, Japanese or Korean sign counts for: it says as much."""
FOREIGN_WORDS = 2
"""From so many Latin words on a phrase is not the language's own that has another script."""

_HAN = frozenset({"zh", "yue", "ja"})
_ALSO = {
    "ru": frozenset({"ru", "uk", "be", "bg", "mk", "sr", "kk", "mn", "tg", "tt", "ba"}),
    "ar": frozenset({"ar", "fa", "ur", "ps", "sd"}),
    "he": frozenset({"he", "yi"}),
    "hi": frozenset({"hi", "mr", "ne", "sa"}),
}
"""What else is written in the script that a language names. Serbian is written in Latin too."""
_OWN_SCRIPT = frozenset({"el", "hy", "th", "ka", "ko", "ja", "zh", "yue", "lo", "my", "km", "bo"})
_OWN_SCRIPT |= {"bn", "gu", "pa", "ta", "te", "kn", "ml", "si", "am"}
_OWN_SCRIPT |= frozenset().union(*_ALSO.values()) - {"sr"}
"""Languages that are not written in Latin letters."""


def tongue(text: str, wanted: str, spoken: str) -> str:
    """The language, as Whisper names it, in which a phrase is to be spoken.

    The one that is wanted; but words in a script that is not its own are spoken in the script's,
    since models do answer in another language than they are told. Nothing wanted: as the user
    spoke, if the words can be that; else as their script says, else English.
    """
    written = _written(text)
    for language in (wanted, spoken):
        if language and _fits(text, written, language):
            return language
    return written or "en"


def _written(text: str) -> str:
    """The language that most of the letters say; empty where there is none."""
    scripts = Counter(filter(None, map(script, text)))
    for sign in ("zh", "ja", "ko"):
        scripts[sign] *= SIGN_WEIGHT
    if scripts["ja"]:  # kana: the Chinese characters are Japanese too
        scripts["ja"] += scripts.pop("zh", 0)
    if not any(scripts.values()):
        return ""
    # Of two that say as much the one that is not Latin: OpenAI's name alone is six letters.
    return max(scripts, key=lambda name: (scripts[name], name != "en"))


def _fits(text: str, written: str, language: str) -> bool:
    """Whether words so written can be that language."""
    if not written:
        return True
    if written == "en":
        return language not in _OWN_SCRIPT or len(text.split()) < FOREIGN_WORDS
    if written == "zh":
        return language in _HAN
    return language == written or language in _ALSO.get(written, ())
