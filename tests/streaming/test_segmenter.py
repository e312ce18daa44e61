from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.interfaces.engine import BUCKET
from sotto.streaming.segmenter import Began, Boundary, Ended, Segmenter, SegmenterOptions


def run(speech: list[float], options: SegmenterOptions | None = None) -> list[Boundary]:
    segmenter = Segmenter(options or SegmenterOptions())
    boundaries = [boundary for p in speech for boundary in segmenter.step(p)]
    ended = segmenter.flush()
    return [*boundaries, *([ended] if ended else [])]


def test_one_utterance_with_air_around_it() -> None:
    began, ended = run([0.0] * 100 + [0.9] * 80 + [0.0] * 100)
    assert began == Began(start=70, at=100)
    assert isinstance(ended, Ended)
    assert ended.at == 180
    assert 200 <= ended.end < 200 + BUCKET
    assert (ended.end - 70) % BUCKET == 0


def test_a_click_is_no_speech() -> None:
    assert run([0.0] * 50 + [1.0] * 9 + [0.0] * 100) == []


def test_a_short_pause_does_not_end_it() -> None:
    assert len(run([0.9] * 50 + [0.0] * 59 + [0.9] * 50 + [0.0] * 70)) == 2


def test_between_release_and_threshold_speech_goes_on_but_does_not_begin() -> None:
    assert run([0.4] * 200) == []
    assert len(run([0.9] * 20 + [0.4] * 300 + [0.9] * 20 + [0.0] * 70)) == 2


def test_the_next_utterance_does_not_reach_into_the_last_one() -> None:
    first, ended, second, _ = run([0.9] * 50 + [0.0] * 62 + [0.9] * 50)
    assert isinstance(first, Began) and isinstance(ended, Ended) and isinstance(second, Began)
    assert second.start >= ended.end


def test_flush_ends_at_the_last_frame_and_says_how_much_silence_is_missing() -> None:
    (_, ended) = run([0.0] * 100 + [0.9] * 33)
    assert ended == Ended(end=133, at=133, missing=33)  # 30 + 33 + 20 → 96 frames
    (_, ended) = run([0.0] * 100 + [0.9] * 33 + [0.0] * 40)
    assert ended == Ended(end=166, at=133, missing=0)


def test_before_the_stream_there_was_silence() -> None:
    (began, _) = run([0.0] * 10 + [0.9] * 33)
    assert began == Began(start=-20, at=10)


def test_too_long_speech_is_cut_where_it_is_weakest() -> None:
    options = SegmenterOptions(max_utterance=600)
    speech = [0.9] * 1000
    speech[500:520] = [0.5] * 20
    boundaries = run([*speech, *[0.0] * 70], options)
    assert [type(b) for b in boundaries] == [Began, Ended, Began, Ended]
    cut = boundaries[1]
    assert isinstance(cut, Ended) and isinstance(boundaries[2], Began)
    assert 490 <= cut.end <= 520
    assert boundaries[2].start == cut.end


def test_silence_must_leave_room_for_the_post_roll() -> None:
    with pytest.raises(ValueError, match="expected a silence"):
        SegmenterOptions(silence=20)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.95]), st.integers(1, 400)), max_size=20
    ),
    st.sampled_from([200, 600, 2800]),
)
def test_utterances_are_ordered_bounded_and_do_not_overlap(
    runs: list[tuple[float, int]], longest: int
) -> None:
    speech = np.repeat([p for p, _ in runs], [n for _, n in runs]).tolist()
    boundaries = run(speech, SegmenterOptions(max_utterance=longest))
    assert [type(b) for b in boundaries] == [Began, Ended] * (len(boundaries) // 2)
    spans = [
        (a.start, b.end)
        for a, b in zip(boundaries[::2], boundaries[1::2], strict=True)
        if isinstance(a, Began) and isinstance(b, Ended)
    ]
    for start, end in spans:
        assert -30 <= start < end <= len(speech)
        assert end - start <= longest
    for (_, end), (start, _) in pairwise(spans):
        assert end <= start


@given(st.lists(st.floats(0, 1), max_size=600))
def test_earliest_never_passes_what_an_utterance_still_needs(speech: list[float]) -> None:
    segmenter = Segmenter(SegmenterOptions(max_utterance=200))
    kept = 0
    for p in speech:
        for boundary in segmenter.step(p):
            if isinstance(boundary, Began):
                assert max(boundary.start, 0) >= kept
        kept = max(kept, segmenter.earliest)


def test_it_is_alert_before_speech_is_sure() -> None:
    segmenter = Segmenter(SegmenterOptions())
    assert segmenter.skip_quiet(np.array([0.0, 0.1], np.float32)) == 2
    assert not segmenter.is_alert
    segmenter.skip_quiet(np.array([0.0, 0.2], np.float32))
    assert segmenter.is_alert
    segmenter.step(0.1)
    assert not segmenter.is_alert
    segmenter.step(0.6)
    segmenter.step(0.4)
    assert segmenter.is_alert  # it may have begun
