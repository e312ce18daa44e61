"""What `sotto bench talk` makes of what a server told, without one."""

from __future__ import annotations

import pytest

from sotto.bench.streams.plan import Spoken, Utterance
from sotto.bench.talk.plan import Interruption, Log, Plan, Question
from sotto.bench.talk.reading import BYTES_PER_SECOND, add_up, answer_to, asked, read
from sotto.client.talk_events import (
    AnswerEnded,
    AnswerStarted,
    Says,
    Sounds,
    TalkEvent,
    TurnEnded,
    TurnStarted,
    Understood,
)
from sotto.errors import BadOption

DIGITS = tuple(Spoken((word,), 8_000, 800, 7_200) for word in ("one", "two", "three"))
QUESTION = Question("one two", began=10.0, ended=12.0)


def told(response: str, since: float, status: str = "completed") -> list[tuple[float, TalkEvent]]:
    """An answer as it comes, whose question was understood just before."""
    return [
        (since - 0.1, Understood(f"item of {response}", "one two")),
        (since, AnswerStarted(response)),
        (since + 0.3, Says(response, "a", "You said: one")),
        (since + 0.4, Says(response, "a", " two")),
        (since + 0.5, Sounds(response, "a", bytes(BYTES_PER_SECOND))),
        (since + 0.6, Sounds(response, "a", bytes(BYTES_PER_SECOND // 2))),
        (since + 0.7, AnswerEnded(response, status)),
    ]


def test_a_question_is_read_from_what_was_told() -> None:
    events = [(10.4, TurnStarted("i", 0.4)), (12.5, TurnEnded("i", 2.1)), *told("r", 12.8)]
    assert answer_to(QUESTION, events) == "r"
    found = read(QUESTION, events, "r")
    assert (found.heard, found.answer) == ("one two", "You said: one two")
    times = (found.understood, found.first_word, found.first_sound, found.sound)
    assert times == pytest.approx((12.7, 13.1, 13.3, 1.5))
    assert not found.failure


def test_an_answer_to_half_a_question_or_to_the_one_before_is_none() -> None:
    early, cut = told("early", 11.0), told("cut", 12.2, "cancelled")
    assert answer_to(QUESTION, [*early, *cut]) is None
    assert answer_to(QUESTION, [*early, *cut, *told("r", 14.0)]) == "r"
    broken = read(QUESTION, told("r", 12.5, "failed"), "r")
    assert broken.failure.startswith("failed")


def test_the_language_models_time_is_taken_out() -> None:
    log = Log(0, [read(QUESTION, told("r", 12.8), "r")])
    result = add_up([log], repeats=True)
    assert result.first_sound is not None and result.own is not None
    assert result.first_sound.p50 == pytest.approx(1.3)
    assert result.own.p50 == pytest.approx(1.3 - 0.4)
    assert (result.answered, result.wer, result.mixed) == (1, 0.0, 0)


def test_what_another_said_in_an_answer_is_counted() -> None:
    stolen = Question("one two", 0, 1, "one two", "You said: three three.", 1.1, 1.2, 1.3, 1.0)
    lost = Question("one two", 0, 1, failure="no answer came in time")
    logs = [Log(0, [stolen]), Log(1, [lost], failure="the server hung up")]
    result = add_up(logs, repeats=True)
    assert (result.answered, result.mixed) == (1, 1)
    assert result.failures == ("no answer came in time", "the server hung up")
    assert add_up(logs, repeats=False).mixed is None
    assert result.wer == 0.5


def test_interruptions_that_nobody_was_told_of_are_counted() -> None:
    told = [Interruption(1.0, 1.2, 1.9), Interruption(3.0, None, 3.4), Interruption(5.0)]
    result = add_up([Log(0, interruptions=told, short=1)], repeats=True)
    assert result.quiet is not None and result.stop is not None
    assert (result.quiet.p50, result.quiet.most) == pytest.approx((0.2, 0.4))
    assert (result.stop.p50, result.stop.most) == pytest.approx((0.4, 0.9))
    assert (result.interruptions, result.unstopped, result.short) == (3, 1, 1)


def test_conversations_say_the_same_for_the_same_seed_and_else_others() -> None:
    plan = Plan(conversations=2, turns=2, interruptions=1)
    texts = [[one.text for one in plan.said(DIGITS, who)] for who in (0, 1, 0)]
    assert texts[0] == texts[2] != texts[1]
    assert [len(text) for text in texts] == [4, 4, 4]
    assert all(4 <= len(text.split()) <= 6 for text in texts[0])
    with pytest.raises((BadOption, ValueError)):
        plan.said((), 0)


def test_a_question_is_due_from_its_sound_to_its_sounds_end() -> None:
    utterance: Utterance = Plan().said(DIGITS, 0)[0]
    question = asked(utterance, began=5.0)
    assert question.began == pytest.approx(5.0 + 800 / 16_000)
    seconds = (utterance.end - utterance.start) / 16_000
    assert question.ended - question.began == pytest.approx(seconds)
