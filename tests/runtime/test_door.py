"""The door as a whole: whatever is sent, however it is cut, the frames are the same."""

import io
import threading
import wave
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.chunk import MelChunk, Speech
from sotto.audio.format import HOP, SAMPLE_RATE, Encoding, PcmFormat, Samples
from sotto.audio.mel import LogMel
from sotto.errors import BadAudio, EngineFailed
from sotto.interfaces.detector import Detector, DetectorFactory
from sotto.plugins.vad.silero import Silero
from sotto.runtime.container import ContainerReader
from sotto.runtime.door import Door, PcmSource, SampleReader
from sotto.runtime.ear import Ear
from sotto.testing.detector_contract import changing_sound, listen
from sotto.testing.detectors import Loudness

SOUND = changing_sound(1.3)[:20_777]
DETECTORS: dict[str, DetectorFactory] = {"loudness": Loudness(), "silero": Silero()}


def as_pcm(samples: Samples, pcm: PcmFormat) -> bytes:
    sound = np.repeat(samples[:, None], pcm.channels, axis=1)
    if pcm.encoding is Encoding.PCM_F32LE:
        return sound.astype("<f4").tobytes()
    if pcm.encoding is Encoding.PCM_S16LE:
        return np.round(np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes()
    return np.round(np.clip(sound, -1, 1) * 127 + 128).astype("u1").tobytes()


def as_wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(as_pcm(samples, PcmFormat()))
    return file.getvalue()


def pass_through(door: Door, data: bytes, cuts: list[int]) -> MelChunk:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    chunks = [door.receive(data[a:b]) for a, b in pairwise(edges)]
    chunk = MelChunk.join([*chunks, door.finish()])  # refuses a gap on the frame clock
    door.close()
    return chunk


def assert_alike(one: MelChunk, other: MelChunk, tolerance: float = 1e-5) -> None:
    assert (one.start, one.end) == (other.start, other.end)
    np.testing.assert_allclose(one.mel, other.mel, rtol=0, atol=tolerance)
    np.testing.assert_allclose(one.speech, other.speech, rtol=0, atol=tolerance)


@settings(deadline=None, max_examples=60)
@given(
    detector=st.sampled_from(sorted(DETECTORS)),
    pcm=st.builds(
        PcmFormat,
        encoding=st.sampled_from(Encoding),
        sample_rate=st.sampled_from([8_000, 16_000, 44_100, 48_000]),
        channels=st.integers(1, 2),
    ),
    n_mels=st.sampled_from([80, 128]),
    length=st.integers(0, len(SOUND)),
    cuts=st.lists(st.integers(0), max_size=20),
)
def test_cutting_does_not_matter(
    detector: str, pcm: PcmFormat, n_mels: int, length: int, cuts: list[int]
) -> None:
    data = as_pcm(SOUND[:length], pcm)
    make = DETECTORS[detector]
    whole = pass_through(Door(PcmSource(pcm), Ear(n_mels, make())), data, [])
    cut = pass_through(Door(PcmSource(pcm), Ear(n_mels, make())), data, cuts)
    assert whole.start == 0
    assert whole.end == round(length * SAMPLE_RATE / pcm.sample_rate) // HOP
    assert whole.mel.shape[1] == n_mels
    assert_alike(cut, whole)


@pytest.mark.parametrize("detector", DETECTORS)
def test_mel_and_speech_of_a_frame_belong_together(detector: str) -> None:
    make = DETECTORS[detector]
    log_mel = LogMel(80)
    mel = np.concatenate([log_mel.receive(SOUND), log_mel.finish()])
    speech = listen(make(), [SOUND])
    ear = Ear(80, make())
    pieces = np.split(SOUND, range(333, len(SOUND), 333))
    chunk = MelChunk.join([*(ear.receive(piece) for piece in pieces), ear.finish()])
    assert_alike(chunk, MelChunk(0, mel, speech))


def test_frames_follow_the_sound_closely() -> None:
    door = Door(PcmSource(PcmFormat()), Ear(80, DETECTORS["silero"]()))
    data = as_pcm(SOUND, PcmFormat())
    heard = told = 0
    for at in range(0, len(data), 640):  # 20 ms
        heard += len(data[at : at + 640]) // 2
        told += len(door.receive(data[at : at + 640]))
        assert heard // HOP - told <= 5, "expected at most 50 ms to be held back"


@pytest.mark.parametrize("cuts", [[], list(range(0, 10**5, 777))])
def test_a_container_gives_the_frames_of_its_samples(cuts: list[int]) -> None:
    def open_door(reader: SampleReader) -> Door:
        return Door(reader, Ear(80, DETECTORS["silero"]()))

    raw = pass_through(open_door(PcmSource(PcmFormat())), as_pcm(SOUND, PcmFormat()), [])
    assert_alike(pass_through(open_door(ContainerReader()), as_wav(SOUND), cuts), raw)


def test_a_door_may_change_threads() -> None:
    door = Door(PcmSource(PcmFormat(sample_rate=48_000)), Ear(80, DETECTORS["silero"]()))
    data = as_pcm(SOUND, PcmFormat())
    chunks: list[MelChunk] = []

    def send(piece: bytes) -> None:
        chunks.append(door.receive(piece))

    for at in range(0, len(data), 4_000):
        turn = threading.Thread(target=send, args=(data[at : at + 4_000],))
        turn.start()
        turn.join()
    chunk = MelChunk.join([*chunks, door.finish()])
    again = Door(PcmSource(PcmFormat(sample_rate=48_000)), Ear(80, DETECTORS["silero"]()))
    assert_alike(chunk, pass_through(again, data, []))


def test_no_sound_gives_no_frames() -> None:
    for reader in (PcmSource(PcmFormat()), ContainerReader()):
        assert len(pass_through(Door(reader, Ear(128, Loudness()())), b"", [])) == 0


def test_errors_come_through() -> None:
    door = Door(PcmSource(PcmFormat()), Ear(80, Loudness()()))
    door.receive(b"\x00" * 3_201)
    assert door.fault is None
    assert door.finish().end == 10
    assert "whole samples" in str(door.fault)
    door = Door(ContainerReader(), Ear(80, Loudness()()))
    with pytest.raises(BadAudio, match="none of these"):
        door.receive(b"no sound at all" * 1_000)
        door.finish()
    door.close()
    door.close()


class Forgetful:
    """A detector that breaks its contract: it judges the first frames alone."""

    def __init__(self, detector: Detector, frames: int) -> None:
        self._detector = detector
        self._left = frames

    def receive(self, samples: Samples) -> Speech:
        speech = self._detector.receive(samples)[: self._left]
        self._left -= len(speech)
        return speech

    def finish(self) -> Speech:
        return np.empty(0, np.float32)


def test_a_detector_that_forgets_frames_is_found_out() -> None:
    ear = Ear(80, Forgetful(Loudness()(), 7))
    assert len(ear.receive(SOUND)) == 7
    with pytest.raises(EngineFailed, match="expected the detector to judge 129 frames, got 7"):
        ear.finish()
