"""Half an hour of sounds that are no speech, through live streams: not a word, also not shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from sotto.runtime.container import read_file
from tests.listening import Heard, converse
from tests.serving import Served
from tests.speech import manifest, needs_data

pytestmark = [pytest.mark.data, needs_data]

RATE = 16_000
HALF_AN_HOUR = 1_800.0
AT_ONCE = 12
"""Streams side by side."""
MACHINE = "noise1, in room 1"

Sound: TypeAlias = NDArray[np.float32]
"""[n] at 16 kHz, between -1 and 1."""


def read(entry: dict[str, str]) -> Sound:
    return np.clip(np.concatenate(list(read_file(Path(entry["path"])))), -1, 1)


def in_room(sound: Sound, response: Sound) -> Sound:
    """As loud as before."""
    length = len(sound) + len(response) - 1
    out = np.fft.irfft(np.fft.rfft(sound, length) * np.fft.rfft(response, length), length)
    out *= np.sqrt((sound**2).mean() / (out**2).mean())
    return np.clip(out, -1, 1).astype(np.float32)


def forms(sound: Sound, rooms: list[Sound]) -> Iterator[tuple[str, Sound]]:
    """The set has seven minutes: each sound is heard in six forms."""
    yield "as it is", sound
    yield "20 dB quieter", sound / 10
    yield "12 dB louder, clipped", np.clip(4 * sound, -1, 1)
    yield "backward", sound[::-1]
    for number, room in enumerate(rooms[:2], 1):
        yield f"in room {number}", in_room(sound, room)


def messages(sound: Sound) -> list[bytes]:
    """A second each."""
    pcm = np.rint(sound * 32_767).astype("<i2")
    return [pcm[at : at + RATE].tobytes() for at in range(0, len(pcm), RATE)]


@pytest.fixture(scope="module")
def heard(server: Served) -> dict[str, Heard]:
    return asyncio.run(hear_all(server))


async def hear_all(server: Served) -> dict[str, Heard]:
    entries = manifest("noise")
    rooms = [read(entry) for entry in entries if entry["kind"] == "rir"]
    slots = asyncio.Semaphore(AT_ONCE)

    async def stream(sound: Sound) -> Heard:
        async with slots:
            return await converse(server.stream, {"sample_rate": RATE}, messages(sound))

    sounds = {
        f"{Path(entry['path']).stem}, {form}": sound
        for entry in entries
        if entry["kind"] == "noise"
        for form, sound in forms(read(entry), rooms)
    }
    return dict(zip(sounds, await asyncio.gather(*map(stream, sounds.values())), strict=True))


def test_it_is_half_an_hour_and_all_of_it_is_heard(heard: dict[str, Heard]) -> None:
    assert {name: one.close_code for name, one in heard.items() if one.close_code != 1000} == {}
    assert sum(one.events[-1]["duration"] for one in heard.values()) >= HALF_AN_HOUR


def test_non_speech_gives_no_word(heard: dict[str, Heard]) -> None:
    wrong = {name: one.text for name, one in heard.items() if one.text and name != MACHINE}
    assert wrong == {}
    for kind in ("committed", "partial"):
        assert [name for name, one in heard.items() if one.of(kind) and name != MACHINE] == []


@pytest.mark.xfail(
    strict=True,
    reason="a machine's pulses at 100 to 300 Hz, with the echo of a room: the detector is sure "
    "enough (0.85) not to ask for sure words, and nano is not sure of its own (0.46 and 0.35)",
)
def test_a_machine_in_a_room_gives_no_word(heard: dict[str, Heard]) -> None:
    assert heard[MACHINE].text == ""
