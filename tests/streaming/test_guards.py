from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.interfaces.engine import HeardWord, Hypothesis
from sotto.streaming.guards import GuardOptions, compression_ratio, cut_loop, judge
from sotto.transcript.options import AudioContext
from sotto.transcript.words import Word

SPEECH = np.ones(1000, np.float32)


def words(texts: list[str], frames_each: int = 30) -> tuple[HeardWord, ...]:
    return tuple(
        HeardWord(Word(text, i * frames_each, (i + 1) * frames_each, 0.9), (i,))
        for i, text in enumerate(texts)
    )


def hypothesis(heard: tuple[HeardWord, ...], logprob: float = -0.2) -> Hypothesis:
    return Hypothesis(1, heard, 0, "en", 1.0, logprob, 0.01, AudioContext.EXACT)


def test_plain_speech_is_believed() -> None:
    heard = words([" one", " two", " three"])
    verdict = judge(hypothesis(heard), SPEECH, GuardOptions())
    assert verdict.tail == heard
    assert verdict.suspicion is None


def said(text: str, start: int, end: int, probability: float) -> HeardWord:
    return HeardWord(Word(text, start, end, probability), (1,))


def places(heard: tuple[HeardWord, ...]) -> list[tuple[str, int, int]]:
    return [(one.word.text, one.word.start, one.word.end) for one in heard]


def test_words_where_nobody_spoke_are_dropped() -> None:
    speech = SPEECH.copy()
    speech[:100] = 0.0
    heard = (said(" ghost", 0, 70, 0.8), said(" one", 120, 180, 0.9))
    verdict = judge(hypothesis(heard), speech, GuardOptions())
    assert places(verdict.tail) == [(" one", 120, 180)]


def test_certain_words_beside_speech_are_put_where_it_is() -> None:
    speech = np.zeros(1000, np.float32)
    speech[200:260] = speech[400:430] = 1.0
    heard = (
        said(" one", 0, 40, 0.95),
        said(" ghost", 50, 80, 0.5),
        said(" two", 100, 140, 0.95),
        said(" three", 400, 460, 0.6),
        said(" too", 600, 640, 0.95),
    )
    verdict = judge(hypothesis(heard), speech, GuardOptions())
    assert places(verdict.tail) == [(" one", 200, 230), (" two", 230, 260), (" three", 400, 430)]


def test_speech_that_the_prefix_has_is_not_given_again() -> None:
    speech = np.zeros(1000, np.float32)
    speech[200:260] = 1.0
    heard = (said(" one", 205, 255, 0.9), said(" one", 600, 640, 0.95))
    verdict = judge(replace(hypothesis(heard), prefix_words=1), speech, GuardOptions())
    assert verdict.tail == ()


def test_faint_speech_counts_if_its_words_are_sure() -> None:
    faint = np.full(1000, 0.6, np.float32)
    sure = words([" one"])
    unsure = tuple(replace(w, word=replace(w.word, probability=0.4)) for w in sure)
    assert judge(hypothesis(sure), faint, GuardOptions()).tail == sure
    assert judge(hypothesis(unsure), faint, GuardOptions()).tail == ()
    assert judge(hypothesis(unsure), SPEECH, GuardOptions()).tail == unsure


def test_only_ghosts_are_suspicious() -> None:
    verdict = judge(hypothesis(words([" ghost"])), np.zeros(1000, np.float32), GuardOptions())
    assert verdict.tail == ()
    assert verdict.suspicion == "words in silence"


def test_no_speech_with_a_low_logprob_drops_all() -> None:
    heard = replace(hypothesis(words([" thanks"]), -1.5), no_speech_prob=0.8)
    assert judge(heard, SPEECH, GuardOptions()).tail == ()
    sure = replace(heard, avg_logprob=-0.1)
    assert judge(sure, SPEECH, GuardOptions()).tail != ()


def test_a_loop_without_time_to_be_spoken_is_cut() -> None:
    heard = words([" so", *[" you", " know"] * 6], frames_each=3)
    verdict = judge(hypothesis(heard), SPEECH, GuardOptions())
    assert [item.word.text for item in verdict.tail] == [" so", " you", " know"]
    assert verdict.suspicion == "loop"


def test_a_loop_that_may_go_on_is_one_from_the_second_time_on() -> None:
    heard = words([" so", *[" you", " know"] * 2, " yo"], frames_each=3)
    verdict = judge(hypothesis(heard), SPEECH, GuardOptions())
    assert (verdict.tail, verdict.suspicion) == (heard, None)
    verdict = judge(replace(hypothesis(heard), is_whole=False), SPEECH, GuardOptions())
    assert [item.word.text for item in verdict.tail] == [" so", " you", " know"]
    assert verdict.suspicion == "loop"
    ended = words([" so", *[" you", " know"] * 2, " what", " yo"], frames_each=3)
    verdict = judge(replace(hypothesis(ended), is_whole=False), SPEECH, GuardOptions())
    assert (verdict.tail, verdict.suspicion) == (ended, None)


def test_half_a_word_stays_and_is_no_reason_for_suspicion() -> None:
    half = HeardWord(Word(" hm", 30, 30, 0.9), tuple(range(30)))
    for heard in ((*words([" so"]), half), (half,)):
        assert judge(hypothesis(heard), SPEECH, GuardOptions()).suspicion == "too many words"
        verdict = judge(replace(hypothesis(heard), is_whole=False), SPEECH, GuardOptions())
        assert (verdict.tail, verdict.suspicion) == (heard, None)


def test_a_word_that_is_really_said_again_and_again_stays() -> None:
    heard = words([" no"] * 20)
    assert cut_loop(heard, GuardOptions()) == heard


@pytest.mark.parametrize(
    ("heard", "logprob", "why"),
    [
        (words([f" w{i}" for i in range(40)], frames_each=2), -0.1, "too many words"),
        (words([" never again we said"] * 12, frames_each=60), -0.1, "repeats itself"),
        (words([" hm"]), -1.2, "unsure"),
    ],
)
def test_suspicions(heard: tuple[HeardWord, ...], logprob: float, why: str) -> None:
    assert judge(hypothesis(heard, logprob), SPEECH, GuardOptions()).suspicion == why


def test_the_forced_prefix_is_not_judged() -> None:
    heard = words([" ghost", " one"])
    speech = np.zeros(1000, np.float32)
    verdict = judge(replace(hypothesis(heard), prefix_words=2), speech, GuardOptions())
    assert verdict.tail == ()
    assert verdict.suspicion is None


@given(st.lists(st.sampled_from([" a", " b", " c"]), max_size=40), st.integers(1, 20))
def test_cutting_a_loop_keeps_a_beginning_and_one_of_each(texts: list[str], each: int) -> None:
    heard = words(texts, frames_each=each)
    kept = cut_loop(heard, GuardOptions())
    assert kept == heard[: len(kept)]
    assert {w.word.text for w in kept} == {w.word.text for w in heard} or len(kept) < len(heard)


def test_compression_ratio_of_repetition_is_high() -> None:
    assert compression_ratio("") == 1.0
    assert compression_ratio("the same thing " * 30) > 2.4 > compression_ratio("plain words")
