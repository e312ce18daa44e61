"""All that speaks here, by language and by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import soxr

from sotto.audio.format import Samples
from sotto.clock import Clock, SystemClock
from sotto.dialogue.closing import closing
from sotto.dialogue.items import OUTPUT_RATE
from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase, Synthesizer

WARMING: Mapping[str, str] = MappingProxyType(
    {"en": "Yes.", "es": "Sí.", "fr": "Oui.", "zh": "是。", "ja": "はい。"}
)
"""What is spoken before anybody listens, so that the first answer waits for no dictionary."""


class Voices:
    """Several synthesizers as one; where two speak a language the first is asked."""

    def __init__(self, synthesizers: Sequence[Synthesizer], clock: Clock | None = None) -> None:
        self._synthesizers = tuple(synthesizers)
        self._clock = clock or SystemClock()

    @property
    def languages(self) -> frozenset[str]:
        """Those that anything here speaks."""
        return frozenset().union(*(each.languages for each in self._synthesizers))

    @property
    def names(self) -> tuple[str, ...]:
        """Of all voices, each once; the first synthesizer's own choice leads."""
        every = (voice for each in self._synthesizers for voice in each.voices)
        return tuple(dict.fromkeys(every))

    def of(self, language: str, voice: str = "") -> Synthesizer:
        """Who has that voice and speaks the language, else the first that speaks it.

        Raises VoiceUnavailable where nobody does.
        """
        able = [each for each in self._synthesizers if language in each.languages]
        if not able:
            spoken = ", ".join(sorted(self.languages)) or "none, since nothing here speaks"
            raise VoiceUnavailable(f"expected a language of {spoken}; got {language!r}")
        return next((each for each in able if voice in each.voices), able[0])

    async def speak(self, phrase: Phrase) -> AsyncIterator[Samples]:
        """float32[n], mono, any n, at OUTPUT_RATE, as it comes. Raises VoiceUnavailable.

        An async generator: closing it closes the synthesizer's.
        """
        synthesizer = self.of(phrase.language, phrase.voice)
        if phrase.voice not in synthesizer.voices:
            phrase = replace(phrase, voice="")
        resampler = _Resampler(synthesizer.sample_rate)
        async with closing(synthesizer.speak(phrase)) as pieces:
            async for piece in pieces:
                for sound in resampler.receive(piece):
                    yield sound
        for sound in resampler.finish():
            yield sound

    async def warm_up(self) -> Mapping[str, float]:
        """Seconds that each synthesizer, and a word of each language, took. Raises
        VoiceUnavailable."""
        times: dict[str, float] = {}
        for each in self._synthesizers:
            since = self._clock.monotonic()
            await each.warm_up()
            times[each.name] = self._clock.monotonic() - since
        for language in (each for each in WARMING if each in self.languages):
            since = self._clock.monotonic()
            async with closing(self.speak(Phrase(WARMING[language], language))) as sound:
                async for _ in sound:
                    pass
            times[f"{self.of(language).name} {language}"] = self._clock.monotonic() - since
        return times

    async def close(self) -> None:
        """Let go of all of them."""
        for each in self._synthesizers:
            await each.close()


class _Resampler:
    """One phrase on its way to OUTPUT_RATE; gives what became known, nothing that is empty."""

    def __init__(self, rate: int) -> None:
        is_same = rate == OUTPUT_RATE
        self._stream = None if is_same else soxr.ResampleStream(rate, OUTPUT_RATE, 1, "float32")
        self._has_sound = False

    def receive(self, piece: Samples) -> Iterator[Samples]:
        self._has_sound = self._has_sound or len(piece) > 0
        sound = piece if self._stream is None else self._stream.resample_chunk(piece)
        if len(sound):
            yield sound

    def finish(self) -> Iterator[Samples]:
        if self._stream is None or not self._has_sound:
            return
        sound = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        if len(sound):
            yield sound
