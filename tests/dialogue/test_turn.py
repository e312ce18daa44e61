from __future__ import annotations

from collections.abc import Iterable

import pytest

from sotto.dialogue.barge_in import BACK_CHANNEL, has_words, is_meant
from sotto.dialogue.hearing import (
    TurnBegan,
    TurnCommitted,
    TurnComplete,
    TurnEvent,
    TurnStopped,
    TurnWords,
)
from sotto.dialogue.request import Wishes
from sotto.dialogue.turn import TurnMachine
from sotto.dialogue.turn_actions import (
    Action,
    Drop,
    Hold,
    Interrupt,
    PassOn,
    Resume,
    Start,
    State,
    TimeOut,
)


def speaking(wishes: Wishes | None = None, *, at: int = 1_000, settled: bool = True) -> TurnMachine:
    """An answer sounds since frame `at`; `settled`: it is not the session's first."""
    machine = TurnMachine(wishes or Wishes())
    if settled:
        machine.begin_answer(is_own=True)
        machine.sound()
        machine.end_answer()
        machine.fall_silent()
    machine.pass_sound(at)
    machine.begin_answer(is_own=True)
    machine.sound()
    return machine


def state(machine: TurnMachine) -> State:
    """Whose turn it is now."""
    return machine.state


def told(actions: Iterable[Action]) -> list[TurnEvent | type[Action]]:
    """The events that are passed on, and the kinds of all other actions."""
    return [each.event if isinstance(each, PassOn) else type(each) for each in actions]


def began(item: str, at: int) -> TurnBegan:
    return TurnBegan(item, at - 30, speech=at)


def complete(item: str, text: str) -> TurnComplete:
    return TurnComplete(item, text, 100, ())


def test_where_nothing_sounds_all_is_passed_on_at_once() -> None:
    machine = TurnMachine(Wishes())
    events: list[TurnEvent] = [
        began("a", 10),
        TurnWords("a", "Hello", ()),
        TurnStopped("a", 60),
        TurnCommitted("a", None),
    ]
    for event in events:
        assert machine.hear(event) == [PassOn(event)]
    last = complete("a", "Hello")
    assert machine.hear(last) == [PassOn(last), Start()]


def test_a_quarter_of_a_second_of_speech_interrupts() -> None:
    machine = speaking()
    first = began("a", 1_000)
    machine.pass_sound(1_010)
    assert machine.hear(first) == []
    assert machine.pass_sound(1_024) == []
    assert machine.pass_sound(1_025) == [Interrupt(), PassOn(first)]
    assert state(machine) is State.LISTENING


def test_speech_that_is_shorter_does_not() -> None:
    machine = speaking()
    machine.hear(began("a", 1_000))
    assert machine.pass_sound(1_024, spoken=1_020) == []
    assert machine.pass_sound(1_080, spoken=1_020) == []
    assert machine.hear(TurnStopped("a", 1_020)) == []
    assert machine.hear(complete("a", "")) == [Drop("a")]
    assert state(machine) is State.SPEAKING


def test_a_word_interrupts_before_that_and_back_channel_words_never() -> None:
    machine = speaking()
    first, hm, no = began("a", 1_000), TurnWords("a", "Mhm,", ()), TurnWords("a", " wait", ())
    machine.pass_sound(1_010)
    assert machine.hear(first) == []
    assert machine.hear(hm) == []
    assert machine.hear(no) == [Interrupt(), PassOn(first), PassOn(hm), PassOn(no)]


def test_speech_of_which_nobody_knows_where_it_began_counts_from_when_it_is_told() -> None:
    machine = speaking()
    first = TurnBegan("a", 960)
    machine.pass_sound(1_010)
    assert machine.hear(first) == []
    assert machine.pass_sound(1_034) == []
    assert machine.pass_sound(1_035) == [Interrupt(), PassOn(first)]


def test_a_client_that_holds_waits_for_words() -> None:
    machine = speaking(Wishes(holds=True))
    assert machine.hear(began("a", 1_000)) == [Hold()]
    assert state(machine) is State.HELD
    assert machine.pass_sound(1_100) == []
    assert told(machine.hear(TurnWords("a", "Stop", ())))[0] is Interrupt
    assert state(machine) is State.LISTENING


@pytest.mark.parametrize("words", ["", "Uh-huh.", "はい、はい"])
def test_a_false_alarm_resumes_and_is_not_told(words: str) -> None:
    machine = speaking(Wishes(holds=True))
    assert machine.hear(began("a", 1_000)) == [Hold()]
    assert machine.hear(TurnStopped("a", 1_040)) == []
    assert machine.hear(TurnCommitted("a", None)) == []
    assert machine.hear(complete("a", words)) == [Drop("a"), Resume()]
    assert state(machine) is State.SPEAKING


def test_two_seconds_without_a_word_resume_and_a_later_word_interrupts_all_the_same() -> None:
    machine = speaking(Wishes(holds=True))
    first, words = began("a", 1_000), TurnWords("a", "Listen", ())
    assert machine.hear(first) == [Hold()]
    assert machine.pass_sound(1_199) == []
    assert machine.pass_sound(1_200) == [Resume()]
    assert machine.pass_sound(1_300) == []
    assert machine.hear(words) == [Interrupt(), PassOn(first), PassOn(words)]


def test_a_yes_into_an_answers_last_second_is_said_to_it() -> None:
    for left in (101, None):
        machine = speaking(Wishes(holds=True))
        machine.hear(began("a", 1_000))
        assert machine.hear(complete("a", "Yes."), left) == [Drop("a"), Resume()]
    machine = speaking(Wishes(holds=True))
    first, last = began("a", 1_000), complete("a", "Yes.")
    machine.hear(first)
    actions = [Interrupt(), PassOn(first), PassOn(last), Start()]
    assert machine.hear(last, left=100) == actions


@pytest.mark.parametrize("holds", [False, True])
def test_in_the_first_second_of_a_sessions_sound_only_words_count(holds: bool) -> None:
    machine = speaking(Wishes(holds=holds), settled=False)
    machine.pass_sound(1_099)
    assert machine.hear(began("a", 1_099)) == []
    assert machine.pass_sound(1_400) == []
    assert Interrupt in told(machine.hear(TurnWords("a", "Stop", ())))
    later = speaking(Wishes(holds=holds), settled=False)
    later.pass_sound(1_100)
    later.hear(began("a", 1_100))
    acts = later.pass_sound(1_130)
    assert later.state is (State.HELD if holds else State.LISTENING), acts


def test_where_the_client_wants_no_interruptions_answers_follow_each_other() -> None:
    machine = speaking(Wishes(interrupts=False))
    first, last = began("a", 1_000), complete("a", "What else?")
    assert machine.hear(first) == [PassOn(first)]
    assert machine.pass_sound(1_100) == []
    assert machine.hear(last) == [PassOn(last)]
    assert machine.end_answer() == [Start()]


def test_an_answer_still_thought_of_is_given_up_and_the_next_is_to_both_turns() -> None:
    machine = TurnMachine(Wishes())
    machine.hear(began("a", 10))
    assert machine.hear(complete("a", "One thing"))[-1] == Start()
    machine.begin_answer(is_own=True)
    assert state(machine) is State.THINKING
    machine.hear(began("b", 100))
    assert told(machine.pass_sound(130))[0] is Interrupt
    assert machine.hear(complete("b", "and another"))[-1] == Start()


def test_noise_that_gave_up_an_answer_starts_it_again() -> None:
    machine = TurnMachine(Wishes())
    machine.hear(complete("a", "One thing"))
    machine.begin_answer(is_own=True)
    machine.hear(began("b", 100))
    machine.pass_sound(130)
    assert machine.hear(complete("b", ""))[-1] == Start()


def test_whoever_speaks_on_is_answered_once_they_are_done() -> None:
    """The words of an utterance come when the next has begun."""
    machine = TurnMachine(Wishes())
    machine.hear(began("a", 10))
    machine.hear(TurnStopped("a", 60))
    machine.hear(began("b", 100))
    last = complete("a", "One thing")
    assert machine.hear(last) == [PassOn(last)]
    assert machine.hear(complete("b", ""))[-1] == Start()


def test_turns_that_are_lost_keep_nobody_waiting() -> None:
    machine = TurnMachine(Wishes())
    machine.hear(began("a", 10))
    machine.hear(began("b", 100))
    assert machine.hear(complete("b", "Hello"))[-1] == Start()
    machine = speaking(Wishes(holds=True))
    assert machine.hear(began("a", 1_000)) == [Hold()]
    assert machine.forget("a") == [Drop("a"), Resume()]
    assert machine.forget("a") == []


def test_what_was_kept_back_is_told_once_there_is_nothing_to_interrupt() -> None:
    machine = speaking(Wishes(holds=True))
    first = began("a", 1_000)
    assert machine.hear(first) == [Hold()]
    assert machine.end_answer() == []
    assert machine.fall_silent() == [Resume(), PassOn(first)]
    last = complete("a", "Yes")
    assert machine.hear(last) == [PassOn(last), Start()]


def test_silence_counts_from_an_answers_end() -> None:
    machine = TurnMachine(Wishes(idle=5.0))
    assert machine.pass_sound(10_000) == []
    machine.begin_answer(is_own=True)
    machine.sound()
    machine.end_answer()
    assert machine.pass_sound(11_000) == []
    machine.fall_silent()
    assert machine.pass_sound(11_499) == []
    machine.hear(began("a", 11_499))
    assert machine.pass_sound(11_600) == []
    machine.hear(complete("a", ""))
    assert machine.pass_sound(12_099) == []
    assert machine.pass_sound(12_100) == [TimeOut(11_600, 12_100)]
    assert machine.pass_sound(20_000) == []


def test_back_channel_words_are_known_alone_together_and_lengthened() -> None:
    every = [word for words in BACK_CHANNEL.values() for word in words]
    for word in every:
        assert not is_meant(word), word
        assert not is_meant(f" {word.upper()}. {word}!"), word
    for text in (
        "Mmmm-hmm.",
        "Yeah, yeah. Okay.",
        "嗯嗯。对对对",
        "はい、うん",
        "OK 嗯",
        "",
        " … ",
    ):
        assert not is_meant(text), text
    for text in ("No.", "Yeah, but", "Right angle", "I", "好吃", "はいでも", "no sé", "non", "7"):
        assert is_meant(text), text
    assert [has_words(text) for text in ("", "…?!", "嗯", "a")] == [False, False, True, True]


def test_who_can_hold_does_so_at_a_glimpse_of_speech_and_goes_on_where_it_was_none():
    machine = speaking(Wishes(holds=True))

    assert machine.glimpse(is_speech=False) == []
    assert machine.glimpse(is_speech=True) == [Hold()]
    assert machine.glimpse(is_speech=True) == []
    assert machine.state is State.HELD
    assert machine.glimpse(is_speech=False) == [Resume()]
    assert machine.state is State.SPEAKING


def test_a_turn_that_follows_on_a_glimpse_decides_alone():
    machine = speaking(Wishes(holds=True))
    machine.glimpse(is_speech=True)

    assert machine.hear(began("a", 1_000)) == []  # it is held already
    assert machine.glimpse(is_speech=False) == []
    assert told(machine.hear(complete("a", "mhm"))) == [Drop, Resume]


@pytest.mark.parametrize("wishes", [Wishes(), Wishes(holds=True, interrupts=False)])
def test_others_are_not_held_at_a_glimpse(wishes: Wishes):
    assert speaking(wishes).glimpse(is_speech=True) == []


def test_the_first_answers_own_echo_is_no_glimpse_of_speech():
    assert speaking(Wishes(holds=True), settled=False).glimpse(is_speech=True) == []


def test_nothing_is_held_while_nothing_sounds():
    assert TurnMachine(Wishes(holds=True)).glimpse(is_speech=True) == []
