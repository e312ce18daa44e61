from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.chunk import Mel, MelChunk
from sotto.audio.edges import EdgeStream, speech_in
from sotto.audio.mel import LogMel
from sotto.audio.mel8 import HEADER, MAX_FRAMES, make_mel8, parse_mel8
from sotto.errors import BadAudio
from sotto.runtime.container import read_file
from sotto.runtime.mel_door import MAX_GAP, MelDoor
from tests.speech import CLIP

PAGE = (Path(__file__).parents[2] / "docs" / "mel-image.md").read_text()
BANDS = 80


def mel_of(path: Path, bands: int = BANDS) -> Mel:
    samples = np.concatenate(list(read_file(path)))
    log_mel = LogMel(bands)
    return np.concatenate([log_mel.receive(samples), log_mel.finish()])


SPEECH = mel_of(CLIP)


def flat(frames: int, value: float = -4.0, bands: int = BANDS) -> Mel:
    return np.full((frames, bands), value, np.float32)


def forged(**other: object) -> bytes:
    """An image of two frames, with other fields than it should have."""
    fields = {
        "magic": b"mel8", "version": 1, "flags": 0, "bands": BANDS, "position": 0, "frames": 2,
        "least": -10.0, "greatest": 2.0,
    } | other  # fmt: skip
    return HEADER.pack(*fields.values()) + bytes(2 * BANDS)


def heard(door: MelDoor, *images: bytes) -> MelChunk:
    return MelChunk.join([*(door.receive(image) for image in images), door.finish()])


# ---- the format


@pytest.mark.parametrize("bands", [80, 128])
def test_there_and_back(bands: int) -> None:
    mel = mel_of(CLIP, bands)
    back = parse_mel8(make_mel8(mel, position=77))
    assert (back.position, back.end, back.speech) == (77, 77 + len(mel), None)
    step = (mel.max() - mel.min()) / 255
    assert np.abs(back.mel - mel).max() <= 0.51 * step
    assert back.mel.dtype == np.float32


def test_speech_goes_along() -> None:
    speech = np.linspace(0, 1, len(SPEECH), dtype=np.float32)
    back = parse_mel8(make_mel8(SPEECH, speech=speech)).speech
    assert back is not None
    assert np.abs(back - speech).max() <= 0.51 / 255
    assert (back[0], back[-1]) == (0, 1)


def test_the_extremes_are_exact() -> None:
    mel = flat(2, -10.0)
    mel[1, 3] = 1.5
    np.testing.assert_array_equal(parse_mel8(make_mel8(mel)).mel, mel)
    np.testing.assert_array_equal(parse_mel8(make_mel8(flat(3))).mel, flat(3))


def test_none_and_many_frames() -> None:
    empty = make_mel8(flat(0), position=500)
    assert len(empty) == HEADER.size == 24
    assert parse_mel8(empty).end == 500
    assert len(parse_mel8(make_mel8(flat(MAX_FRAMES))).mel) == MAX_FRAMES
    with pytest.raises(ValueError, match="at most 65535"):
        make_mel8(flat(MAX_FRAMES + 1))


def test_the_example_of_the_page() -> None:
    """The first frame has band after band a byte more; the second is loudest in all of them."""
    example = re.search(r"```hex\n(.*?)```", PAGE, re.DOTALL)
    assert example
    lines = [line.partition("#")[0] for line in example[1].splitlines()]
    data = bytes.fromhex("".join(lines))
    image = parse_mel8(data)
    assert image.position == 300
    assert image.mel.shape == (2, 80)
    want = -10.0 + np.arange(80) / 255 * 12.75
    np.testing.assert_allclose(image.mel[0], want, atol=1e-5)
    np.testing.assert_array_equal(image.mel[1], flat(1, 2.75)[0])
    assert image.speech is not None
    assert image.speech.tolist() == [np.float32(51) / np.float32(255), 1]
    assert make_mel8(image.mel, position=300, speech=image.speech) == data


def test_the_table_of_the_page_is_the_header() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)
    sizes = [int(size) for _, size, _ in rows]
    assert [int(at) for at, _, _ in rows] == [sum(sizes[:n]) for n in range(len(rows))]
    assert sum(sizes) == HEADER.size


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "at least 24 bytes, got 0"),
        (forged()[:23], "at least 24 bytes, got 23"),
        (forged()[:-1], "of 184 bytes, got 183"),
        (forged() + b"\0", "of 184 bytes, got 185"),
        (forged(flags=1), "of 186 bytes, got 184"),
        (forged(magic=b"MEL8"), "begins with"),
        (forged(version=0), "version 1, got 0"),
        (forged(version=2), "version 1, got 2"),
        (forged(flags=2), "flags 1 or 0, got 2"),
        (forged(bands=0), "80 or 128 bands, got 0"),
        (forged(bands=81), "80 or 128 bands, got 81"),
        (forged(frames=MAX_FRAMES + 1), "at most 65535 frames"),
        (forged(frames=2**32 - 1), "at most 65535 frames"),
        (forged(position=2**32 - 1), "expected frames up to"),
        (forged(least=float("nan")), "finite"),
        (forged(greatest=float("nan")), "finite"),
        (forged(least=float("-inf")), "finite"),
        (forged(greatest=float("inf")), "finite"),
        (forged(least=2.5), "from its least to its greatest"),
        (forged(least=-1e9), "within ±100"),
        (forged(greatest=1e9), "within ±100"),
    ],
)
def test_what_is_no_such_image_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(BadAudio, match=words):
        parse_mel8(data)


@settings(deadline=None, max_examples=400)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.builds(
            lambda data, at, byte, cut: (data[:at] + byte + data[at + 1 :])[:cut],
            st.sampled_from([forged(), forged(frames=0), forged(flags=1) + b"\1\2"]),
            st.integers(0, 30),
            st.binary(min_size=1, max_size=1),
            st.integers(0, 200),
        ),
    )
)
def test_any_bytes_are_an_image_or_refused(data: bytes) -> None:
    try:
        image = parse_mel8(data)
    except BadAudio as error:
        assert "expected" in error.message
        assert len(error.message) < 200
    else:
        assert np.isfinite(image.mel).all()
        assert len(data) >= 24 + image.mel.size


# ---- speech by edges, while the image grows


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 120), max_size=30), st.integers(0, 700))
def test_edges_are_the_same_however_the_image_is_cut(cuts: list[int], start: int) -> None:
    mel = SPEECH[start:]
    whole = EdgeStream(BANDS)
    want = np.concatenate([whole.receive(mel), whole.release()])
    stream = EdgeStream(BANDS)
    at, got = 0, []
    for cut in [*cuts, len(mel)]:
        got.append(stream.receive(mel[at : at + cut]))
        at += cut
    got.append(stream.release())
    np.testing.assert_array_equal(np.concatenate(got), want)


def test_edges_of_speech_are_those_of_the_whole_image() -> None:
    """Where the loudest is known from the start, both clamp alike."""
    mel = np.concatenate([flat(20, SPEECH.max()), SPEECH])
    stream = EdgeStream(BANDS)
    got = np.concatenate([stream.receive(mel), stream.release()])
    np.testing.assert_array_equal(got, speech_in(mel))


def test_only_nine_frames_wait() -> None:
    stream = EdgeStream(BANDS)
    assert [len(stream.receive(SPEECH[n : n + 1])) for n in range(12)] == [0] * 9 + [1, 1, 1]
    assert len(stream.release()) == 9
    assert len(stream.receive(SPEECH[12:40])) == 19


# ---- the door


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 200), max_size=12))
def test_frames_are_the_same_however_they_are_sent(cuts: list[int]) -> None:
    whole = parse_mel8(make_mel8(SPEECH)).mel
    span = {"least": float(SPEECH.min()), "greatest": float(SPEECH.max())}
    data = make_mel8(SPEECH)[HEADER.size :]
    images, at = [], 0
    for cut in [*cuts, len(SPEECH)]:
        rows = data[at * BANDS : (at + cut) * BANDS]
        image = forged(position=at, frames=len(rows) // BANDS, **span)[: HEADER.size] + rows
        images.append(image)
        at += len(rows) // BANDS
    chunk = heard(MelDoor(BANDS), *images)
    np.testing.assert_array_equal(chunk.mel, whole)
    want = heard(MelDoor(BANDS), make_mel8(SPEECH))
    np.testing.assert_array_equal(chunk.speech, want.speech)
    assert chunk.start == 0


def test_what_was_not_sent_is_silence() -> None:
    door = MelDoor(BANDS)
    chunk = heard(
        door, make_mel8(SPEECH[:300], position=50), make_mel8(SPEECH[300:400], position=1000)
    )
    assert len(chunk) == 1100
    quiet = [*range(50), *range(350, 1000)]
    assert (chunk.mel[quiet] == -10).all()
    assert not chunk.speech[quiet].any()
    np.testing.assert_allclose(chunk.mel[50:350], SPEECH[:300], atol=0.05)
    assert chunk.speech[50:350].max() == 1


def test_a_seam_to_silence_is_no_speech() -> None:
    """Loud steady noise that is cut out of silence has no edge of its own."""
    images = [make_mel8(flat(20, 1.0), position=100 * n) for n in range(5)]
    assert heard(MelDoor(BANDS), *images).speech.max() == 0


def test_speech_as_the_client_marks_it_leaves_at_once() -> None:
    door = MelDoor(BANDS)
    marked = np.tile(np.float32([0, 1]), 10)
    assert len(door.receive(make_mel8(flat(20)))) == 11
    chunk = door.receive(make_mel8(flat(20), position=20, speech=marked))
    assert chunk.start == 11
    assert chunk.speech.tolist() == [*[0] * 9, *marked]
    assert len(door.finish()) == 0


def test_what_waits_can_be_released() -> None:
    door = MelDoor(BANDS)
    first = door.receive(make_mel8(SPEECH[:100]))
    rest = door.release()
    assert (first.end, rest.end) == (91, 100)
    assert door.receive(make_mel8(SPEECH[100:200], position=100)).start == 100


def test_an_empty_image_moves_the_clock() -> None:
    door = MelDoor(BANDS)
    assert len(door.receive(make_mel8(flat(0), position=MAX_GAP))) == MAX_GAP
    assert len(door.receive(make_mel8(flat(0), position=2 * MAX_GAP))) == MAX_GAP
    assert len(door.receive(make_mel8(flat(0), position=2 * MAX_GAP))) == 0


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (make_mel8(flat(5), position=5), "from frame 10 on, got one at frame 5"),
        (make_mel8(flat(5), position=9), "from frame 10 on, got one at frame 9"),
        (make_mel8(flat(5), position=11 + MAX_GAP), "at most 600 s of silence"),
        (make_mel8(flat(5, bands=128), position=10), "images of 80 bands"),
        (forged(position=10, version=9), "version 1"),
    ],
    ids=["back", "overlap", "far ahead", "bands", "version"],
)
def test_what_does_not_follow_is_refused(image: bytes, words: str) -> None:
    door = MelDoor(BANDS)
    door.receive(make_mel8(flat(10)))
    with pytest.raises(BadAudio, match=words):
        door.receive(image)
    assert len(door.finish()) == 9  # what came before is heard


def test_the_header_is_little_endian() -> None:
    assert struct.unpack_from("<I", make_mel8(flat(1), position=7), 8) == (7,)
