"""What every Synthesizer must do, as tests that any implementation can be run through.

In a test module:

    class TestMine(SynthesizerContract):
        async def make(self) -> Synthesizer:
            return Mine()
"""
# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import numpy as np
import pytest

from sotto.audio.format import Samples
from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase, Synthesizer
from sotto.transcript.languages import LANGUAGES

SENTENCES = {
    "en": "Good morning, how are you today?",
    "es": "Buenos días, ¿cómo está usted hoy?",
    "fr": "Bonjour, comment allez-vous aujourd'hui ?",
    "zh": "早上好，你今天怎么样？",
    "ja": "おはようございます、おげんきですか。",
}
ANYWHERE = "1 2 3"
"""What can be said in all other languages."""
NOTHING = ("", "   ", "…", " - ", "\n\t", "?!", "😀")
LEAST_SECONDS = 0.25
ALIKE = 0.05
"""By what part two sounds of one phrase may differ in length and loudness: breath is noise."""


async def spoken(synthesizer: Synthesizer, phrase: Phrase) -> list[Samples]:
    """All pieces of it."""
    return [piece async for piece in synthesizer.speak(phrase)]


def generator(synthesizer: Synthesizer, phrase: Phrase) -> AsyncGenerator[Samples]:
    """Its sound as something that can be closed."""
    return cast("AsyncGenerator[Samples]", synthesizer.speak(phrase))


def joined(pieces: list[Samples]) -> Samples:
    """One sound of all pieces."""
    return np.concatenate([np.empty(0, np.float32), *pieces])


class SynthesizerContract:
    """Subclass it and say what to test in `make`."""

    async def make(self) -> Synthesizer:
        """One, ready to speak; it is closed at the end of a test."""
        raise NotImplementedError("expected a subclass that makes one, got the contract itself")

    @pytest.fixture
    async def synthesizer(self) -> Synthesizer:
        """The one under test."""
        return await self.make()

    def phrase(self, synthesizer: Synthesizer, **also: object) -> Phrase:
        """Something that it can say."""
        language = "en" if "en" in synthesizer.languages else min(synthesizer.languages)
        said = {"text": SENTENCES.get(language, ANYWHERE), "language": language} | also
        return Phrase(**said)  # type: ignore[arg-type]

    def test_tells_what_it_is(self, synthesizer: Synthesizer) -> None:
        assert synthesizer.name
        assert synthesizer.languages
        assert synthesizer.languages <= set(LANGUAGES)
        assert synthesizer.voices
        assert len(set(synthesizer.voices)) == len(synthesizer.voices)
        assert 8_000 <= synthesizer.sample_rate <= 48_000

    async def test_speaks_each_of_its_languages(self, synthesizer: Synthesizer) -> None:
        for language in sorted(synthesizer.languages):
            phrase = Phrase(SENTENCES.get(language, ANYWHERE), language)
            pieces = await spoken(synthesizer, phrase)
            sound = joined(pieces)
            assert {piece.dtype for piece in pieces} == {np.dtype(np.float32)}, language
            assert {piece.ndim for piece in pieces} == {1}, language
            assert len(sound) >= LEAST_SECONDS * synthesizer.sample_rate, language
            assert np.isfinite(sound).all(), language
            assert np.abs(sound).max() <= 1, language
            assert np.sqrt(np.mean(sound**2)) > 0.005, f"{language} is silent"

    async def test_speaks_alike_each_time(self, synthesizer: Synthesizer) -> None:
        phrase = self.phrase(synthesizer)
        first, again = [joined(await spoken(synthesizer, phrase)) for _ in range(2)]
        assert len(again) == pytest.approx(len(first), rel=ALIKE)
        assert np.mean(again**2) == pytest.approx(np.mean(first**2), rel=2 * ALIKE)

    async def test_speaks_faster_and_slower(self, synthesizer: Synthesizer) -> None:
        slow, usual, fast = [
            len(joined(await spoken(synthesizer, self.phrase(synthesizer, speed=speed))))
            for speed in (0.7, 1.0, 1.8)
        ]
        assert fast < 0.8 * usual < 0.8 * 0.9 * slow

    async def test_takes_all_speeds(self, synthesizer: Synthesizer) -> None:
        for speed in (0.25, 4.0):
            assert len(joined(await spoken(synthesizer, self.phrase(synthesizer, speed=speed))))

    @pytest.mark.parametrize("text", NOTHING)
    async def test_says_nothing_where_there_is_nothing_to_say(
        self, synthesizer: Synthesizer, text: str
    ) -> None:
        assert not len(joined(await spoken(synthesizer, self.phrase(synthesizer, text=text))))

    async def test_knows_each_of_its_voices_and_takes_any_other(
        self, synthesizer: Synthesizer
    ) -> None:
        for voice in (*synthesizer.voices, "alloy", "marin", "\0", "../../etc/passwd", "x" * 300):
            sound = joined(await spoken(synthesizer, self.phrase(synthesizer, voice=voice)))
            assert len(sound) >= LEAST_SECONDS * synthesizer.sample_rate, voice

    @pytest.mark.parametrize("language", ["", "xx", "en-us", "x" * 10_000])
    async def test_refuses_a_language_that_it_does_not_speak(
        self, synthesizer: Synthesizer, language: str
    ) -> None:
        with pytest.raises(VoiceUnavailable) as refusal:
            await spoken(synthesizer, Phrase("Hello.", language))
        assert len(refusal.value.message) < 2_000

    async def test_reads_no_markup_and_survives_any_text(self, synthesizer: Synthesizer) -> None:
        odd = ("<break time='99s'/> one", "one\0two", "[[h@l@U]] one", "a & b < c", "\ud800 one")
        for text in (*odd, '</speak><audio src="file:///etc/passwd"/>one', "\u202e one", "一１"):
            sound = joined(await spoken(synthesizer, self.phrase(synthesizer, text=text)))
            assert len(sound) < 20 * synthesizer.sample_rate, text

    async def test_refuses_a_text_without_end(self, synthesizer: Synthesizer) -> None:
        with pytest.raises(VoiceUnavailable):
            await spoken(synthesizer, self.phrase(synthesizer, text="one two " * 100_000))

    async def test_is_silent_once_it_is_closed_and_speaks_again(
        self, synthesizer: Synthesizer
    ) -> None:
        phrase = self.phrase(synthesizer)
        whole = len(joined(await spoken(synthesizer, phrase)))
        pieces = generator(synthesizer, phrase)
        async with aclosing(pieces):
            await anext(pieces)
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)
        assert len(joined(await spoken(synthesizer, phrase))) == pytest.approx(whole, rel=ALIKE)

    async def test_stops_with_the_task_that_listens(self, synthesizer: Synthesizer) -> None:
        phrase = self.phrase(synthesizer)
        begun = asyncio.Event()

        async def listen() -> None:
            async for _ in synthesizer.speak(phrase):
                begun.set()
                await asyncio.Event().wait()

        listening = asyncio.create_task(listen())
        await begun.wait()
        listening.cancel()
        await asyncio.wait({listening})
        assert listening.cancelled()
        assert await spoken(synthesizer, phrase)

    async def test_speaks_to_several_at_once(self, synthesizer: Synthesizer) -> None:
        """Each hears its own phrase, whole."""
        phrases = [
            self.phrase(synthesizer),
            self.phrase(synthesizer, speed=0.7),
            self.phrase(synthesizer, text="1"),
        ] * 2
        alone = [len(joined(await spoken(synthesizer, phrase))) for phrase in phrases]
        together = await asyncio.gather(*(spoken(synthesizer, phrase) for phrase in phrases))
        lengths = [len(joined(pieces)) for pieces in together]
        assert lengths == pytest.approx(alone, rel=ALIKE)

    async def test_warms_up_and_lets_go(self, synthesizer: Synthesizer) -> None:
        await synthesizer.warm_up()
        assert await spoken(synthesizer, self.phrase(synthesizer))
        await synthesizer.close()
