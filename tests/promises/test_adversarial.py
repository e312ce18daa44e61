"""Sounds that make Whisper invent words or fall into a loop: made of nothing, and of the clip.

A loop is: more words than can be said in the time of their utterance, more than were said, or a
text that repeats itself, where nobody did.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from sotto.bench.calls import transcribe, wav
from sotto.bench.streams.sound import sounding
from sotto.streaming.guards import GuardOptions, compression_ratio
from tests.digits import DIGITS, spoken
from tests.listening import Heard, listen
from tests.serving import Served
from tests.speech import CLIP, Pcm, pcm_s16le

RATE = 16_000
SECONDS = 10
SEED = 6
AT_ONCE = 12
"""Streams side by side: one of them takes a fifth of real time at least."""
FASTEST = 6.0
"""Words a second; the digits are said at less than two."""
TIMES = 50
MOST_OF_THEM = 45
MISCOUNTED = 12
PAUSE, GAP = 0.8, 0.4
"""Seconds; a pause of 0.6 s ends an utterance."""

Sound: TypeAlias = NDArray[np.float64]
"""[n] at 16 kHz, between -1 and 1."""


def noise(color: float, level: float) -> Sound:
    """Power that falls with the frequency to the power of `color`; `level` is its RMS."""
    dice = np.random.default_rng(SEED)
    spectrum = np.fft.rfft(dice.normal(size=SECONDS * RATE))
    frequency = np.fft.rfftfreq(SECONDS * RATE, 1 / RATE)
    frequency[0] = frequency[1]
    sound = np.fft.irfft(spectrum / frequency ** (color / 2))
    sound -= sound.mean()
    return np.clip(level * sound / np.sqrt((sound**2).mean()), -1, 1)


def tone(hertz: float, seconds: float = SECONDS) -> Sound:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def hum(hertz: float) -> Sound:
    """Of the mains, with its harmonics."""
    return 0.3 * sum((tone(n * hertz) / n for n in range(1, 20)), np.zeros(SECONDS * RATE)) / 2


def sweep() -> Sound:
    """From 50 Hz to 7 kHz."""
    time = np.arange(SECONDS * RATE) / RATE
    steep = np.log(7_000 / 50) / SECONDS
    return 0.5 * np.sin(2 * np.pi * 50 * np.expm1(steep * time) / steep)


def square(hertz: float) -> Sound:
    """At full scale."""
    return np.sign(tone(hertz))


def clicks() -> Sound:
    """One sample at full scale, five a second and more and more of them."""
    sound = np.zeros(SECONDS * RATE)
    sound[(np.sqrt(np.linspace(0, 1, 10 * SECONDS, endpoint=False)) * len(sound)).astype(int)] = 1.0
    return sound


def note(hertz: float, seconds: float) -> Sound:
    """A plucked string: harmonics, of which the high ones fade first."""
    time = np.arange(round(seconds * RATE)) / RATE
    parts = (np.exp(-3 * n * time) * tone(n * hertz, seconds) / n for n in range(1, 8))
    return sum(parts, np.zeros(len(time))) * np.minimum(1, time / 0.01)


def drum(dice: np.random.Generator) -> Sound:
    time = np.arange(round(0.2 * RATE)) / RATE
    hiss = dice.normal(size=len(time)) * np.exp(-40 * time)
    return hiss + 2 * np.sin(2 * np.pi * (60 * time + 3 * np.exp(-30 * time))) * np.exp(-15 * time)


def music(*, arpeggio: bool) -> Sound:
    """Four chords in turn, with drums, at two beats a second."""
    dice, sound = np.random.default_rng(SEED), np.zeros((SECONDS + 2) * RATE)
    chords = [(0, 4, 7, 12), (9, 12, 16, 21), (5, 9, 12, 17), (7, 11, 14, 19)]
    for beat in range(2 * SECONDS):
        at, chord = beat * RATE // 2, chords[beat // 4 % 4]
        for place, step in enumerate(chord):
            later = place * RATE // 8 if arpeggio else 0
            put(sound, at + later, 0.15 * note(220 * 2 ** (step / 12), 0.9))
        put(sound, at, 0.15 * drum(dice))
    return np.clip(sound[: SECONDS * RATE], -1, 1)


def put(sound: Sound, at: int, other: Sound) -> None:
    sound[at : at + len(other)] += other


NOT_SPEECH: dict[str, Sound] = {
    **{
        f"{name} noise, RMS {level:g}": noise(color, level)
        for name, color in (("white", 0.0), ("pink", 1.0), ("brown", 2.0))
        for level in (0.001, 0.03, 0.3)
    },
    "hum of 50 Hz": hum(50),
    "hum of 60 Hz": hum(60),
    "music, chords": music(arpeggio=False),
    "music, arpeggios": music(arpeggio=True),
    "clicks": clicks(),
    "a sweep": sweep(),
    "a square wave at full scale": square(220),
    "direct current": np.full(SECONDS * RATE, 0.5),
    "noise beside direct current": np.clip(noise(1.0, 0.1) + 0.4, -1, 1),
    "full scale, positive and negative by chance": np.sign(noise(0.0, 1.0)),
}


def clip() -> Sound:
    return np.frombuffer(pcm_s16le(CLIP).data, "<i2") / 32_768


def cross_talk() -> Sound:
    """The clip, and it once more over itself."""
    sound = np.pad(clip(), (0, round(0.7 * RATE)))
    put(sound, round(0.7 * RATE), clip())
    return np.clip(sound, -1, 1)


def noisy() -> Sound:
    """Speech and noise of the same power."""
    sound = clip()
    return np.clip(sound + noise(0.0, np.sqrt((sound**2).mean()))[: len(sound)], -1, 1)


def one_word(word: str, gap: float) -> Sound:
    """Said fifty times."""
    sound = np.frombuffer(spoken(word), "<i2") / 32_768
    begins, ends = sounding(sound.astype(np.float32))
    return np.tile(np.pad(sound[begins:ends], (0, round(gap * RATE))), TIMES)


SPEECH: dict[str, Sound] = {
    "clipped": np.clip(20 * clip(), -1, 1),
    "cross-talk": cross_talk(),
    "in noise as loud": noisy(),
}
SAID = {"clipped": 6, "cross-talk": 12, "in noise as loud": 6}
"""Words."""
WORDS = DIGITS[:3]
APART = {f"{word} {TIMES} times, apart": one_word(word, PAUSE) for word in WORDS}
CLOSE = {f"{word} {TIMES} times": one_word(word, GAP) for word in WORDS}
NO_GAP = {f"{word} {TIMES} times without a gap": one_word(word, 0.0) for word in WORDS}
ALL = {**NOT_SPEECH, **SPEECH, **APART, **CLOSE, **NO_GAP}


@dataclass(frozen=True)
class Both:
    """One sound, through both doors."""

    live: Heard
    file: str


@pytest.fixture(scope="module")
def heard(server: Served) -> dict[str, Both]:
    return asyncio.run(hear_all(server))


async def hear_all(server: Served) -> dict[str, Both]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def hear(sound: Sound) -> Both:
        pcm = np.rint(sound * 32_767).astype("<i2")
        async with slots:
            live = await listen(server.stream, Pcm(pcm.tobytes(), RATE))
            return Both(live, await asyncio.to_thread(transcribe, server.url, wav(pcm), {}))

    return dict(zip(ALL, await asyncio.gather(*map(hear, ALL.values())), strict=True))


@pytest.mark.parametrize("name", ALL)
def test_the_sounds_are_sounds(name: str) -> None:
    assert np.isfinite(ALL[name]).all()
    assert 0 < np.abs(ALL[name]).max() <= 1


@pytest.mark.parametrize("name", NOT_SPEECH)
def test_where_nobody_speaks_there_is_no_word(heard: dict[str, Both], name: str) -> None:
    live = heard[name].live
    assert (live.text, live.of("committed"), live.of("partial")) == ("", [], [])
    assert heard[name].file == ""


@pytest.mark.parametrize("name", ALL)
def test_every_stream_ends_well_and_whole(heard: dict[str, Both], name: str) -> None:
    live = heard[name].live
    assert live.close_code == 1000
    assert live.events[-1]["type"] == "closed"
    assert live.events[-1]["duration"] == pytest.approx(len(ALL[name]) / RATE, abs=0.011)


@pytest.mark.parametrize("name", ALL)
def test_what_is_committed_never_changes(heard: dict[str, Both], name: str) -> None:
    """A final holds exactly the words that were committed, and nothing comes after it."""
    certain: dict[int, str] = {}
    done: set[int] = set()
    for event in heard[name].live.events:
        number = event.get("utterance")
        if event["type"] in ("committed", "partial"):
            assert number not in done
        if event["type"] == "committed":
            certain[number] = certain.get(number, "") + event["text"]
        if event["type"] == "final":
            assert number not in done
            assert event["text"] == certain.pop(number, "").strip()
            done.add(number)
    assert certain == {}


@pytest.mark.parametrize("name", ALL)
def test_nothing_holds_more_words_than_time_to_say_them(heard: dict[str, Both], name: str) -> None:
    """Finals; and what was shown on the way to them no more than in its time or in a second: the
    first look at a word may take it for two."""
    began: dict[int, float] = {}
    certain: dict[int, int] = {}
    for event in heard[name].live.events:
        number = event.get("utterance")
        match event["type"]:
            case "speech_started":
                began[number] = event["at"]
            case "committed":
                certain[number] = certain.get(number, 0) + len(event["text"].split())
            case "partial":
                words = certain.get(number, 0) + len(event["text"].split())
                assert words <= FASTEST * max(event["until"] - began[number], 1.0)
            case "final":
                words = len(event["text"].split())
                assert words <= FASTEST * (event["end"] - event["start"])


@pytest.mark.parametrize("name", SPEECH)
def test_no_text_repeats_itself_where_nobody_did(heard: dict[str, Both], name: str) -> None:
    texts = [final["text"] for final in heard[name].live.of("final")]
    texts.append(heard[name].file)
    assert max(map(compression_ratio, texts)) < GuardOptions().compression_ratio
    assert all(0 < len(text.split()) <= SAID[name] for text in (heard[name].live.text, texts[-1]))


@pytest.mark.parametrize("name", [*APART, *CLOSE, *NO_GAP])
def test_a_word_said_fifty_times_is_no_loop(heard: dict[str, Both], name: str) -> None:
    """Where no pause parts them nano miscounts: eight in a breath of seven, and the other way."""
    most = TIMES if name in APART else TIMES + MISCOUNTED
    for text in (heard[name].live.text, heard[name].file):
        assert set(text.split()) == {name.split(maxsplit=1)[0]}
        assert len(text.split()) <= most


@pytest.mark.parametrize("name", [*APART, *CLOSE])
def test_a_word_said_fifty_times_is_heard_as_often(heard: dict[str, Both], name: str) -> None:
    least = MOST_OF_THEM if name in APART else TIMES - MISCOUNTED
    for text in (heard[name].live.text, heard[name].file):
        assert len(text.split()) >= least
