from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.dialogue.events import (
    AnswerEvent,
    AudioDelta,
    CallDelta,
    Cut,
    Held,
    IdleTimeout,
    ItemDone,
    ItemStarted,
    ResponseDone,
    ResponseStarted,
    Resumed,
    TalkEvent,
    TextDelta,
)
from sotto.dialogue.hearing import TurnBegan, TurnCommitted, TurnComplete, TurnStopped, TurnWords
from sotto.dialogue.items import FunctionCall, Item, Message, Speech
from sotto.dialogue.request import Manner, ResponseRequest, Wishes
from sotto.errors import BadOption
from sotto.interfaces.chat import CallPiece, Finished
from sotto.testing.talking import ScriptedChat, ToneVoice
from tests.dialogue.talks import ManualClock, Stage, stage

PIECES = ("Well. ", "So it ", "goes. ", CallPiece(0, "c", "f"), CallPiece(0, arguments="{}"))
OPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["", "mhm", "Go on."])),
    st.tuples(st.just("sound"), st.integers(1, 150)),
    st.tuples(st.just("time"), st.integers(1, 30)),
    st.tuples(st.just("release"), st.integers(0, 5)),
    st.tuples(st.just("finish"), st.none()),
    st.tuples(st.just("respond"), st.booleans()),
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.just("truncate"), st.integers(0, 500)),
    st.tuples(st.just("cleared"), st.none()),
    st.tuples(st.just("delete"), st.none()),
    st.tuples(st.just("others"), st.integers(1, 30)),
)


async def test_nothing_of_an_answer_is_told_after_its_end() -> None:
    """What waits for a listener that is slow is thrown away with it; what begins is ended."""
    chat, goes_on = ScriptedChat(), asyncio.Event()
    async with stage(chat) as on:
        listen = on.listen

        async def slow(event: TalkEvent) -> None:
            await listen(event)
            if isinstance(event, TextDelta):
                await goes_on.wait()

        on.talk._listener = slow
        await on.talk.respond(ResponseRequest("r1", Manner()))
        (await chat.asked()).release("One. ", "Two. ", *PIECES[3:], "Three.")
        await on.until(TextDelta)
        await Client(on, chat, ManualClock()).others(200)
        assert chat.answers[0].given == 5
        await on.talk.cancel()
        goes_on.set()
        done = await on.until(ResponseDone)
        await on.talk.respond(ResponseRequest("r2", Manner()))
        (await chat.asked(1)).finish("Four.")
        await on.until(ResponseDone, 2)
        assert on.text() == "One. "
        assert [said(item) for item in done.items] == ["One. ", ""]
        heard = Heard()
        for event in on.told:
            heard.take(event)
        assert not heard.open


class Client:
    """Does what clients do, at any moment; each of OPS is a method."""

    def __init__(self, on: Stage, chat: ScriptedChat, clock: ManualClock) -> None:
        self.on, self.chat, self.clock = on, chat, clock
        self.turn = self.asked = 0

    async def do(self, kind: str, what: object) -> None:
        """What cannot be is refused, and changes nothing."""
        with suppress(BadOption):
            await getattr(self, kind)(what)

    async def sound(self, frames: int) -> None:
        await self.on.pass_sound(frames)

    async def time(self, tenths: int) -> None:
        self.clock.now += tenths / 10

    async def release(self, count: int) -> None:
        for asked in self.chat.answers[-1:]:
            asked.release(*PIECES[:count])

    async def finish(self, _: None) -> None:
        for asked in self.chat.answers[-1:]:
            asked.release(Finished())

    async def respond(self, is_apart: bool) -> None:
        self.asked += 1
        request = ResponseRequest(f"r{self.asked}", Manner(), is_apart=is_apart)
        await self.on.talk.respond(request)

    async def cancel(self, _: None) -> None:
        await self.on.talk.cancel()

    async def truncate(self, audio_end_ms: int) -> None:
        for event in self.on.all(ItemStarted)[-1:]:
            await self.on.talk.truncate(event.item.id, audio_end_ms)

    async def cleared(self, _: None) -> None:
        await self.on.talk.cleared()

    async def delete(self, _: None) -> None:
        for item in self.on.conversation.items[-1:]:
            self.on.conversation.delete(item.id)

    async def others(self, rounds: int) -> None:
        """Whoever has something to do does some of it."""
        for _ in range(rounds):
            await asyncio.sleep(0)

    async def say(self, text: str) -> None:
        self.turn += 1
        item, on = f"u{self.turn}", self.on
        await on.begin(item)
        await on.pass_sound(20)
        await on.words(item, text)
        await on.pass_sound(60)
        await on.end(item, text)


@settings(max_examples=150)
@given(st.lists(OPS, min_size=5, max_size=40), st.booleans(), st.booleans(), st.integers(0, 9))
def test_whatever_happens_each_thing_begins_and_ends_once(
    ops: list[tuple[str, object]], holds: bool, interrupts: bool, slowness: int
) -> None:
    asyncio.run(_run(ops, Wishes(holds=holds, interrupts=interrupts, idle=3.0), slowness))


async def _run(ops: list[tuple[str, object]], wishes: Wishes, slowness: int) -> None:
    chat, voice, clock = ScriptedChat(), ToneVoice(), ManualClock()
    async with stage(chat, voice, wishes=wishes, clock=clock) as on:
        client, on.slowness = Client(on, chat, clock), slowness
        for kind, what in ops:
            await client.do(kind, what)
        on.talk.wishes = Wishes(answers=False)
        clock.now += 600
        await on.pass_sound(2_000)
        on.slowness = 0
        for _ in range(50):
            for asked in chat.answers:
                asked.release(Finished())
            await client.others(10)
        before = len(on.all(TurnComplete))
        await client.say("Good bye.")
        await on.until(TurnComplete, before + 1)
    heard = Heard()
    for event in on.told:
        heard.take(event)
    assert not heard.open
    whole = [TurnBegan, TurnWords, TurnStopped, TurnCommitted, TurnComplete]
    assert all(kinds in (whole, whole[3:]) for kinds in heard.turns.values())
    assert (chat.open, voice.open) == (0, 0)


class Heard:
    """What a listener may rely on."""

    def __init__(self) -> None:
        self.open: dict[str, list[str]] = {}
        """Response → its items that are open, while it is."""
        self.texts: dict[str, str] = {}
        self.turns: dict[str, list[type[TalkEvent]]] = {}
        self.is_held = False

    def take(self, event: TalkEvent) -> None:
        match event:
            case TurnBegan() | TurnStopped() | TurnCommitted() | TurnWords() | TurnComplete():
                self.turns.setdefault(event.item, []).append(type(event))
            case Held():
                assert not self.is_held
                self.is_held = True
            case Resumed() | Cut():
                self.is_held = False
            case IdleTimeout():
                assert event.end - event.start == 300
            case _:
                self.take_answer(event)

    def take_answer(self, event: AnswerEvent) -> None:
        match event:
            case ResponseStarted(request):
                assert request.id not in self.open
                self.open[request.id] = []
            case ItemStarted(at, item):
                self.open[at.response].append(item.id)
                self.texts[item.id] = ""
            case TextDelta(at, text) | CallDelta(at, _, text):
                assert at.item in self.open[at.response]
                self.texts[at.item] += text
            case AudioDelta(at):
                assert at.item in self.open[at.response]
            case ItemDone(at, item):
                self.open[at.response].remove(item.id)
                assert said(item) == self.texts[item.id]
            case ResponseDone(request):
                assert self.open.pop(request.id) == []


def said(item: Item) -> str | None:
    if isinstance(item, FunctionCall):
        return item.arguments
    assert isinstance(item, Message)
    (content,) = item.content
    assert isinstance(content, Speech)
    return content.transcript
