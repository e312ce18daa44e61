"""What happens in a conversation, told to its client: events, and sound by the call's way out."""

from __future__ import annotations

from sotto.audio.format import PcmFormat
from sotto.dialogue.events import (
    AnswerEvent,
    AudioDelta,
    Cut,
    Ending,
    Held,
    IdleTimeout,
    ItemDone,
    ResponseDone,
    ResponseStarted,
    Resumed,
    TalkEvent,
)
from sotto.dialogue.hearing import (
    TurnBegan,
    TurnCommitted,
    TurnComplete,
    TurnStopped,
    TurnWords,
)
from sotto.transports.realtime.answers import Answers
from sotto.transports.realtime.call import Call, made_up
from sotto.transports.realtime.events import Json
from sotto.transports.realtime.outgoing import idle_event, turn_events
from sotto.transports.realtime.outlet import Outlet
from sotto.transports.realtime.speech import Socket

MAX_FORMATS = 100
"""Answers that are asked for in a format of their own and did not begin."""


class Telling:
    """One conversation's."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answers = Answers(made_up("conv"))
        socket = Socket(call.tell, self._answers.sound_of)
        self.outlet: Outlet = socket if call.carried is None else call.carried.outlet
        self._wanted: dict[str, PcmFormat] = {}
        """By answer: its sound's format, where it is not the session's."""
        self._sounding = ""
        """The answer whose sound came last."""

    def expect(self, response: str, pcm: PcmFormat) -> None:
        """An answer was asked for whose sound is to leave in that format."""
        self._wanted[response] = pcm
        while len(self._wanted) > MAX_FORMATS:
            del self._wanted[next(iter(self._wanted))]

    async def tell(self, event: TalkEvent) -> None:
        """One task tells all of them, in order. Raises Gone, TooSlow."""
        match event:
            case TurnBegan() | TurnStopped() | TurnCommitted() | TurnWords() | TurnComplete():
                await self._call.tell(*turn_events(event, self._call.session))
            case AudioDelta():
                self._sounding = event.at.response
                await self.outlet.sound(event)
            case Held():
                await self.outlet.hold(self._sounding)
            case Resumed():
                await self.outlet.resume(self._sounding)
            case Cut(item, audio_end_ms):
                await self.outlet.clear(self._sounding)
                await self._call.tell(truncated(item, audio_end_ms))
            case IdleTimeout():
                await self._call.tell(idle_event(event))
            case _:
                await self._tell_answer(event)

    async def _tell_answer(self, event: AnswerEvent) -> None:
        call = self._call
        if isinstance(event, ResponseStarted):
            pcm = self._wanted.pop(event.request.id, call.session.spoken)
            await call.tell(*self._answers.begin(event.request, pcm))
            return
        if isinstance(event, ItemDone):
            await self.outlet.finish(event.at)
        if isinstance(event, ResponseDone) and self._is_cut(event):
            await self.outlet.clear(self._sounding)
        await call.tell(*self._answers.told(event, times=call.session.tells_times))

    def _is_cut(self, done: ResponseDone) -> bool:
        return done.ending is Ending.CANCELLED and done.request.id == self._sounding


def truncated(item: str, audio_end_ms: int) -> Json:
    """No more than that was heard of an answer."""
    return {
        "type": "conversation.item.truncated",
        "item_id": item,
        "content_index": 0,
        "audio_end_ms": audio_end_ms,
    }
