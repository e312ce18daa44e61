from __future__ import annotations

import logging

import numpy as np
import pytest

from sotto.audio.format import Samples
from sotto.dialogue.closing import closing
from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.partner import Partner
from sotto.dialogue.playback import Playback
from sotto.dialogue.voices import Voices
from sotto.errors import ChatUnavailable, VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase
from sotto.testing.talking import PITCHES, ScriptedChat, ToneVoice
from tests.dialogue.talks import ManualClock


async def sound(voices: Voices, phrase: Phrase) -> Samples:
    pieces = [piece async for piece in voices.speak(phrase)]
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def pitch(samples: Samples) -> float:
    """Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * OUTPUT_RATE / len(samples)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 48_000])
async def test_all_speak_at_one_rate_whatever_their_own_is(rate: int) -> None:
    voice = ToneVoice(rate=rate)
    samples = await sound(Voices([voice]), Phrase("Twenty signs of text", "es"))
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(OUTPUT_RATE, abs=2)
    assert pitch(samples) == pytest.approx(PITCHES["es"], abs=3)


async def test_nothing_to_say_is_no_sound() -> None:
    for rate in (22_050, 24_000):
        assert len(await sound(Voices([ToneVoice(rate=rate)]), Phrase("", "en"))) == 0


async def test_a_voice_is_found_by_name_then_by_language() -> None:
    first = ToneVoice(["en", "es"], name="first")
    second = ToneVoice(["en", "ja"], name="second")
    voices = Voices([first, second])
    assert voices.languages == {"en", "es", "ja"}
    assert voices.names == ("first-low", "first-high", "second-low", "second-high")
    assert voices.of("en") is first
    assert voices.of("en", "second-high") is second
    assert voices.of("ja", "first-low") is second
    assert voices.of("en", "alloy") is first
    for nobody in (voices, Voices([])):
        with pytest.raises(VoiceUnavailable, match="'fr'"):
            nobody.of("fr")
    await sound(voices, Phrase("Hi", "ja", "first-low"))
    await sound(voices, Phrase("Hi", "ja", "second-high"))
    assert [phrase.voice for phrase in second.spoken] == ["", "second-high"]


async def test_closing_the_sound_closes_the_synthesizers() -> None:
    voice = ToneVoice(rate=22_050)
    speaking = Voices([voice]).speak(Phrase("Hello there.", "en"))
    async with closing(speaking):
        await anext(speaking)
        assert voice.open == 1
    assert voice.open == 0
    with pytest.raises(VoiceUnavailable):
        await sound(Voices([ToneVoice(breaks_at="Hello")]), Phrase("Hello", "en"))


async def test_warming_up_asks_all_of_them_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    chat, voices = ScriptedChat(), (ToneVoice(["en", "ja"]), ToneVoice(["es", "ko"], name="other"))
    partner = Partner(chat, Voices(voices))
    times = await partner.warm_up()
    assert partner.is_ready
    assert set(times) == {"scripted", "tone", "other", "tone en", "tone ja", "other es"}
    assert (chat.warmed, voices[0].warmed, voices[1].warmed) == (1, 1, 1)
    await partner.close()
    assert (chat.is_closed, voices[0].is_closed, voices[1].is_closed) == (True, True, True)


async def test_a_partner_of_whom_a_part_does_not_answer_is_not_ready() -> None:
    class Down(ScriptedChat):
        async def warm_up(self) -> None:
            raise ChatUnavailable("no model")

    voice = ToneVoice()
    partner = Partner(Down(), Voices([voice]))
    with pytest.raises(ChatUnavailable):
        await partner.warm_up()
    assert (partner.is_ready, voice.warmed) == (False, 1)
    partner = Partner(ScriptedChat(), Voices([ToneVoice(breaks_at="Yes")]))
    with pytest.raises(VoiceUnavailable):
        await partner.warm_up()
    assert not partner.is_ready


def test_sound_is_played_one_item_after_the_other_with_its_pauses() -> None:
    clock = ManualClock()
    playback = Playback(clock, lambda: None)
    assert (playback.left, playback.heard()) == (0, [])
    playback.add("a", OUTPUT_RATE)
    playback.add("b", OUTPUT_RATE)
    clock.now += 0.5
    assert playback.heard() == [("a", 500), ("b", 0)]
    playback.hold()
    clock.now += 60
    assert playback.heard() == [("a", 500), ("b", 0)]
    playback.resume()
    clock.now += 0.75
    assert playback.heard() == [("b", 250)]
    clock.now += 60
    assert playback.heard() == []
    playback.add("b", OUTPUT_RATE // 2)  # the synthesizer was slower than the player
    assert playback.left == OUTPUT_RATE // 2
    assert playback.heard() == [("b", 1_000)]
    playback.drop("b")
    assert playback.left == 0


def test_whoever_plays_knows_better() -> None:
    played = 0
    playback = Playback(ManualClock(), lambda: played)
    playback.add("a", OUTPUT_RATE)
    played = 250
    assert playback.heard() == [("a", 250)]
    played = 1_000
    assert playback.left == 0
    playback.add("b", OUTPUT_RATE)
    played = 0
    assert playback.heard() == [("a", 0), ("b", 0)]
