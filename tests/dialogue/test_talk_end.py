"""How a talk ends: what was not played was never heard, and its own error counts."""

from __future__ import annotations

import asyncio

import pytest

from sotto.dialogue.conversation import Conversation
from sotto.dialogue.events import AudioDelta, ResponseDone, TalkEvent
from sotto.dialogue.hearing import TurnBegan, TurnCommitted, TurnComplete, TurnStopped
from sotto.dialogue.items import Message, Status
from sotto.dialogue.partner import Partner
from sotto.dialogue.talk import Talk
from sotto.dialogue.voices import Voices
from sotto.errors import Gone
from sotto.testing.talking import ScriptedChat, ToneVoice
from tests.dialogue.talks import ManualClock, stage


async def test_of_what_was_told_the_part_that_was_played_stays() -> None:
    clock = ManualClock()
    async with stage(ScriptedChat(["One is here. ", "Two is here. "]), clock=clock) as scene:
        await scene.say("u", "hello")
        done = await scene.until(ResponseDone)
        clock.now += 0.7  # the first phrase takes 0.65 s
    (answer,) = done.items
    assert isinstance(answer, Message)
    kept = scene.conversation.get(answer.id)
    assert kept.status is Status.INCOMPLETE
    assert scene.remembered(answer.id) == "One is here."


async def test_of_what_is_being_said_too() -> None:
    chat = ScriptedChat()
    clock = ManualClock()
    async with stage(chat, clock=clock) as scene:
        await scene.say("u", "hello")
        (await chat.asked()).release("One is here. ", "Two is here. ", "Three ")
        item = (await scene.until(AudioDelta, 10)).at.item
        clock.now += 0.7
    assert scene.remembered(item) == "One is here."
    assert scene.all(ResponseDone) == []


async def test_what_the_listener_raised_is_raised_though_a_turn_comes_after_it() -> None:
    async def listen(event: TalkEvent) -> None:
        raise Gone("the client hung up")

    partner = Partner(ScriptedChat(["Hi. "]), Voices([ToneVoice()]), clock=ManualClock())
    with pytest.raises(Gone):
        async with Talk(partner, Conversation(), listen, ManualClock(), str) as talk:
            try:
                await talk.hear(TurnBegan("a", 0, speech=0))
                await asyncio.Event().wait()
            finally:
                await talk.hear(TurnStopped("a", 10))
                await talk.hear(TurnCommitted("a", None))
                await talk.hear(TurnComplete("a", "hello", 100, (), "en"))
