from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.buffer import FrameBuffer
from sotto.audio.chunk import MelChunk
from sotto.audio.mel import SILENCE

FRAMES = np.arange(1_000, dtype=np.float32)
WHOLE = MelChunk(0, np.repeat(FRAMES[:, None], 3, axis=1), FRAMES / 1_000)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 300)), max_size=12))
def test_what_is_not_forgotten_stays_as_it_was(steps: list[tuple[int, int]]) -> None:
    buffer, kept = FrameBuffer(3), 0
    for length, behind in steps:
        buffer.append(WHOLE.between(buffer.end, buffer.end + length))
        kept = max(kept, buffer.end - behind)
        buffer.forget(kept)
        window = buffer.window(kept, buffer.end)
        np.testing.assert_array_equal(window.mel, WHOLE.mel[kept : buffer.end])
        np.testing.assert_array_equal(window.speech, WHOLE.speech[kept : buffer.end])


def test_memory_follows_what_is_kept() -> None:
    buffer = FrameBuffer(3)
    for number in range(500):
        chunk = WHOLE.between(0, 100)
        buffer.append(MelChunk(number * 100, chunk.mel, chunk.speech))
        buffer.forget(buffer.end - 150)
    assert len(buffer) <= 400


def test_around_the_stream_there_is_silence() -> None:
    buffer = FrameBuffer(3)
    buffer.append(WHOLE.between(0, 5))
    window = buffer.window(-2, 5, missing=3)
    assert window.start == -2
    assert window.mel[:, 0].tolist() == [SILENCE] * 2 + [0, 1, 2, 3, 4] + [SILENCE] * 3
    assert (window.speech[:2] == 0).all() and (window.speech[-3:] == 0).all()


def test_gaps_and_forgotten_frames_are_refused() -> None:
    buffer = FrameBuffer(3)
    with pytest.raises(ValueError, match="expected a chunk at frame 0"):
        buffer.append(WHOLE.between(5, 9))
    buffer.append(WHOLE.between(0, 100))
    buffer.forget(90)
    with pytest.raises(ValueError, match="expected frames within 90"):
        buffer.window(10, 95)
