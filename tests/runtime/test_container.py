"""Files and recorded streams of every kind give their sound, cut anywhere, cut short, damaged."""

import gc
import io
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media import (
    FILES,
    HERTZ,
    MEDIA,
    STREAMS,
    Pipe,
    assert_no_thread_is_left,
    make,
    pull_threads,
    push,
)

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.errors import BadAudio
from sotto.runtime.container import ContainerReader, read_file


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert_no_thread_is_left()


def assert_is_the_tone(samples: Samples, seconds: float = 1.0) -> None:
    """Codecs shift and color it a little; the rate, the pitch and the loudness stay."""
    assert samples.dtype == np.float32
    assert seconds - 0.05 < len(samples) / SAMPLE_RATE < seconds + 0.1
    middle = samples[3_200:-3_200]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    peak = spectrum.argmax() * SAMPLE_RATE / len(middle)
    assert abs(peak - HERTZ) < 3
    assert abs(np.sqrt(np.mean(middle**2)) - 0.3 / np.sqrt(2)) < 0.02


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_kind_give_their_sound(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(MEDIA[name])
    from_path = np.concatenate(list(read_file(path)))
    assert_is_the_tone(from_path)
    np.testing.assert_array_equal(
        np.concatenate(list(read_file(io.BytesIO(MEDIA[name])))), from_path
    )


@pytest.mark.parametrize("name", STREAMS)
def test_a_file_need_not_be_seekable(name: str) -> None:
    assert_is_the_tone(np.concatenate(list(read_file(Pipe(MEDIA[name])))))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", STREAMS)
def test_streams_of_every_kind_give_their_sound(name: str) -> None:
    assert_is_the_tone(push(MEDIA[name], range(0, 10**6, 700)))


def test_pieces_of_a_file_are_bounded() -> None:
    pieces = list(read_file(io.BytesIO(make("flac", "flac", seconds=4))))
    assert sum(map(len, pieces)) == 4 * SAMPLE_RATE
    assert max(map(len, pieces)) < 2 * SAMPLE_RATE
    assert len(pieces) <= 5


def test_channels_are_mixed_down() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(
            np.array([[16_384, 0], [-16_384, 16_384], [32_767, 32_767]], "<i2").tobytes()
        )
    (samples,) = read_file(io.BytesIO(file.getvalue()))
    np.testing.assert_allclose(samples, [0.25, 0.0, 32_767 / 32_768], atol=1e-7)


def test_the_rate_may_change_within_a_stream() -> None:
    low, high = make("adts", "aac", rate=24_000), make("adts", "aac", rate=48_000)
    together = push(low + high, range(0, 10**6, 1_000))
    assert_is_the_tone(together, 2.1)
    assert abs(len(together) - len(push(low)) - len(push(high))) < 10


@settings(deadline=None, max_examples=60)
@given(name=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0), max_size=30))
def test_cutting_does_not_matter(name: str, cuts: list[int]) -> None:
    np.testing.assert_array_equal(push(MEDIA[name], cuts), push(MEDIA[name]))


def test_sound_comes_as_soon_as_its_packet_is_there() -> None:
    data = MEDIA["webm"]
    reader = ContainerReader()
    heard = [len(reader.receive(data[at : at + 400])) for at in range(0, len(data) - 400, 400)]
    assert sum(heard[:4]) > 0, "the first sound is held back"
    assert sum(heard) > 0.85 * SAMPLE_RATE
    reader.close()


@pytest.mark.parametrize("name", STREAMS)
def test_a_truncated_container_gives_what_it_holds(name: str) -> None:
    whole = make(*FILES[name], seconds=4)
    half = whole[: len(whole) // 2]
    for samples in (push(half), np.concatenate(list(read_file(io.BytesIO(half))))):
        assert 0.8 * SAMPLE_RATE < len(samples) < 2.2 * SAMPLE_RATE


@pytest.mark.parametrize("name", ["aac", "mkv with video"])
def test_a_damaged_packet_is_a_click(name: str) -> None:
    data = bytearray(MEDIA[name])
    data[4_700:4_730] = b"\xff" * 30
    for samples in (push(bytes(data)), np.concatenate(list(read_file(io.BytesIO(data))))):
        assert not np.array_equal(samples, push(MEDIA[name]))
        assert len(samples) > 0.85 * SAMPLE_RATE


def test_a_stream_that_vanishes_amid_a_packet_gives_what_it_held() -> None:
    data = MEDIA["fragmented mp4"]
    assert len(push(data[:2_685])) == 3_072
    assert len(push(data[:2_685], [1_000, 2_000])) == 3_072


def test_a_stream_that_breaks_and_goes_on_is_an_error() -> None:
    data = MEDIA["fragmented mp4"]
    second = data.index(b"moof", data.index(b"moof") + 4)
    table = data.index(b"trun", second) + 4
    bad_table = data[:table] + b"\xff" * 12 + data[table + 12 :]
    with pytest.raises(BadAudio, match="got one that breaks off"):
        push(bad_table, range(0, len(data), 500))
    no_box = data[: second - 4] + bytes(8) + data[second + 4 :]
    with pytest.raises(BadAudio, match="expected nothing after the sound's end, got 500 bytes"):
        push(no_box, range(0, len(data), 500))


def test_a_truncated_header_gives_an_error() -> None:
    for name in STREAMS:
        with pytest.raises(BadAudio, match=r"^expected .* got"):
            push(MEDIA[name][:30])


def test_closing_ends_the_thread_wherever_it_is() -> None:
    for length in (0, 3, 4, 50, 300, 5_000, len(MEDIA["webm"])):
        reader = ContainerReader()
        reader.receive(MEDIA["webm"][:length])
        assert len(pull_threads()) == (length >= 4)
        reader.close()
        assert not pull_threads()
        reader.close()


def test_a_forgotten_reader_leaves_no_thread() -> None:
    reader = ContainerReader()
    reader.receive(MEDIA["webm"][:5_000])
    (thread,) = pull_threads()
    del reader
    gc.collect()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_an_error_stays() -> None:
    reader = ContainerReader()
    with pytest.raises(BadAudio):
        reader.receive(bytes(20_000_000))
    with pytest.raises(BadAudio):
        reader.receive(MEDIA["webm"])
    with pytest.raises(BadAudio):
        reader.finish()


def test_threads_may_take_turns() -> None:
    reader = ContainerReader()
    data = MEDIA["webm"]
    parts: list[Samples] = []
    for at in range(0, len(data), 2_000):
        piece = data[at : at + 2_000]
        turn = threading.Thread(target=lambda piece=piece: parts.append(reader.receive(piece)))
        turn.start()
        turn.join()
    np.testing.assert_array_equal(np.concatenate([*parts, reader.finish()]), push(data))
