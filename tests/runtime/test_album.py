"""Images of one recording → frames: placed, judged, and few in memory at a time."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.chunk import Mel, MelChunk
from sotto.audio.edges import heard_in
from sotto.audio.mel8 import HEADER, MAX_FRAMES, ValueRange, make_mel8, parse_mel8
from sotto.errors import BadAudio, TooLarge
from sotto.runtime.album import Album
from sotto.runtime.mel_door import MAX_GAP
from sotto.runtime.picture import MAX_BYTES, paint, see
from tests.transports.mel_pictures import clip_gray, clip_mel, picture

CLIP = parse_mel8(make_mel8(clip_mel())).mel
SPAN = ValueRange.of(clip_mel())


def part(first: int, end: int, position: int) -> bytes:
    """Frames of the clip, as the clip's own image has them."""
    head = HEADER.pack(b"mel8", 1, 0, 80, position, end - first, SPAN.least, SPAN.greatest)
    return head + SPAN.steps(clip_mel()[first:end]).tobytes()


def album(images: Sequence[bytes], given_: ValueRange | None = None) -> Album:
    return Album.of([io.BytesIO(image) for image in images], given_)


def heard(images: Sequence[bytes]) -> MelChunk:
    made = album(images)
    chunk = MelChunk.join(list(made.chunks()))
    assert (len(made), made.n_mels) == chunk.mel.shape
    assert chunk.start == 0
    return chunk


def flat(frames: int, value: float = -4.0) -> Mel:
    return np.full((frames, 80), value, np.float32)


@pytest.mark.parametrize("speech", [None, np.linspace(0, 1, len(CLIP), dtype=np.float32)])
def test_one_image_is_what_it_is_by_itself(speech: np.ndarray | None) -> None:
    data = make_mel8(clip_mel(), position=77, speech=speech)
    for image in (data, paint(clip_mel())):
        want, got = see(image), heard([image])
        np.testing.assert_array_equal(got.mel, want.mel)
        np.testing.assert_array_equal(got.speech, want.speech)


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(0, len(CLIP)), max_size=12), first=st.integers(0, 10_000))
def test_where_it_is_cut_changes_nothing(cuts: list[int], first: int) -> None:
    bounds = [0, *sorted(cuts), len(CLIP)]
    chunk = heard([part(lo, hi, first + lo) for lo, hi in pairwise(bounds)])
    np.testing.assert_array_equal(chunk.mel, CLIP)
    np.testing.assert_array_equal(chunk.speech, heard_in(CLIP).speech)


@settings(deadline=None, max_examples=40)
@given(
    bounds=st.lists(st.integers(0, len(CLIP)), min_size=2, max_size=8, unique=True).map(sorted),
    gaps=st.lists(st.integers(1, 300), min_size=8, max_size=8),
)
def test_each_run_between_gaps_is_judged_by_itself(bounds: list[int], gaps: list[int]) -> None:
    images, mels, speeches, at = [], [], [], 0
    for (lo, hi), gap in zip(pairwise(bounds), gaps, strict=False):
        images.append(part(lo, hi, at))
        mels += [CLIP[lo:hi], flat(gap, -10)]
        speeches += [heard_in(CLIP[lo:hi]).speech, np.zeros(gap, np.float32)]
        at += hi - lo + gap
    chunk = heard([*images, make_mel8(flat(0), position=at)])
    np.testing.assert_array_equal(chunk.mel, np.concatenate(mels))
    np.testing.assert_array_equal(chunk.speech, np.concatenate(speeches))


def test_a_gap_may_be_ten_minutes() -> None:
    images = [make_mel8(flat(5)), make_mel8(flat(5), position=5 + MAX_GAP)]
    assert len(album(images)) == MAX_GAP + 10
    with pytest.raises(BadAudio, match="image 2: expected at most 600 s"):
        album([images[0], make_mel8(flat(5), position=6 + MAX_GAP)])


def test_a_range_that_is_missing_is_told_with_its_image() -> None:
    bare = picture(clip_gray()[0], "png", "gray")
    with pytest.raises(BadAudio, match="image 2: expected an image that tells its min and max"):
        list(album([paint(CLIP), bare]).chunks())
    assert len(album([paint(CLIP), bare], SPAN)) == 2 * len(CLIP)


def test_more_than_an_image_may_be_is_refused_unread() -> None:
    with pytest.raises(TooLarge, match=r"^expected an image of at most"):
        album([b"mel8" + bytes(MAX_BYTES)])
    with pytest.raises(TooLarge, match=r"^image 2: expected an image of at most"):
        album([paint(flat(5)), b"mel8" + bytes(MAX_BYTES)])


def test_a_long_recording_is_never_in_memory_at_once() -> None:
    """800,000 frames, which take 256 MB as numbers; 65,535 are judged at a time."""
    images = 20
    picture = paint(np.tile(clip_mel(), (55, 1))[:40_000])
    made = album([picture] * images)
    tracemalloc.start()
    try:
        frames = spoken = 0
        for chunk in made.chunks():
            assert len(chunk) <= MAX_FRAMES
            frames += len(chunk)
            spoken += int((chunk.speech >= 0.5).sum())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert frames == len(made) == images * 40_000
    assert spoken > frames / 4
    assert peak < 130_000_000
