"""espeak-ng: what is its own."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import aclosing

import numpy as np
import pytest

from sotto.audio.format import Samples
from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase, Synthesizer
from sotto.plugins.tts.espeak import Espeak
from sotto.plugins.tts.espeak_library import PIECE_MS, RATE, Said, library
from sotto.plugins.tts.espeak_names import ESPEAK_NAMES
from sotto.testing.synthesizer_contract import SynthesizerContract, generator, joined, spoken

LONG = "This is a sentence that goes on and on, and then on again. " * 10


pytest.importorskip("espeakng_loader", reason="needs pip install 'sotto[talk]'")


class TestEspeak(SynthesizerContract):
    async def make(self) -> Synthesizer:
        return Espeak()


async def test_it_speaks_the_five_languages_and_many_more() -> None:
    assert Espeak.languages >= {"en", "es", "fr", "zh", "ja"}
    assert len(Espeak.languages) > 70


def test_without_its_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(VoiceUnavailable, match=r"pip install 'sotto\[talk\]'"):
        library.__wrapped__()


async def test_voices_differ() -> None:
    espeak = Espeak()
    lengths = set()
    for voice in espeak.voices:
        sound = joined(await spoken(espeak, Phrase("nine two five", "en", voice)))
        lengths.add((len(sound), round(float(np.abs(np.fft.rfft(sound)).argmax()))))
    assert len(lengths) == len(espeak.voices)


async def test_sound_comes_in_small_pieces() -> None:
    pieces = await spoken(Espeak(), Phrase(LONG, "en"))
    assert len(pieces) > 100
    assert max(map(len, pieces)) <= RATE * (PIECE_MS + 1) / 1_000


async def test_closing_it_stops_the_library() -> None:
    """What it would still have said is never made."""
    made = 0
    worker = library().worker

    def count(piece: Samples) -> bool:
        nonlocal made
        made += 1
        return made < 3

    said = Said(LONG.strip(), ESPEAK_NAMES["en"], 175)
    await asyncio.wrap_future(worker.submit(library().speak, said, count))
    assert made == 3


async def test_who_waits_for_its_turn_and_leaves_is_not_spoken_to() -> None:
    espeak = Espeak()
    first, *others = [generator(espeak, Phrase(LONG, "en")) for _ in range(5)]
    async with aclosing(first):
        await anext(first)
        waiting = [asyncio.ensure_future(anext(other)) for other in others]
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
    assert await spoken(espeak, Phrase("one", "en"))


async def test_kanji_are_read_or_left_out_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`Chinese letter`, which it would say of each, takes seconds."""
    espeak = Espeak()
    espeak._reads_kanji = False
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            mixed = joined(await spoken(espeak, Phrase("今日はいい天気です。", "ja")))
    kana = joined(await spoken(espeak, Phrase("はいいです。", "ja")))
    assert len(mixed) == pytest.approx(len(kana), rel=0.35)
    assert not len(joined(await spoken(espeak, Phrase("天気", "ja"))))
    assert len(caplog.records) == 1
    assert "kanji" in caplog.text


async def test_kanji_are_read_where_pyopenjtalk_is_there() -> None:
    pytest.importorskip("pyopenjtalk", reason="needs pip install pyopenjtalk-plus")
    kanji = joined(await spoken(Espeak(), Phrase("今日は良い天気です。", "ja")))
    kana = joined(await spoken(Espeak(), Phrase("キョーワヨイテンキデス。", "ja")))
    assert len(kanji) == pytest.approx(len(kana), rel=0.05)
