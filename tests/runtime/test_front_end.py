"""Many doors, one thread: each stream's frames are those it would have had alone."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from sotto.audio.chunk import MelChunk, Speech
from sotto.audio.format import SAMPLE_RATE, Encoding, PcmFormat, Samples
from sotto.audio.mel8 import make_mel8
from sotto.errors import BadAudio
from sotto.interfaces.detector import Detector
from sotto.plugins.vad.silero import Silero
from sotto.runtime.door import Door, PcmSource
from sotto.runtime.front_end import LONG, FrontEnd
from sotto.runtime.mel_door import MelDoor
from sotto.testing.detector_contract import changing_sound
from sotto.testing.detectors import Loudness

SILERO = Silero()


class Counting(Loudness):
    """Tells how many streams were heard together, and how much of each."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[list[int]] = []

    def receive_all(self, detectors: Sequence[Detector], pieces: Sequence[Samples]) -> list[Speech]:
        self.rounds.append([len(piece) for piece in pieces])
        return super().receive_all(detectors, pieces)


def door(front_end: FrontEnd, n_mels: int = 80, pcm: PcmFormat | None = None) -> Door:
    return Door(PcmSource(pcm or PcmFormat()), front_end.ear(n_mels))


def pcm_of(sound: Samples) -> bytes:
    return np.round(sound * 32_767).astype("<i2").tobytes()


async def hear(front_end: FrontEnd, way: Door, data: bytes, length: int) -> MelChunk:
    chunks = [
        await front_end.receive(way, data[at : at + length]) for at in range(0, len(data), length)
    ]
    return MelChunk.join([*chunks, way.finish()])


async def test_each_stream_is_heard_as_if_it_was_alone() -> None:
    front_end = FrontEnd(SILERO)
    sounds = [pcm_of(changing_sound(1.5, seed)) for seed in range(6)]
    bands = (80, 128, 80, 80, 128, 80)
    together = await asyncio.gather(
        *(
            hear(front_end, door(front_end, n), sound, 1_000 + 700 * place)
            for place, (sound, n) in enumerate(zip(sounds, bands, strict=True))
        )
    )
    for sound, n, chunk in zip(sounds, bands, together, strict=True):
        alone = door(front_end, n)
        expected = MelChunk.join([alone.receive(sound), alone.finish()])
        np.testing.assert_allclose(chunk.mel, expected.mel, atol=1e-4)
        np.testing.assert_allclose(chunk.speech, expected.speech, atol=1e-4)


async def test_what_comes_at_once_is_heard_together() -> None:
    detectors = Counting()
    front_end = FrontEnd(detectors)
    piece = pcm_of(changing_sound(0.1))
    doors = [door(front_end) for _ in range(20)]
    await asyncio.gather(*(front_end.receive(each, piece) for each in doors))
    assert sum(map(len, detectors.rounds)) == 20
    assert len(detectors.rounds) <= 2, "expected one round, and one that was under way before it"


async def test_who_sends_faster_than_it_is_heard_does_not_wait_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sotto.runtime.front_end.PACE", 3_600.0)
    front_end, sound = FrontEnd(Loudness()), pcm_of(changing_sound(1.5))
    async with asyncio.timeout(60):
        heard = await hear(front_end, door(front_end), sound, 3_200)
    assert len(heard) == 150


async def test_who_sends_short_pieces_does_not_fall_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sotto.runtime.front_end.PACE", 3_600.0)
    monkeypatch.setattr("sotto.runtime.front_end.HURRY", -3_600.0)
    front_end, sound = FrontEnd(Loudness()), pcm_of(changing_sound(0.5))
    async with asyncio.timeout(60):
        chunks = await asyncio.gather(
            hear(front_end, door(front_end), sound, 640),
            hear(front_end, door(front_end), sound, 3_200),
        )
    assert [len(chunk) for chunk in chunks] == [50, 50]


async def test_a_long_message_is_heard_without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sotto.runtime.front_end.PACE", 3_600.0)
    front_end, sound = FrontEnd(Loudness()), pcm_of(changing_sound(4.5))
    async with asyncio.timeout(60):
        heard = await hear(front_end, door(front_end), sound, len(sound))
    assert len(heard) == 450


async def test_a_long_message_keeps_nobody_waiting() -> None:
    detectors = Counting()
    front_end = FrontEnd(detectors)
    long = pcm_of(changing_sound(20))
    order: list[str] = []

    async def ask(name: str, data: bytes) -> MelChunk:
        chunk = await front_end.receive(door(front_end), data)
        order.append(name)
        return chunk

    chunks = await asyncio.gather(ask("long", long), ask("short", long[:3_200]))
    assert order == ["short", "long"]
    assert [chunk.end for chunk in chunks] == [1_999, 9]
    assert max(max(sizes) for sizes in detectors.rounds) == SAMPLE_RATE


async def test_an_error_is_its_own_stream_alone() -> None:
    front_end = FrontEnd(Loudness())
    floats = PcmFormat(Encoding.PCM_F32LE)
    bad = np.full(1_600, np.nan, np.float32).tobytes()
    refused, heard = await asyncio.gather(
        front_end.receive(door(front_end, pcm=floats), bad),
        front_end.receive(door(front_end), pcm_of(changing_sound(0.2))),
        return_exceptions=True,
    )
    assert isinstance(refused, BadAudio)
    assert isinstance(heard, MelChunk)
    assert len(heard) > 0


async def test_whoever_gives_up_takes_nobody_along() -> None:
    front_end = FrontEnd(Loudness())
    gone = asyncio.create_task(front_end.receive(door(front_end), pcm_of(changing_sound(30))))
    stays = asyncio.create_task(front_end.receive(door(front_end), pcm_of(changing_sound(0.2))))
    await asyncio.sleep(0)
    gone.cancel()
    assert len(await stays) > 0
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert len(await front_end.receive(door(front_end), pcm_of(changing_sound(0.2)))) > 0


async def test_a_broken_detector_ends_its_round_and_not_the_front_end() -> None:
    class Broken(Loudness):
        left = 1

        def receive_all(
            self, detectors: Sequence[Detector], pieces: Sequence[Samples]
        ) -> list[Speech]:
            if self.left:
                self.left -= 1
                raise RuntimeError("expected a detector, got a broken one")
            return super().receive_all(detectors, pieces)

    front_end = FrontEnd(Broken())
    with pytest.raises(RuntimeError, match="got a broken one"):
        await front_end.receive(door(front_end), bytes(3_200))
    assert len(await front_end.receive(door(front_end), bytes(3_200))) > 0


@pytest.mark.parametrize("frames", [10, LONG // 80 + 100])
async def test_images_go_the_same_way(frames: int) -> None:
    front_end = FrontEnd(Loudness())
    mel = np.random.default_rng(0).uniform(-8, 1, (frames, 80)).astype(np.float32)
    image = make_mel8(mel, speech=np.ones(frames, np.float32))
    chunk = await front_end.receive(MelDoor(80), image)
    assert len(chunk) == frames
    with pytest.raises(BadAudio):
        await front_end.receive(MelDoor(80), b"no image" * (1 + frames * 80 // 8))


def test_any_event_loop_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's replicas run on uvloop, where what is due at once is no timer."""
    uvloop = pytest.importorskip("uvloop")
    monkeypatch.setattr("sotto.runtime.front_end.PACE", 0.0004)
    sound = pcm_of(changing_sound(0.5))

    async def all_of_them() -> list[MelChunk]:
        front_end = FrontEnd(SILERO)
        return await asyncio.gather(
            *(hear(front_end, door(front_end), sound, 100 + 70 * place) for place in range(8))
        )

    with asyncio.Runner() as usual, asyncio.Runner(loop_factory=uvloop.new_event_loop) as other:
        for expected, heard in zip(usual.run(all_of_them()), other.run(all_of_them()), strict=True):
            np.testing.assert_allclose(heard.speech, expected.speech, atol=1e-4)
