"""espeak-ng: small, at once, in very many languages, and with the voice of a machine.

It needs no model, so it is what speaks on a bare machine: `pip install 'sotto[talk]'`.
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from functools import partial

from sotto.audio.format import Samples
from sotto.interfaces.synthesizer import Phrase
from sotto.plugins.tts.asking import FIVE, words_of
from sotto.plugins.tts.espeak_library import RATE, Said, library
from sotto.plugins.tts.espeak_names import ESPEAK_NAMES
from sotto.plugins.tts.threads import Tell, told_by

log = logging.getLogger(__name__)

VARIANTS: Mapping[str, str] = {
    "espeak": "",
    "man": "+m3",
    "woman": "+f2",
    "deep": "+m7",
    "bright": "+f4",
    "robot": "+klatt",
    "whisper": "+whisper",
}
"""Voices → how its own one is changed."""

USUAL = 175
"""Words a minute at speed 1: its own measure."""
LEAST, MOST = 80, 700
"""It speaks no slower; faster than 4 times nobody asks for."""

_KANJI = re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
"""And the mark that repeats one."""


class Espeak:
    """All objects share the one library of their process, and take turns at it."""

    name = "espeak"
    languages = frozenset(ESPEAK_NAMES)
    voices = tuple(VARIANTS)
    sample_rate = RATE

    def __init__(self) -> None:
        """Raises VoiceUnavailable where the library is not installed."""
        self._library = library()
        self._reads_kanji = importlib.util.find_spec("pyopenjtalk") is not None
        self._has_warned = False

    async def speak(self, phrase: Phrase) -> AsyncIterator[Samples]:
        """Pieces of 60 ms; the first within a millisecond or two. Raises VoiceUnavailable."""
        text = words_of(phrase, self.languages)
        if not text:
            return
        said = partial(
            self._say,
            text,
            phrase.language,
            ESPEAK_NAMES[phrase.language] + VARIANTS.get(phrase.voice, ""),
            min(max(round(USUAL * phrase.speed), LEAST), MOST),
        )
        async with aclosing(told_by(self._library.worker, said)) as pieces:
            async for piece in pieces:
                yield piece

    async def warm_up(self) -> None:
        """One word in each of the five languages: their dictionaries are read with it."""
        for language in FIVE:
            word = "日" if language == "ja" and self._reads_kanji else "1"
            async for _ in self.speak(Phrase(word, language)):
                pass

    async def close(self) -> None:
        """Nothing: the library stays with its process."""

    def _say(self, text: str, language: str, voice: str, speed: int, tell: Tell) -> None:
        if language == "ja":
            text = self._in_kana(text)
        if text.strip():
            self._library.speak(Said(text, voice, speed), tell)

    def _in_kana(self, text: str) -> str:
        """It names each kanji `Chinese letter`: another one reads them, or they are left out."""
        if not _KANJI.search(text):
            return text
        why = "with pip install pyopenjtalk-plus it can"
        if self._reads_kanji:
            import pyopenjtalk

            try:
                return str(pyopenjtalk.g2p(text, kana=True))
            except (OSError, RuntimeError) as error:  # one of its kind fetches its dictionary
                self._reads_kanji, why = False, f"pyopenjtalk broke: {error}"
        if not self._has_warned:
            self._has_warned = True
            log.warning("espeak cannot read kanji and leaves them out; %s", why)
        return _KANJI.sub(" ", text)
