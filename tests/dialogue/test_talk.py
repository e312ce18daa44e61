from __future__ import annotations

import pytest

from sotto.dialogue.events import (
    CallDelta,
    Ending,
    IdleTimeout,
    ItemStarted,
    Reason,
    ResponseDone,
    ResponseStarted,
    TalkEvent,
    TextDelta,
)
from sotto.dialogue.hearing import TurnCommitted, TurnComplete
from sotto.dialogue.items import OUTPUT_RATE, FunctionCall, FunctionOutput, Message, Text
from sotto.dialogue.request import Manner, ResponseRequest, Wishes
from sotto.dialogue.talk import Busy, NotActive
from sotto.dialogue.turn_actions import State
from sotto.errors import Gone
from sotto.interfaces.chat import Call, CallPiece, ChatPiece, Outcome, Role, Said, Tool
from sotto.testing.talking import ScriptedChat, ToneVoice
from tests.dialogue.talks import ManualClock, stage


async def test_a_turn_is_answered_in_words_and_sound() -> None:
    voice, clock = ToneVoice(rate=22_050), ManualClock()
    async with stage(ScriptedChat(["Good ", "day. ", "All well?"]), voice, clock=clock) as on:
        await on.say("u1", "Hello.", "en")
        done = await on.until(ResponseDone)
        assert on.kinds() == [
            "TurnBegan",
            "TurnStopped",
            "TurnCommitted",
            "TurnComplete",
            "ResponseStarted",
            "ItemStarted",
            "ItemDone",
            "ResponseDone",
        ]
        assert (done.ending, done.reason, done.error) == (Ending.COMPLETED, None, None)
        assert on.text() == "Good day. All well?"
        (item,) = done.items
        assert on.conversation.get(item.id) == item
        assert on.phrases(item.id) == ["Good day. ", "All well?"]
        expected = sum(voice.length(text) for text in ("Good day.", "All well?"))
        sound = len(on.sound(done.request.id)) // 2
        assert sound == pytest.approx(expected * OUTPUT_RATE / 22_050, abs=4)
        assert done.usage.spoken == sound
        assert on.all(ItemStarted)[0].previous == "u1"
        assert on.state() is State.SPEAKING
        clock.now += 10
        await on.pass_sound(1)
        assert on.state() is State.LISTENING


async def test_the_model_is_told_what_was_said_before_and_its_language() -> None:
    chat, voice, clock = ScriptedChat(["Bien. "], ["Adiós."]), ToneVoice(), ManualClock()
    async with stage(chat, voice, clock=clock) as on:
        on.talk.manner = Manner(instructions="Be brief.", language="es")
        await on.say("u1", "Hello.")
        await on.until(ResponseDone)
        clock.now += 10
        await on.say("u2", "Bye.")
        await on.until(ResponseDone, 2)
        first, *rest = chat.requests[1].messages
        assert isinstance(first, Said)
        assert (first.role, chat.requests[1].language) == (Role.SYSTEM, "es")
        assert "Be brief." in first.text
        assert [phrase.language for phrase in voice.spoken] == ["es", "es"]
        assert rest == [
            Said(Role.USER, "Hello."),
            Said(Role.ASSISTANT, "Bien."),
            Said(Role.USER, "Bye."),
        ]


async def test_nothing_is_answered_where_nothing_was_said_or_nobody_wants_it() -> None:
    chat = ScriptedChat(["Yes."])
    async with stage(chat) as on:
        await on.say("u1", "")
        await on.say("u2", " … ")
        on.talk.wishes = Wishes(answers=False)
        await on.say("u3", "Hello.")
        on.talk.wishes = Wishes()
        await on.say("u4", "Answer me.")
        await on.until(ResponseDone)
        assert len(chat.requests) == 1
        assert [event.item for event in on.all(TurnComplete)] == ["u1", "u2", "u3", "u4"]


async def test_times_are_counted_from_the_end_of_speech() -> None:
    clock, chat = ManualClock(), ScriptedChat()
    async with stage(chat, clock=clock) as on:
        await on.begin("u1")
        await on.pass_sound(100)
        clock.now += 0.75
        await on.end("u1", "Hello.")
        asked = await chat.asked()
        clock.now += 0.5
        asked.release("Good day. ")
        await on.until(TextDelta)
        clock.now += 0.25
        asked.finish("Yes.")
        timing = (await on.until(ResponseDone)).timing
        assert timing.heard == pytest.approx(0.75)
        assert (timing.first_word, timing.last_word) == pytest.approx((0.5, 0.75))
        assert timing.first_sound == pytest.approx(0.75)
        assert timing.over == pytest.approx(0.75)


async def test_calls_are_told_and_their_outcomes_are_answered() -> None:
    calls: list[str | ChatPiece] = [
        "Let me look. ",
        CallPiece(0, "call_a", "weather", '{"city":'),
        CallPiece(1, "", "time"),
        CallPiece(0, arguments='"Bern"}'),
        CallPiece(1, arguments="{}"),
    ]
    chat = ScriptedChat(calls, ["Sunny."])
    async with stage(chat) as on:
        on.talk.manner = Manner(tools=(Tool("weather"), Tool("time")), tool_choice="required")
        await on.say("u1", "How is the weather?")
        done = await on.until(ResponseDone)
        said, first, second = done.items
        assert isinstance(said, Message)
        assert isinstance(first, FunctionCall)
        assert isinstance(second, FunctionCall)
        assert (first.call_id, first.name, first.arguments) == (
            "call_a",
            "weather",
            '{"city":"Bern"}',
        )
        assert second.call_id
        told = [d.arguments for d in on.all(CallDelta) if d.call_id == "call_a"]
        assert "".join(told) == first.arguments
        assert [event.at.output for event in on.all(ItemStarted)] == [0, 1, 2]
        assert (chat.requests[0].tools, chat.requests[0].tool_choice) == (
            on.talk.manner.tools,
            "required",
        )
        on.conversation.add(FunctionOutput("o1", "call_a", "21 °C"))
        on.conversation.add(FunctionOutput("o2", second.call_id, "noon"))
        await on.talk.respond(ResponseRequest("again", Manner()))
        await on.until(ResponseDone, 2)
        assert chat.requests[1].messages[-4:] == (
            Call("call_a", "weather", '{"city":"Bern"}'),
            Call(second.call_id, "time", "{}"),
            Outcome("call_a", "21 °C"),
            Outcome(second.call_id, "noon"),
        )


async def test_an_answer_that_is_written_needs_no_voice() -> None:
    voice = ToneVoice()
    async with stage(ScriptedChat(["Good day."]), voice) as on:
        await on.talk.respond(ResponseRequest("r1", Manner(speaks=False), metadata={"a": "b"}))
        done = await on.until(ResponseDone)
        assert not voice.spoken
        assert isinstance(done.items[0], Message)
        assert done.items[0].content == (Text("Good day."),)
        assert done.request.metadata == {"a": "b"}


async def test_an_answer_waits_for_the_words_of_the_turn_that_is_committed() -> None:
    """Clients that say where turns end commit, and ask for an answer at once."""
    chat = ScriptedChat(["Yes."])
    async with stage(chat, wishes=Wishes(answers=False)) as on:
        await on.talk.hear(TurnCommitted("u1", None))
        await on.talk.respond(ResponseRequest("r1", Manner()))
        await on.until(ResponseStarted)
        assert not chat.requests
        await on.talk.hear(TurnComplete("u1", "Is it so?", 100, ()))
        await on.until(ResponseDone)
        assert chat.requests[0].messages[-1] == Said(Role.USER, "Is it so?")


async def test_one_answer_at_a_time_but_for_those_apart() -> None:
    chat = ScriptedChat()
    async with stage(chat) as on:
        await on.talk.respond(ResponseRequest("main", Manner()))
        with pytest.raises(Busy):
            await on.talk.respond(ResponseRequest("second", Manner()))
        asked = (Message("q", Role.USER, (Text("Sum it up."),)),)
        for number in range(4):
            await on.talk.respond(
                ResponseRequest(f"apart{number}", Manner(speaks=False), asked, is_apart=True)
            )
        with pytest.raises(Busy):
            await on.talk.respond(ResponseRequest("fifth", Manner(), asked, is_apart=True))
        (await chat.asked(1)).finish("A sum.")
        done = await on.until(ResponseDone)
        assert done.request.id == "apart0"
        assert list(chat.requests[1].messages[1:]) == [Said(Role.USER, "Sum it up.")]
        assert not on.conversation.items
        assert on.all(ItemStarted)[0].previous is None
        (await chat.asked(0)).finish("Hello.")
        assert (await on.until(ResponseDone, 2)).request.id == "main"
        assert len(on.conversation.items) == 1


async def test_cancelled_answers_end_as_far_as_they_were_told() -> None:
    chat = ScriptedChat()
    async with stage(chat) as on:
        with pytest.raises(NotActive):
            await on.talk.cancel()
        await on.talk.respond(ResponseRequest("main", Manner()))
        (await chat.asked()).release("One thing. And ano")
        await on.until(TextDelta)
        with pytest.raises(NotActive):
            await on.talk.cancel("other")
        await on.talk.cancel("main")
        done = await on.until(ResponseDone)
        assert (done.ending, done.reason) == (Ending.CANCELLED, Reason.CLIENT)
        assert on.kinds() == ["ResponseStarted", "ItemStarted", "ItemDone", "ResponseDone"]
        assert on.text() == "One thing. And ano"
        await chat.answers[0].closed.wait()
        with pytest.raises(NotActive):
            await on.talk.cancel()
        await on.talk.respond(ResponseRequest("next", Manner()))
        (await chat.asked(1)).finish("Well.")
        assert (await on.until(ResponseDone, 2)).ending is Ending.COMPLETED


async def test_an_answer_that_is_cancelled_at_once_has_a_beginning_and_an_end() -> None:
    async with stage(ScriptedChat()) as on:
        await on.talk.respond(ResponseRequest("main", Manner()))
        await on.talk.cancel()
        await on.until(ResponseDone)
        assert on.kinds() == ["ResponseStarted", "ResponseDone"]


async def test_silence_after_an_answer_is_answered_a_few_times() -> None:
    clock, chat = ManualClock(), ScriptedChat(["Hello."], ["Are you there?"])
    async with stage(chat, clock=clock, wishes=Wishes(idle=5.0)) as on:
        await on.pass_sound(2_000)
        await on.say("u1", "Hello.")
        await on.until(ResponseDone)
        for number in (1, 2, 3):
            clock.now += 60
            await on.pass_sound(1)
            since = on.frame
            await on.pass_sound(499)
            assert len(on.all(IdleTimeout)) == number - 1
            await on.pass_sound(1)
            idle = await on.until(IdleTimeout, number)
            assert (idle.start, idle.end) == (since, since + 500)
            assert on.remembered(idle.item) == ""
            await on.until(ResponseDone, number + 1)
        clock.now += 60
        await on.pass_sound(10_000)
        await on.say("u2", "Yes.")
        await on.until(ResponseDone, 5)
        assert len(on.all(IdleTimeout)) == 3


async def test_a_listener_that_fails_ends_the_talk_with_its_error() -> None:
    chat, voice = ScriptedChat(), ToneVoice()

    async def hang_up(event: TalkEvent) -> None:
        if isinstance(event, TextDelta):
            raise Gone("expected a client, got none")

    with pytest.raises(Gone):
        async with stage(chat, voice) as on:
            on.talk._listener = hang_up
            await on.talk.respond(ResponseRequest("r1", Manner()))
            (await chat.asked()).release("Hello. How are you?")
            await on.until(ResponseDone)
    assert (chat.open, voice.open) == (0, 0)


async def test_whoever_leaves_in_the_middle_leaves_nothing_open() -> None:
    chat, voice = ScriptedChat(), ToneVoice(by_hand=True)
    with pytest.raises(RuntimeError, match="mine"):
        async with stage(chat, voice) as on:
            await on.talk.respond(ResponseRequest("r1", Manner()))
            apart = ResponseRequest("r2", Manner(speaks=False), (), is_apart=True)
            await on.talk.respond(apart)
            (await chat.asked()).release("Hello there. How are ")
            voice.release()
            await on.until(TextDelta)
            await voice.asked()
            await chat.asked(1)
            assert (chat.open, voice.open) == (2, 1)
            raise RuntimeError("mine")
    assert (chat.open, voice.open) == (0, 0)
