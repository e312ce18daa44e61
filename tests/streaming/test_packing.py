from __future__ import annotations

import pytest

from sotto.interfaces.engine import Traits
from sotto.streaming.actions import Decode
from sotto.streaming.options import SessionOptions
from sotto.streaming.segmenter import SegmenterOptions
from sotto.streaming.session import Session
from sotto.testing.engines import VOCABULARY, speak
from sotto.transcript.options import AudioContext

EACH = 300
"""Frames from one utterance's beginning to the next."""


@pytest.mark.parametrize(
    ("context", "utterances"), [("exact", 1), ("margin", 6), ("full", 18)], ids=str
)
def test_utterances_of_a_file_share_windows_where_that_is_cheaper(
    context: str, utterances: int
) -> None:
    words = [(VOCABULARY[i % 26], i * EACH, i * EACH + 100) for i in range(40)]
    traits = Traits(audio_context=AudioContext(context))
    session = Session(traits, SessionOptions(partials=False, use_context=False, lookahead=100))
    actions = [*session.receive(speak(words, 40 * EACH)), *session.finish()]
    windows = [len(action.job.mel) for action in actions if isinstance(action, Decode)]
    one = 160  # 100 of speech and 50 of the silence around it, in whole buckets
    assert windows[0] <= utterances * one
    assert max(windows) > (utterances - 1) * one
    assert len(windows) == -(-40 // utterances)


def test_a_session_that_is_full_waits_for_no_more_to_fill_its_window() -> None:
    """No more would come: its driver takes no sound until something of it was heard."""
    words = [(VOCABULARY[i % 26], i * 100, i * 100 + 10) for i in range(80)]
    options = SessionOptions(
        segmenter=SegmenterOptions(pre_roll=0), partials=False, use_context=False, lookahead=16
    )
    session = Session(Traits(audio_context=AudioContext.FULL), options)
    for action in session.receive(speak(words, 8_000)):
        if isinstance(action, Decode):
            break
        assert not session.is_full
    else:
        pytest.fail("expected a window before all sound was taken")
