"""Turns of a speaker who may pause in them: utterances, until somebody judges that it was all."""

from __future__ import annotations

from sotto.audio.format import FRAMES_PER_SECOND
from sotto.dialogue.hearing import TurnBegan, TurnEvent, TurnStopped
from sotto.transcript.events import Committed, Event, Final, SpeechEnded, SpeechStarted
from sotto.transports.realtime.items import Item
from sotto.transports.realtime.session import RealtimeSession
from sotto.transports.realtime.turns import ClientTurns, MakeId, ServerTurns, Turns

LONGEST_PAUSES = {"low": 8, "medium": 4, "auto": 4, "high": 2}
"""Eagerness → seconds of pause after which a turn is over, whatever the judge holds of it. They are
OpenAI's."""


class JudgedTurns(Turns):
    """An item is what was said until a pause that `settle` calls the end, or that is too long."""

    is_manual = False

    def __init__(self, session: RealtimeSession, make_id: MakeId, at: int) -> None:
        super().__init__(session, make_id, at)
        self._item: Item | None = None
        self._open = 0
        """Utterances of it whose finals did not come."""
        self._asked: int | None = None
        """Where the client committed and nothing was committed since."""

    @property
    def is_pending(self) -> bool:
        """Whether the client committed, and no item came of it yet."""
        return self._asked is not None

    @property
    def is_in_doubt(self) -> bool:
        """Whether the speaker pauses, all before the pause is told, and it may have been all."""
        return self._item is not None and not self._open

    def hear(self, event: Event) -> list[TurnEvent]:
        """What the core tells."""
        match event:
            case SpeechStarted(_, at):
                return self._start(at + self._offset)
            case Committed(utterance, words) if self._item:
                return self._delta(self._item, words, utterance)
            case SpeechEnded(_, at) if self._item:
                self._item.end = at + self._offset
            case Final(segment):
                self._finals += 1
                if self._item:
                    self._open -= 1
                    self._item.language = segment.language
        return []

    def commit(self, at: int) -> list[TurnEvent]:
        """The turn ends with what is open, which the end of the stream ends."""
        self._asked = at
        return []

    def clear(self, at: int) -> list[str]:
        """The open turn is dropped."""
        begun = [] if self._item is None else [self._item.id]
        self._since, self._asked = at, None
        self._forget()
        return begun

    def pass_silence(self, until: int) -> list[TurnEvent]:
        """The turn is over if nothing was said for too long."""
        longest = LONGEST_PAUSES[self.session.eagerness] * FRAMES_PER_SECOND
        if self.is_in_doubt and until - self._end >= longest:
            return self.settle()
        return []

    def settle(self) -> list[TurnEvent]:
        """The pause is the turn's end."""
        item = self._item
        if item is None:
            return []
        end = self._end
        self._since, self._asked = end, None
        self._forget()
        told = [TurnStopped(item.id, end), self._commit(item)]
        return [*told, self._complete(item, item.text.rstrip(), end - item.start)]

    def finish(self) -> list[TurnEvent]:
        """The open turn; else an empty item, if the client waits for one."""
        if self._item is not None or self._asked is None:
            return self.settle()
        item = Item(self._make_id(), self._since)
        length = self._asked - self._since
        self._since, self._asked = self._asked, None
        return [self._commit(item), self._complete(item, "", length)]

    @property
    def _end(self) -> int:
        assert self._item is not None
        return self._item.start if self._item.end is None else self._item.end

    def _start(self, at: int) -> list[TurnEvent]:
        self._open += 1
        if self._item is not None:
            self._item.end = None  # the pause was none
            return []
        item = self._item = Item(self._make_id(), at)
        return [TurnBegan(item.id, max(at - self.session.prefix // 10, self._since), at)]

    def _forget(self) -> None:
        self._item, self._open = None, 0


def kind_of_turns(session: RealtimeSession, *, judged: bool) -> type[Turns]:
    """Those of the side that says where turns end. `judged`: whether anybody can judge pauses."""
    if session.is_manual:
        return ClientTurns
    return JudgedTurns if judged and session.is_semantic else ServerTurns
