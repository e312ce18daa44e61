from __future__ import annotations

import asyncio
import re
from itertools import count

from sotto.dialogue.events import AudioDelta, ResponseDone, TextDelta
from sotto.dialogue.hearing import TurnComplete
from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.partner import Partner
from sotto.dialogue.talk import Talk
from sotto.dialogue.voices import Voices
from sotto.interfaces.chat import ChatRequest, Said
from sotto.testing.talking import Script, ScriptedChat, ToneVoice
from tests.dialogue.talks import ManualClock, Stage

TALKS, TURNS = 10, 5
SECRET = re.compile(r"secret\w+")


def secret(talk: int, turn: int) -> str:
    return f"secret{'abcdefghij'[talk]}{'vwxyz'[turn]}" + "o" * talk


def repeat(request: ChatRequest) -> Script:
    """All secrets that the model was told, one a piece."""
    said = " ".join(message.text for message in request.messages if isinstance(message, Said))
    return [f"You told me {word}. " for word in dict.fromkeys(SECRET.findall(said))]


async def converse(partner: Partner, number: int) -> Stage:
    """One of many: says words that nobody else says; its ids are the same as the others'."""
    clock, ids = ManualClock(), count()

    def talk(on: Stage) -> Talk:
        return Talk(partner, on.conversation, on.listen, clock, lambda kind: f"{kind}_{next(ids)}")

    on = Stage(partner, talk)
    async with on.talk:
        for turn in range(TURNS):
            await on.say(f"u{turn}", f"Keep {secret(number, turn)}.")
            await on.until(ResponseDone, turn + 1)
            clock.now += 600
    return on


async def test_ten_conversations_at_once_hear_nothing_of_each_other() -> None:
    chat, voice = ScriptedChat(by=repeat), ToneVoice()
    partner = Partner(chat, Voices([voice]), clock=ManualClock())
    stages = await asyncio.gather(*(converse(partner, number) for number in range(TALKS)))
    assert len(chat.requests) == TALKS * TURNS
    for number, on in enumerate(stages):
        own = [secret(number, turn) for turn in range(TURNS)]
        for turn in range(TURNS):
            told = [f"You told me {word}." for word in own[: turn + 1]]
            assert on.text(turn + 1).split() == " ".join(told).split()
            response = on.all(ResponseDone)[turn].request.id
            length = sum(len(text) for text in told) * OUTPUT_RATE // 20
            assert len(on.sound(response)) == 2 * length
        assert [event.text for event in on.all(TurnComplete)] == [f"Keep {word}." for word in own]
        words = " ".join(delta.text for delta in on.all(TextDelta))
        assert set(SECRET.findall(words)) == set(own)
        assert set(SECRET.findall(repr(on.conversation.items))) == set(own)
        assert all(delta.at.item in repr(on.conversation.items) for delta in on.all(AudioDelta))
    assert (chat.open, voice.open) == (0, 0)
