"""A talk: what is heard of a user becomes turns, turns become answers, answers are told.

What is heard and what is asked for is done at once, without waiting in between: the turn machine
says what follows from it, `_act` does that. All that the listener is told goes through one outbox,
from which one task tells it, in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self, assert_never

from sotto.audio.format import FRAMES_PER_SECOND, exact_div
from sotto.clock import Clock
from sotto.dialogue.answer import Scene
from sotto.dialogue.answers import Answers, Busy, NotActive
from sotto.dialogue.closing import first_of
from sotto.dialogue.conversation import Conversation
from sotto.dialogue.cuts import Cuts
from sotto.dialogue.events import (
    AudioDelta,
    Cut,
    Held,
    IdleTimeout,
    Reason,
    Resumed,
    TalkEvent,
    TextDelta,
)
from sotto.dialogue.hearing import TurnCommitted, TurnComplete, TurnEvent
from sotto.dialogue.items import OUTPUT_RATE, Message
from sotto.dialogue.outbox import Letter, Outbox
from sotto.dialogue.partner import Partner
from sotto.dialogue.playback import Playback
from sotto.dialogue.request import Manner, ResponseRequest, Wishes
from sotto.dialogue.said import SaidByUser
from sotto.dialogue.told import SAMPLE_BYTES, Told
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

__all__ = ["Busy", "NotActive", "Talk"]

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""Events that wait for a slow listener before no more is heard."""
SAMPLES_PER_FRAME = exact_div(OUTPUT_RATE, FRAMES_PER_SECOND)  # 240


class Talk:
    """One conversation with one partner, for as long as the context is open.

    Leaving it ends all that is under way, and raises what the listener raised.
    """

    def __init__(
        self,
        partner: Partner,
        conversation: Conversation,
        listener: Callable[[TalkEvent], Awaitable[None]],
        clock: Clock,
        make_id: Callable[[str], str],
    ) -> None:
        """`make_id`: an id that nothing else has, of a kind: resp, item or call."""
        self.manner: Manner = partner.manner
        """How is answered, unless it is asked for otherwise."""
        self.generation = 0
        """Counts the answers that were cut."""
        self.played: Callable[[], int | None] = lambda: None
        """Milliseconds of the newest item's sound that the client played; None: nobody knows."""
        self._partner = partner
        self._conversation = conversation
        self._listener = listener
        self._clock = clock
        self._make_id = make_id
        self._machine = TurnMachine(Wishes())
        self._playback = Playback(clock, self._known)
        self._said = SaidByUser(conversation, clock)
        self._outbox = Outbox(self._tell)
        self._cuts = Cuts(conversation, self._playback, self._outbox)
        self._group = asyncio.TaskGroup()
        self._answers = Answers(partner, conversation, self._outbox, self._group, make_id)
        self._telling: asyncio.Task[None] | None = None

    @property
    def wishes(self) -> Wishes:
        """How turns are taken."""
        return self._machine.wishes

    @wishes.setter
    def wishes(self, wishes: Wishes) -> None:
        self._machine.wishes = wishes

    @property
    def state(self) -> State:
        """Whose turn it is."""
        return self._machine.state

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._telling = self._group.create_task(self._outbox.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if (main := self._answers.main) is not None:
            self._answers.stop(main, Reason.CLIENT)
        self._cuts.make(main)  # what was not played by now was never heard
        self._answers.cancel()
        if self._telling is not None:
            self._telling.cancel()
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            first = first_of(group)
            if first is not error:
                raise first from group

    # ---- what is heard

    async def hear(self, event: TurnEvent) -> None:
        """What became known of a turn."""
        await self._outbox.room(MOST_WAITING)
        self._look()
        left = None if self._answers.main else self._playback.left // SAMPLES_PER_FRAME
        self._act(self._machine.hear(event, left))

    async def pass_sound(self, frame: int, spoken: int | None = None) -> None:
        """Sound came up to this frame. `spoken`: up to where it was speech, where that is known."""
        await self._outbox.room(MOST_WAITING)
        self._said.arrivals.note(frame)
        self._act(self._machine.pass_sound(frame, spoken))
        self._look()

    def glimpse(self, *, is_speech: bool) -> None:
        """A moment of sound, and whether somebody speaks in it, or may have begun to."""
        self._act(self._machine.glimpse(is_speech=is_speech))

    async def forget(self, item: str) -> None:
        """What was said of a turn that is not complete is to be forgotten."""
        self._act(self._machine.forget(item))

    # ---- what is asked for

    async def respond(self, request: ResponseRequest) -> None:
        """Begin an answer. Raises Busy."""
        await self._outbox.room(MOST_WAITING)
        self._look()
        self._begin(request, is_own=False)

    async def cancel(self, response: str | None = None) -> None:
        """End an answer; None: the conversation's. Raises NotActive."""
        await self._outbox.room(MOST_WAITING)
        if (told := self._answers.find(response)) is self._answers.main:
            self._stop(told)
        else:
            self._answers.stop(told, Reason.CLIENT)

    async def truncate(self, item: str, audio_end_ms: int) -> Message:
        """No more of an answer was heard than that, and what still comes of it is not wanted.

        Raises UnknownItem, and BadOption where its sound is not as long.
        """
        await self._outbox.room(MOST_WAITING)
        main = self._answers.main
        if main is not None and main.message == item:
            main.check(audio_end_ms)
            self._stop(main)
        trimmed = self._conversation.truncate(item, audio_end_ms)
        self._playback.drop(item)
        self._outbox.put(Cut(item, audio_end_ms))
        self._look()
        return trimmed

    async def cleared(self) -> None:
        """The client threw away what it had not played."""
        await self._outbox.room(MOST_WAITING)
        if self._answers.main is not None:
            self._stop(self._answers.main)
        self.generation += 1
        self._cuts.make(None)
        self._look()

    # ---- what is done

    def _act(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case PassOn(event):
                    self._outbox.put(self._said.take(event))
                case Start():
                    self._begin(ResponseRequest(self._make_id("resp"), self.manner), is_own=True)
                case Hold():
                    self._playback.hold()
                    self._outbox.put(Held(self.generation))
                case Resume():
                    self._playback.resume()
                    self._outbox.put(Resumed(self.generation))
                case Interrupt(reason):
                    self._interrupt(reason)
                case TimeOut(start, end):
                    self._time_out(start, end)
                case Drop(item):
                    log.debug("talk: nothing was meant by %s", item)
                case _:
                    assert_never(action)

    def _known(self) -> int | None:
        return self.played()

    def _look(self) -> None:
        """Whether all that was told is played."""
        is_done = self._answers.main is None and self._machine.is_sounding
        if is_done and not self._playback.left:
            self._playback.clear()
            self._act(self._machine.fall_silent())

    def _begin(self, request: ResponseRequest, *, is_own: bool) -> None:
        lag = None if request.is_apart else self._said.lag()
        scene = Scene(
            messages=lambda: self._said.asked(request, self._partner),
            language=self._said.language,
            generation=self.generation,
            since=self._clock.monotonic(),
            heard=lag if is_own else None,
        )
        self._answers.begin(request, scene)
        if not request.is_apart:
            self._machine.begin_answer(is_own=is_own)

    def _time_out(self, start: int, end: int) -> None:
        item = self._make_id("item")
        self._outbox.put(IdleTimeout(item, start, end))
        for event in (TurnCommitted(item, None), TurnComplete(item, "", end - start, ())):
            self._outbox.put(self._said.take(event))
        self._begin(ResponseRequest(self._make_id("resp"), self.manner), is_own=True)

    # ---- where an answer ends early

    def _interrupt(self, reason: Reason) -> None:
        if reason is Reason.TURN:
            self._partner.interrupted()
        self.generation += 1
        main = self._answers.main
        if main is not None:
            self._answers.stop(main, reason)
        is_held = self._playback.is_held
        if not self._cuts.make(main) and is_held:
            self._outbox.put(Resumed(self.generation))  # else the next answer would be held

    def _stop(self, main: Told) -> None:
        """For its client. Whoever plays without telling us plays on what it has of it."""
        self.generation += 1
        self._answers.stop(main, Reason.CLIENT)
        if self.played() is not None:
            self._cuts.make(main)
        elif main.message is not None and main.request.manner.speaks:
            self._cuts.trim(main.message, main.length)
        self._act(self._machine.end_answer())
        self._look()

    # ---- what is told

    async def _tell(self, letter: Letter) -> None:
        event, told = letter.event, letter.told
        if told is None:
            await self._listener(event)
            return
        is_main = told is self._answers.main
        self._answers.note(letter)
        if is_main and told.is_over:
            self._act(self._machine.end_answer())
        await self._listener(told.stamped(event, self.generation))
        if is_main and not told.is_over:
            self._note_sound(told, event)

    def _note_sound(self, told: Told, event: TalkEvent) -> None:
        """Of an answer that is written alone, its words are what can be spoken into."""
        if isinstance(event, AudioDelta):
            self._playback.add(event.at.item, len(event.pcm) // SAMPLE_BYTES)
            self._machine.sound()
        elif isinstance(event, TextDelta) and not told.request.manner.speaks:
            self._machine.sound()
