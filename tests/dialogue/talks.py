"""A talk on a stage: a scripted partner, a clock that is set by hand, all that was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import TypeVar

from sotto.dialogue.conversation import Conversation
from sotto.dialogue.events import AudioDelta, Cut, ResponseDone, TalkEvent, TextDelta
from sotto.dialogue.hearing import (
    TurnBegan,
    TurnCommitted,
    TurnComplete,
    TurnStopped,
    TurnWords,
)
from sotto.dialogue.items import Message, Speech, Text
from sotto.dialogue.partner import Limits, Partner
from sotto.dialogue.request import Wishes
from sotto.dialogue.talk import Talk
from sotto.dialogue.turn_actions import State
from sotto.dialogue.voices import Voices
from sotto.testing.talking import ScriptedChat, ToneVoice

E = TypeVar("E", bound=TalkEvent)


class ManualClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Stage:
    """One talk."""

    def __init__(self, partner: Partner, talk: Callable[[Stage], Talk]) -> None:
        self.partner = partner
        self.told: list[TalkEvent] = []
        self.conversation = Conversation()
        self.frame = 0
        self.slowness = 0
        """How often others come first while something is told."""
        self._changed = asyncio.Event()
        self.talk = talk(self)

    async def listen(self, event: TalkEvent) -> None:
        self.told.append(event)
        self._changed.set()
        for _ in range(self.slowness):
            await asyncio.sleep(0)

    def state(self) -> State:
        """Whose turn it is now."""
        return self.talk.state

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    async def until(self, kind: type[E], number: int = 1) -> E:
        """The event of that number, from 1, of its kind, as soon as it is told."""
        while len(self.all(kind)) < number:
            self._changed.clear()
            await self._changed.wait()
        return self.all(kind)[number - 1]

    async def pass_sound(self, frames: int) -> None:
        self.frame += frames
        await self.talk.pass_sound(self.frame)

    async def begin(self, item: str) -> None:
        """Somebody speaks, from the next frame on."""
        await self.talk.hear(TurnBegan(item, max(self.frame - 30, 0), speech=self.frame))

    async def words(self, item: str, text: str) -> None:
        await self.talk.hear(TurnWords(item, text, ()))

    async def end(self, item: str, text: str, language: str = "en") -> None:
        """It was all that was said; half a second of silence shows it."""
        stopped = self.frame
        await self.pass_sound(50)
        await self.talk.hear(TurnStopped(item, stopped))
        await self.talk.hear(TurnCommitted(item, None))
        await self.talk.hear(TurnComplete(item, text, 100, (), language))

    async def say(self, item: str, text: str, language: str = "en") -> None:
        """A whole turn of one second."""
        await self.begin(item)
        await self.pass_sound(100)
        await self.end(item, text, language)

    def text(self, number: int = 1) -> str:
        """What was told of an answer's words."""
        response = self.all(ResponseDone)[number - 1].request.id
        return "".join(d.text for d in self.all(TextDelta) if d.at.response == response)

    def sound(self, response: str) -> bytes:
        return b"".join(d.pcm for d in self.all(AudioDelta) if d.at.response == response)

    def remembered(self, item: str) -> str | None:
        """What the conversation holds of a message."""
        message = self.conversation.get(item)
        assert isinstance(message, Message)
        (content,) = message.content
        return content.text if isinstance(content, Text) else content.transcript

    def phrases(self, item: str) -> list[str]:
        message = self.conversation.get(item)
        assert isinstance(message, Message)
        assert isinstance(message.content[0], Speech)
        return [phrase.text for phrase in message.content[0].phrases]

    def kinds(self) -> list[str]:
        """What was told, without deltas and repetitions."""
        names = [type(event).__name__ for event in self.told]
        short = [name for name in names if not name.endswith("Delta")]
        return [name for at, name in enumerate(short) if at == 0 or short[at - 1] != name]

    def cuts(self) -> list[tuple[str, int]]:
        return [(cut.item, cut.audio_end_ms) for cut in self.all(Cut)]


@asynccontextmanager
async def stage(
    chat: ScriptedChat,
    voice: ToneVoice | None = None,
    *,
    wishes: Wishes | None = None,
    limits: Limits | None = None,
    clock: ManualClock | None = None,
) -> AsyncIterator[Stage]:
    """A talk with one voice; its clock stands still."""
    clock = clock or ManualClock()
    partner = Partner(chat, Voices([voice or ToneVoice()]), limits=limits or Limits(), clock=clock)
    ids = count(1)

    def talk(on: Stage) -> Talk:
        return Talk(partner, on.conversation, on.listen, clock, lambda kind: f"{kind}_{next(ids)}")

    scene = Stage(partner, talk)
    scene.talk.wishes = wishes or Wishes()
    async with scene.talk:
        yield scene
