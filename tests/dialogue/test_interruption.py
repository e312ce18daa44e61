from __future__ import annotations

import pytest

from sotto.dialogue.events import (
    AudioDelta,
    Cut,
    Ending,
    Held,
    ItemDone,
    Reason,
    ResponseDone,
    Resumed,
    TextDelta,
)
from sotto.dialogue.heard import heard_text
from sotto.dialogue.hearing import TurnBegan, TurnComplete
from sotto.dialogue.items import OUTPUT_RATE, Message, Spoken, Status
from sotto.dialogue.request import Manner, ResponseRequest, Wishes
from sotto.dialogue.turn_actions import State
from sotto.errors import BadOption
from sotto.interfaces.chat import Role, Said
from sotto.testing.talking import ScriptedChat, ToneVoice
from tests.dialogue.talks import ManualClock, Stage, stage

ONE, TWO = "It is sunny today. ", "And it is warm, too."
"""Spoken without outer spaces, in 50 ms a letter: 0.9 s and 1.0 s."""


async def answered(on: Stage, clock: ManualClock) -> str:
    """An answer of two phrases is told wholly; the id of its message."""
    await on.say("u1", "How is the weather?")
    done = await on.until(ResponseDone)
    await on.pass_sound(300)  # by now echo cancellation has settled
    return done.items[0].id


async def test_speech_stops_what_is_made_and_the_next_answer_knows_what_was_heard() -> None:
    clock, chat, voice = ManualClock(), ScriptedChat(), ToneVoice()
    async with stage(chat, voice, clock=clock) as on:
        await on.say("u1", "How is the weather?")
        (await chat.asked()).release(ONE, TWO, " And so")
        await on.until(AudioDelta, 10)
        await on.pass_sound(200)
        clock.now += 0.6
        generation = on.talk.generation
        await on.begin("u2")
        await on.pass_sound(25)
        await on.until(TurnBegan, 2)
        assert on.kinds()[4:] == [
            "ResponseStarted",
            "ItemStarted",
            "ItemDone",
            "ResponseDone",
            "Cut",
            "TurnBegan",
        ]
        done, item = on.all(ResponseDone)[0], on.all(ItemDone)[0].item
        assert (done.ending, done.reason) == (Ending.CANCELLED, Reason.TURN)
        assert isinstance(item, Message)
        assert item.status is Status.INCOMPLETE
        assert on.talk.generation > generation
        assert on.remembered(item.id) == "It is sunny"
        assert on.cuts() == [(item.id, 600)]
        await chat.answers[0].closed.wait()
        assert voice.open == 0
        await on.pass_sound(75)
        await on.end("u2", "And tomorrow?")
        await chat.asked(1)
        assert chat.requests[1].messages[1:] == (
            Said(Role.USER, "How is the weather?"),
            Said(Role.ASSISTANT, "It is sunny"),
            Said(Role.USER, "And tomorrow?"),
        )
        sounds = len(on.all(AudioDelta))
        chat.answers[1].finish("Rain.")
        await on.until(ResponseDone, 2)
        late = on.all(AudioDelta)[sounds:]
        assert {delta.at.response for delta in late} == {on.all(ResponseDone)[1].request.id}


async def test_an_answer_that_is_only_played_any_more_is_cut_too() -> None:
    clock = ManualClock()
    async with stage(ScriptedChat([ONE, TWO], ["Rain."]), clock=clock) as on:
        item = await answered(on, clock)
        clock.now += 1.5
        await on.begin("u2")
        await on.words("u2", "And")
        await on.until(TurnBegan, 2)
        assert on.cuts() == [(item, 1500)]
        assert on.remembered(item) == "It is sunny today. And it is"
        assert [done.ending for done in on.all(ResponseDone)] == [Ending.COMPLETED]


async def test_what_was_played_is_not_cut() -> None:
    clock = ManualClock()
    async with stage(ScriptedChat([ONE, TWO], ["Rain."]), clock=clock) as on:
        item = await answered(on, clock)
        clock.now += 1.95
        await on.say("u2", "And tomorrow?")
        await on.until(ResponseDone, 2)
        assert not on.cuts()
        assert on.remembered(item) == (ONE + TWO)


async def test_words_that_only_say_that_one_listens_are_neither_told_nor_answered() -> None:
    clock, chat = ManualClock(), ScriptedChat([ONE, TWO])
    async with stage(chat, clock=clock) as on:
        item = await answered(on, clock)
        await on.begin("u2")
        await on.pass_sound(20)
        await on.words("u2", "Mhm.")
        await on.talk.hear(TurnComplete("u2", "Mhm.", 20, ()))
        assert on.state() is State.SPEAKING
        await on.begin("u3")
        await on.words("u3", "Stop")
        await on.until(TurnBegan, 2)
        assert [event.item for event in on.all(TurnBegan)] == ["u1", "u3"]
        assert len(chat.requests) == 1
        assert [each.id for each in on.conversation.items] == ["u1", item]


async def test_a_client_that_can_hold_holds_and_goes_on_where_nothing_was_said() -> None:
    clock = ManualClock()
    wishes = Wishes(holds=True)
    async with stage(ScriptedChat([ONE, TWO], ["Yes?"]), clock=clock, wishes=wishes) as on:
        item = await answered(on, clock)
        clock.now += 0.5
        await on.begin("u2")
        held = await on.until(Held)
        assert held.generation == on.talk.generation
        clock.now += 60  # nothing is played meanwhile
        await on.pass_sound(199)
        assert not on.all(Resumed)
        await on.pass_sound(1)
        await on.until(Resumed)
        assert not on.cuts()
        clock.now += 0.6
        await on.begin("u3")
        await on.until(Held, 2)
        await on.words("u3", "Wait")
        await on.until(TurnBegan, 2)
        assert on.cuts() == [(item, 1100)]
        assert [event.item for event in on.all(TurnBegan)] == ["u1", "u3"]


async def test_whatever_is_held_is_cut_or_resumed() -> None:
    """Also where nothing of the answer was told yet: else the next would stay silent."""
    chat = ScriptedChat()
    async with stage(chat, wishes=Wishes(holds=True)) as on:
        await on.say("u1", "How is the weather")
        await chat.asked()
        await on.begin("u2")
        await on.words("u2", " in Bern")
        await on.until(TurnBegan, 2)
        assert on.kinds()[4:9] == [
            "ResponseStarted",
            "Held",
            "ResponseDone",
            "Resumed",
            "TurnBegan",
        ]


async def test_a_client_corrects_what_was_heard_both_ways() -> None:
    clock = ManualClock()
    async with stage(ScriptedChat([ONE, TWO]), clock=clock) as on:
        item = await answered(on, clock)
        clock.now += 1.1
        await on.begin("u2")
        await on.words("u2", "And")
        await on.until(Cut)
        assert on.remembered(item) == "It is sunny today. And"
        for audio_end_ms, heard in (
            (400, "It is"),
            (1_900, ONE + TWO),
            (1_600, "It is sunny today. And it is warm"),
            (0, ""),
        ):
            message = await on.talk.truncate(item, audio_end_ms)
            assert on.remembered(item) == heard
            assert on.conversation.get(item) == message
        await on.until(Cut, 5)
        assert on.cuts()[-1] == (item, 0)
        for audio_end_ms in (-1, 1_921):
            with pytest.raises(BadOption):
                await on.talk.truncate(item, audio_end_ms)
        with pytest.raises(BadOption):
            await on.talk.truncate("u1", 10)
        with pytest.raises(BadOption):
            await on.talk.truncate("nobody", 10)


async def test_truncating_an_answer_that_is_being_given_ends_it() -> None:
    chat = ScriptedChat()
    async with stage(chat) as on:
        await on.talk.respond(ResponseRequest("r1", Manner()))
        (await chat.asked()).release(ONE, TWO, " And so")
        delta = await on.until(AudioDelta, 10)
        with pytest.raises(BadOption):
            await on.talk.truncate(delta.at.item, 5_000)
        await on.talk.truncate(delta.at.item, 900)
        done = await on.until(ResponseDone)
        assert (done.ending, done.reason) == (Ending.CANCELLED, Reason.CLIENT)
        assert on.remembered(delta.at.item) == ONE.strip()
        assert on.state() is State.LISTENING


async def test_whoever_knows_what_was_played_is_believed() -> None:
    clock, played = ManualClock(), 300
    async with stage(ScriptedChat([ONE, TWO]), clock=clock) as on:
        on.talk.played = lambda: played
        item = await answered(on, clock)
        clock.now += 60
        await on.pass_sound(100)
        assert on.state() is State.SPEAKING
        await on.talk.cleared()
        await on.until(Cut)
        assert on.cuts() == [(item, 300)]
        assert on.remembered(item) == "It is"
        assert on.state() is State.LISTENING


async def test_a_cancelled_answer_is_remembered_as_far_as_its_sound_was_told() -> None:
    """Its client may play on what it has; where the server plays, it stops at once."""
    for knows, heard in ((False, ONE.strip()), (True, "It is")):
        chat, voice = ScriptedChat(), ToneVoice(by_hand=True)
        async with stage(chat, voice) as on:
            if knows:
                on.talk.played = lambda: 300
            await on.talk.respond(ResponseRequest("r1", Manner()))
            (await chat.asked()).release(ONE, TWO, " And so")
            voice.release(9)
            delta = await on.until(AudioDelta, 9)
            await voice.asked(1)
            await on.until(TextDelta, 3)
            await on.talk.cancel()
            await on.until(ResponseDone)
            assert on.remembered(delta.at.item) == heard
            assert (on.state() is State.LISTENING) == knows


async def test_speaking_on_while_the_answer_is_thought_of_is_one_question() -> None:
    chat = ScriptedChat()
    async with stage(chat) as on:
        await on.say("u1", "How is the weather")
        (await chat.asked()).release("It ")
        await on.until(TextDelta)
        await on.say("u2", "in Bern?")
        await chat.answers[0].closed.wait()
        await chat.asked(1)
        assert chat.requests[1].messages[1:] == (Said(Role.USER, "How is the weather\nin Bern?"),)
        assert [done.reason for done in on.all(ResponseDone)] == [Reason.TURN]


async def test_without_interruptions_a_turn_is_answered_after_the_answer() -> None:
    chat = ScriptedChat()
    async with stage(chat, wishes=Wishes(interrupts=False)) as on:
        await on.say("u1", "One.")
        (await chat.asked()).release(ONE)
        await on.say("u2", "Two.")
        await on.until(TurnComplete, 2)
        assert len(chat.requests) == 1
        chat.answers[0].finish(TWO)
        await chat.asked(1)
        assert [done.ending for done in on.all(ResponseDone)] == [Ending.COMPLETED]
        assert chat.requests[1].messages[-1] == Said(Role.ASSISTANT, (ONE + TWO))


def test_what_was_heard_is_whole_phrases_then_words_then_signs() -> None:
    second = OUTPUT_RATE
    phrases = (Spoken("Hello there. ", 0, second), Spoken("How are you?", second, 2 * second))
    texts = {at: heard_text(phrases, at) for at in (0, 500, 999, 1_000, 1_400, 2_000, 9_000)}
    assert texts == {
        0: "",
        500: "Hello",
        999: "Hello there",
        1_000: "Hello there.",
        1_400: "Hello there. How",
        2_000: "Hello there. How are you?",
        9_000: "Hello there. How are you?",
    }
    assert heard_text((Spoken("你好世界。", 0, second),), 500) == "你好"
    silent = (*phrases, Spoken("```code```", 2 * second, 2 * second))
    assert heard_text(silent, 2_000).endswith("```code```")
    assert not heard_text(silent, 1_999).endswith("```code```")
    assert heard_text((), 100) == ""
