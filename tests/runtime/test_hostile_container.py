"""What is no sound, or more than sound, gives a BadAudio that says so; never harm, never a hang."""

import gc
import io
import weakref
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media import MEDIA, Pipe, assert_no_thread_is_left, make, push, tone, wav

from sotto.audio.format import SAMPLE_RATE
from sotto.errors import BadAudio
from sotto.runtime import container, pull
from sotto.runtime.container import ContainerReader, length_of, read_file


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert_no_thread_is_left()


BAD = {
    "text": (b"Dear Sir or Madam, " * 500, "got bytes that are none of these"),
    "zeros": (bytes(20_000), "got bytes that are none of these"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(5_000), "got bytes that are none of these"),
    "video alone": (make("matroska+video", ""), "got one with video alone"),
    "rate of 1 Hz": (wav(tone(0.1, 8_000), 1), "expected a sample rate of 4000 to 384000, got 1$"),
    "rate of 1 GHz": (wav(tone(0.1, 8_000), 10**9), "got 1000000000$"),
    "NaN": (wav(np.full(9_000, np.nan, np.float32), 8_000, "<f4"), "got NaN or infinity"),
    "no samples": (wav(tone(0, 8_000), 8_000), "got a container out of which none can be had"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_said(name: str) -> None:
    data, sentence = BAD[name]
    with pytest.raises(BadAudio, match=sentence):
        list(read_file(io.BytesIO(data)))
    with pytest.raises(BadAudio, match=sentence):
        push(data)
    with pytest.raises(BadAudio, match=sentence):
        push(data, range(0, 30_000, 999))


def test_an_empty_file_is_an_error_and_an_empty_stream_is_not() -> None:
    with pytest.raises(BadAudio, match="got an empty one"):
        list(read_file(io.BytesIO()))
    with pytest.raises(BadAudio, match=r"^expected .* got"):
        list(read_file(Pipe(b"")))  # type: ignore[arg-type]
    assert len(push(b"")) == 0


def test_a_missing_file_is_no_matter_of_sound(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_file(tmp_path / "none"))


@pytest.mark.parametrize(
    "playlist",
    ["ffconcat version 1.0\nfile '{}'\n", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n"],
)
def test_a_file_cannot_make_us_open_another(playlist: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(MEDIA["wav"])
    with pytest.raises(BadAudio, match="none of these"):
        list(read_file(io.BytesIO(playlist.format(secret).encode())))


def test_huge_floats_are_clipped() -> None:
    (samples,) = read_file(io.BytesIO(wav(tone(0.5, SAMPLE_RATE) * 1e38, SAMPLE_RATE, "<f4")))
    assert np.abs(samples).max() == 1.0


def test_one_message_cannot_decode_to_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "MAX_SECONDS_AT_ONCE", 2)
    bomb = make("flac", "flac", seconds=3)
    with pytest.raises(BadAudio, match="expected at most 2 s of sound at once, got more"):
        push(bomb)
    assert len(push(bomb, range(0, 10**6, 5_000))) == 3 * SAMPLE_RATE


def test_a_stream_cannot_go_on_without_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_SILENT_BYTES", 100_000)
    block = b"\xa3\x0f\xff\xff\xff\x81\x00\x00\x00"  # a SimpleBlock that says it has 256 MB
    head = MEDIA["webm"][:600]
    cluster = head.index(b"\x1f\x43\xb6\x75")
    lie = head[:cluster] + b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7 + b"\xe7\x81\x00" + block
    with closing(ContainerReader()) as reader:
        reader.receive(lie)
        with pytest.raises(BadAudio, match="expected sound within 100000 bytes"):
            for _ in range(200):
                reader.receive(bytes(1_000))


def test_large_pieces_of_one_packet_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_FRAME_SAMPLES", 100)
    with pytest.raises(BadAudio, match="out of which none can be had"):
        list(read_file(io.BytesIO(MEDIA["flac"])))


def test_a_size_that_lies_takes_no_memory() -> None:
    resource = pytest.importorskip("resource", reason="this platform does not tell")
    head, sound = wav(tone(0.5, 8_000), 8_000).split(b"data")
    lie = b"LIST" + np.array([2**31], "<u4").tobytes() + b"INFOISFT"
    lie += np.array([2**31 - 2**16], "<u4").tobytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadAudio):
        list(read_file(io.BytesIO(head + lie + b"data" + sound)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 * before


def sound_or_bad_audio(data: bytes, cuts: list[int]) -> None:
    try:
        pieces = list(read_file(io.BytesIO(data)))
    except BadAudio as error:
        assert "got" in error.message
    else:
        assert all(np.isfinite(piece).all() for piece in pieces)
    try:
        samples = push(data, cuts)
    except BadAudio as error:
        assert "got" in error.message
    else:
        assert np.isfinite(samples).all()


CUTS = st.lists(st.integers(0), max_size=5)
FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(data=st.binary(max_size=5_000), cuts=CUTS)
def test_random_bytes_do_no_harm(data: bytes, cuts: list[int]) -> None:
    sound_or_bad_audio(data, cuts)


@FUZZ
@given(
    name=st.sampled_from(sorted(MEDIA)),
    end=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=30),
    near_start=st.booleans(),
    cuts=CUTS,
)
def test_damaged_containers_do_no_harm(
    name: str,
    end: float,
    changes: list[tuple[float, int]],
    near_start: bool,
    cuts: list[int],
) -> None:
    data = bytearray(MEDIA[name][: round(end * len(MEDIA[name]))])
    reach = min(len(data), 600) if near_start else len(data)
    for place, value in changes:
        if data:
            data[min(int(place * reach), len(data) - 1)] = value
    sound_or_bad_audio(bytes(data), cuts)


def test_a_stream_that_was_refused_is_forgotten() -> None:
    def refused() -> weakref.ref[ContainerReader]:
        reader = ContainerReader()
        with closing(reader), pytest.raises(BadAudio):
            reader.receive(b"OggS" + bytes(80))
            reader.finish()
        return weakref.ref(reader)

    readers = [refused() for _ in range(3)]
    gc.collect()
    assert [reader() for reader in readers] == [None] * 3


def test_a_tag_in_no_known_letters_hides_no_length() -> None:
    sound = MEDIA["flac"]
    assert b"encoder=Lavf" in sound
    damaged = sound.replace(b"encoder=Lavf", b"encoder=\x81\xff\xfe\x80")
    assert (length := length_of(io.BytesIO(sound)))
    assert length_of(io.BytesIO(damaged)) == length
