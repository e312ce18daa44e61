from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sotto.dialogue.events import (
    AudioDelta,
    CallDelta,
    Ending,
    ItemDone,
    Reason,
    ResponseDone,
    TalkEvent,
    TextDelta,
)
from sotto.dialogue.items import FunctionCall, Message, Status
from sotto.dialogue.partner import Limits
from sotto.dialogue.request import Manner, ResponseRequest
from sotto.errors import ChatUnavailable, Overloaded
from sotto.interfaces.chat import CallPiece, ChatPiece, ChatRequest, Finish, Finished, Piece
from sotto.testing.talking import Script, ScriptedChat, ToneVoice
from tests.dialogue.talks import Stage, stage


async def ask(on: Stage, manner: Manner | None = None, id: str = "r1") -> ResponseDone:
    """An answer to the conversation, once it is over."""
    number = len(on.all(ResponseDone))
    await on.talk.respond(ResponseRequest(id, manner or Manner()))
    return await on.until(ResponseDone, number + 1)


def status(done: ResponseDone) -> list[Status]:
    return [item.status for item in done.items]


async def test_a_model_that_is_down_fails_the_answer_and_not_the_talk() -> None:
    chat = ScriptedChat([ChatUnavailable("no model at all")], ["Hello."])
    async with stage(chat) as on:
        done = await ask(on)
        assert (done.ending, done.items) == (Ending.FAILED, ())
        assert done.error == ("chat_unavailable", "no model at all")
        assert (await ask(on)).ending is Ending.COMPLETED
        assert chat.open == 0


async def test_what_came_before_a_model_broke_stands_and_is_spoken() -> None:
    for broken in (ChatUnavailable("cut"), Overloaded("full")):
        voice = ToneVoice()
        async with stage(ScriptedChat(["All is well. But then", broken]), voice) as on:
            done = await ask(on)
            assert (done.ending, status(done)) == (Ending.FAILED, [Status.INCOMPLETE])
            assert done.error == (broken.code, str(broken))
            assert [phrase.text for phrase in voice.spoken] == ["All is well.", "But then"]
            assert on.remembered(done.items[0].id) == "All is well. But then"


async def test_a_model_that_falls_silent_is_not_waited_for() -> None:
    chat = ScriptedChat()
    async with stage(chat, limits=Limits(silence=0.02)) as on:
        await on.talk.respond(ResponseRequest("r1", Manner()))
        (await chat.asked()).release("Well. ")
        done = await on.until(ResponseDone)
        assert done.error is not None
        assert done.error[0] == "chat_unavailable"
        assert on.text() == "Well. "
        assert chat.open == 0


async def test_a_stream_that_breaks_off_is_a_failure() -> None:
    class Short(ScriptedChat):
        async def answer(self, request: ChatRequest) -> AsyncIterator[ChatPiece]:
            yield Piece("Well")

    async with stage(Short()) as on:
        done = await ask(on)
        assert (done.ending, status(done)) == (Ending.FAILED, [Status.INCOMPLETE])


@pytest.mark.parametrize(
    "script",
    [
        [CallPiece(0, "a", "", "{}")],
        [CallPiece(0, "a", "n" * 1_000, "{}")],
        [CallPiece(n, f"c{n}", "f") for n in range(5)],
        [CallPiece(0, "a", "f", "x" * 90), CallPiece(0, arguments="y" * 90)],
    ],
)
async def test_garbage_is_a_failure(script: Script) -> None:
    async with stage(ScriptedChat(script), limits=Limits(characters=100, calls=4)) as on:
        done = await ask(on)
        assert done.ending is Ending.FAILED
        assert all(each is Status.INCOMPLETE for each in status(done))
        assert sum(len(delta.arguments) for delta in on.all(CallDelta)) <= 100


async def test_a_model_that_never_ends_is_ended() -> None:
    chat = ScriptedChat(["word " * 30 for _ in range(100)])
    async with stage(chat, limits=Limits(characters=1_000)) as on:
        done = await ask(on)
        assert (done.ending, done.reason) == (Ending.INCOMPLETE, Reason.LENGTH)
        assert len(on.text()) == 1_000
        assert chat.open == 0


@pytest.mark.parametrize(
    ("why", "reason"), [(Finish.LENGTH, Reason.LENGTH), (Finish.FILTER, Reason.FILTER)]
)
async def test_why_an_answer_is_incomplete_is_told(why: Finish, reason: Reason) -> None:
    async with stage(ScriptedChat(["So it", Finished(why, 7, 3)])) as on:
        done = await ask(on)
        assert (done.ending, done.reason) == (Ending.INCOMPLETE, reason)
        assert status(done) == [Status.INCOMPLETE]
        assert (done.usage.input_tokens, done.usage.output_tokens) == (7, 3)
        assert done.usage.spoken == len(on.sound("r1")) // 2 > 0


async def test_an_answer_without_a_voice_is_whole_as_text() -> None:
    voice = ToneVoice(languages=["fr"])
    async with stage(ScriptedChat(["One thing. ", "Another."]), voice) as on:
        done = await ask(on, Manner(language="en"))
        assert (done.ending, done.error and done.error[0]) == (Ending.FAILED, "voice_unavailable")
        assert (on.text(), status(done)) == ("One thing. Another.", [Status.COMPLETED])
        assert not on.all(AudioDelta)


async def test_a_phrase_in_a_language_that_nobody_speaks_is_left_out_of_the_sound() -> None:
    voice = ToneVoice(languages=["en"])
    chat = ScriptedChat(["It is called 안녕하세요. ", "안녕하세요! ", "Yes."])
    async with stage(chat, voice) as on:
        done = await ask(on)
        assert done.error is not None
        assert [phrase.text for phrase in voice.spoken][-1] == "Yes."
        assert on.phrases(done.items[0].id)[1] == "안녕하세요! "


async def test_an_engine_that_breaks_is_not_asked_again() -> None:
    voice = ToneVoice(breaks_at="two")
    async with stage(ScriptedChat(["Number one. Number two. Number three."]), voice) as on:
        done = await ask(on)
        assert done.error == ("voice_unavailable", "tone broke")
        assert [phrase.text for phrase in voice.spoken] == ["Number one.", "Number two."]
        assert on.text() == "Number one. Number two. Number three."
        assert voice.open == 0
        assert (await ask(on, id="r2")).usage.spoken > 0


async def test_an_engine_that_gives_no_sound_or_no_end_is_given_up() -> None:
    for limits in (Limits(hoarseness=0.02), Limits(sound=0.3)):
        voice = ToneVoice(by_hand=True)
        voice.release(10 if limits.sound < 1 else 1)
        async with stage(ScriptedChat(["A sentence of some length."]), voice, limits=limits) as on:
            done = await ask(on)
            assert (done.ending, voice.open) == (Ending.FAILED, 0)
            assert done.error is not None
            assert done.error[0] == "voice_unavailable"
            assert 0 < done.usage.spoken <= 0.5 * 24_000


async def test_what_has_nothing_to_say_is_told_and_not_spoken() -> None:
    voice = ToneVoice()
    text = "Look:\n```python\nprint(1)\n```\n**That** is all. 🙂"
    async with stage(ScriptedChat([text]), voice) as on:
        done = await ask(on)
        assert done.ending is Ending.COMPLETED
        assert on.text() == text
        assert [phrase.text for phrase in voice.spoken] == ["Look:", "That is all."]
        assert "".join(on.phrases(done.items[0].id)).strip() == text.strip()


async def test_an_empty_answer_and_one_of_white_space_have_no_items() -> None:
    async with stage(ScriptedChat([], ["\n", " "], ["\n", CallPiece(0, "a", "f", "{}")])) as on:
        assert (await ask(on)).items == ()
        assert (await ask(on, id="r2")).items == ()
        (call,) = (await ask(on, id="r3")).items
        assert isinstance(call, FunctionCall)


async def test_each_phrase_is_spoken_in_its_own_language() -> None:
    voice = ToneVoice()
    async with stage(ScriptedChat(["Hello there. ", "你好世界。", "こんにちは。"]), voice) as on:
        await ask(on)
        assert [phrase.language for phrase in voice.spoken] == ["en", "zh", "ja"]


async def test_voice_and_speed_are_as_wanted() -> None:
    voice = ToneVoice()
    async with stage(ScriptedChat(["Ten signs!"]), voice) as on:
        slow = await ask(on, Manner(voice="tone-high", speed=0.5))
        fast = await ask(on, Manner(voice="alloy", speed=2.0), "r2")
        assert [(phrase.voice, phrase.speed) for phrase in voice.spoken] == [
            ("tone-high", 0.5),
            ("", 2.0),
        ]
        assert slow.usage.spoken == 4 * fast.usage.spoken


async def test_the_model_is_not_read_far_ahead_of_the_voice() -> None:
    voice, chat = ToneVoice(by_hand=True), ScriptedChat([f"Number {n}. " for n in range(100)])
    async with stage(chat, voice) as on:
        await on.talk.respond(ResponseRequest("r1", Manner()))
        await voice.asked()
        for _ in range(3):
            voice.release()
            await on.until(AudioDelta, len(on.all(AudioDelta)) + 1)
        assert chat.answers[0].given <= 6
        assert len(on.all(TextDelta)) == chat.answers[0].given


async def test_a_message_is_told_as_done_with_the_places_of_its_phrases() -> None:
    async with stage(ScriptedChat(["Hello there. ", "How are you?"])) as on:
        await ask(on)
        item = (await on.until(ItemDone)).item
        assert isinstance(item, Message)
        phrases = item.content[0].phrases  # type: ignore[union-attr]
        assert [(phrase.start, phrase.end) for phrase in phrases] == [(0, 14_400), (14_400, 28_800)]
        first = b"".join(delta.pcm for delta in on.all(AudioDelta) if delta.phrase == 0)
        assert len(first) == 2 * phrases[0].end


async def test_a_listener_that_is_slow_is_waited_for() -> None:
    """Neither the model nor the voice is far ahead of it."""
    chat, goes_on = ScriptedChat([f"Word {n} " for n in range(5_000)]), asyncio.Event()
    async with stage(chat, ToneVoice()) as on:
        listen = on.listen

        async def slow(event: TalkEvent) -> None:
            await listen(event)
            if isinstance(event, TextDelta):
                await goes_on.wait()

        on.talk._listener = slow
        await on.talk.respond(ResponseRequest("r1", Manner(speaks=False)))
        await on.until(TextDelta)
        for _ in range(500):
            await asyncio.sleep(0)
        assert chat.answers[0].given <= 70
        goes_on.set()
        await on.until(ResponseDone)
        assert len(on.all(TextDelta)) == 5_000
