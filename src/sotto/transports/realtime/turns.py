"""Which item each word belongs to: the core's events in, the turns of a user out. No I/O.

Frames are counted from the session's first sound, over all of its streams.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from typing import ClassVar, TypeAlias

from sotto.audio.format import FRAMES_PER_SECOND
from sotto.dialogue.hearing import (
    TurnBegan,
    TurnCommitted,
    TurnComplete,
    TurnEvent,
    TurnStopped,
    TurnWords,
)
from sotto.transcript.events import Committed, Event, Final, SpeechEnded, SpeechStarted
from sotto.transcript.words import Word
from sotto.transports.realtime.items import Item
from sotto.transports.realtime.session import RealtimeSession

MakeId: TypeAlias = Callable[[], str]

MAX_TURN = 50_000
"""Characters after which the server commits a turn that its client never does."""
SURE = FRAMES_PER_SECOND // 2
"""Frames after which silence is sure to have been silence."""


class Turns(ABC):
    """The items of one session, for as long as the same side says where they end."""

    is_manual: ClassVar[bool]
    """Whether the client says it."""

    def __init__(self, session: RealtimeSession, make_id: MakeId, at: int) -> None:
        self.session = session
        """As it is in force."""
        self.last_item: str | None = None
        """The last that was committed."""
        self._make_id = make_id
        self._since = at
        """Where the sound begins that was not committed."""
        self._offset = 0
        """Where the open stream began."""
        self._finals = 0
        """Utterances of it that are told wholly."""

    def begin(self, at: int) -> None:
        """A new stream's events follow."""
        self._offset, self._finals = at, 0

    def waiting(self, at: int) -> int:
        """Frames of sound that could be committed."""
        return at - self._since

    def is_quiet(self, utterances: int) -> bool:
        """Whether all is told of so many utterances of the stream."""
        return self._finals >= utterances

    @property
    def is_long(self) -> bool:
        """Whether it is time to commit, whoever should."""
        return False

    @property
    @abstractmethod
    def is_pending(self) -> bool:
        """Whether the client committed what is not complete."""

    @abstractmethod
    def hear(self, event: Event) -> list[TurnEvent]:
        """What the core tells."""

    @abstractmethod
    def commit(self, at: int) -> list[TurnEvent]:
        """The client says that its turn is over; there is sound to commit."""

    @abstractmethod
    def clear(self, at: int) -> list[str]:
        """The client wants what is not committed forgotten: the items that were begun."""

    def pass_silence(self, until: int) -> list[TurnEvent]:
        """Nothing was said up to there that is not told."""
        return []

    @abstractmethod
    def finish(self) -> list[TurnEvent]:
        """The stream is over, and all of it told."""

    def leave(self, at: int) -> list[TurnEvent]:
        """The other side says from now on where turns end."""
        return self.finish()

    def _commit(self, item: Item) -> TurnEvent:
        event = TurnCommitted(item.id, self.last_item)
        self.last_item = item.id
        return event

    def _delta(self, item: Item, words: Iterable[Word], utterance: int) -> list[TurnEvent]:
        words = list(words)
        text = item.add(words, utterance)
        if item.dropped or not text:
            return []
        return [TurnWords(item.id, text, tuple(words))]

    def _complete(self, item: Item, text: str, length: int) -> TurnEvent:
        return TurnComplete(item.id, text, length, tuple(item.words), item.language)


class ServerTurns(Turns):
    """The server says where turns end: an utterance is an item.

    A commit of the client only hurries it. Where nothing was said, it gives an empty item.
    """

    is_manual = False

    def __init__(self, session: RealtimeSession, make_id: MakeId, at: int) -> None:
        super().__init__(session, make_id, at)
        self._open: dict[int, Item] = {}
        """By the utterance's number."""
        self._asked: int | None = None
        """Where the client committed and nothing was committed since."""
        self._forget = False

    @property
    def is_pending(self) -> bool:
        """Whether the client committed, and no item came of it yet."""
        return self._asked is not None

    def begin(self, at: int) -> None:
        """A new stream's events follow."""
        super().begin(at)
        self._forget = False

    def hear(self, event: Event) -> list[TurnEvent]:
        """What the core tells."""
        match event:
            case SpeechStarted(utterance, at):
                return self._start(utterance, at + self._offset)
            case Committed(utterance, words):
                return self._delta(self._open[utterance], words, utterance)
            case SpeechEnded(utterance, at):
                return self._end(self._open[utterance], at + self._offset)
            case Final(segment):
                self._finals += 1
                item = self._open.pop(segment.id)
                item.language = segment.language
                length = segment.end - segment.start
                return [] if item.dropped else [self._complete(item, segment.text, length)]
            case _:
                return []

    def commit(self, at: int) -> list[TurnEvent]:
        """Nothing yet: the end of the stream ends the open utterance, if there is one."""
        self._asked = at
        return []

    def clear(self, at: int) -> list[str]:
        """The open utterance is dropped, and what is left of the stream."""
        self._since, self._asked, self._forget = at, None, True
        begun = [item for item in self._open.values() if item.end is None and not item.dropped]
        for item in begun:
            item.dropped = True
        return [item.id for item in begun]

    def finish(self) -> list[TurnEvent]:
        """An empty item, if the client waits for one."""
        if self._asked is None:
            return []
        item = Item(self._make_id(), self._since)
        length = self._asked - self._since
        self._since, self._asked = self._asked, None
        return [self._commit(item), self._complete(item, "", length)]

    def _start(self, utterance: int, at: int) -> list[TurnEvent]:
        item = self._open[utterance] = Item(self._make_id(), at, dropped=self._forget)
        padded = max(at - self.session.prefix // 10, self._since)
        return [] if item.dropped else [TurnBegan(item.id, padded, at)]

    def _end(self, item: Item, at: int) -> list[TurnEvent]:
        item.end = at
        if item.dropped:
            return []
        self._since, self._asked = at, None
        return [TurnStopped(item.id, at), self._commit(item)]


class ClientTurns(Turns):
    """The client says where turns end: an item is what lies between two commits.

    A commit cuts no word in two: the sound goes on being heard as one, and each word belongs to
    the turn that holds its middle. A turn is complete once a later word, or silence, is known.
    """

    is_manual = True

    def __init__(self, session: RealtimeSession, make_id: MakeId, at: int) -> None:
        super().__init__(session, make_id, at)
        self._items = deque([Item(make_id(), at)])
        """Those that are not complete; the last one is open."""

    @property
    def is_pending(self) -> bool:
        """Whether an item waits for its last words."""
        return len(self._items) > 1

    @property
    def is_long(self) -> bool:
        """Whether a client forgot to commit for hours."""
        return len(self._items[-1].text) >= MAX_TURN

    def hear(self, event: Event) -> list[TurnEvent]:
        """What the core tells."""
        match event:
            case Committed(utterance, words):
                return self._hear(utterance, [self._moved(word) for word in words])
            case Final(segment):
                self._finals += 1
                self._note_language(segment.end + self._offset, segment.language)
                return self._settle(segment.end + self._offset)
            case _:
                return []

    def commit(self, at: int) -> list[TurnEvent]:
        """The open item ends here, and the next begins."""
        item = self._items[-1]
        item.end = self._since = at
        self._items.append(Item(self._make_id(), at))
        return [self._commit(item)]

    def clear(self, at: int) -> list[str]:
        """What comes of the open item is dropped; what was told of it cannot be taken back."""
        item = self._items[-1]
        item.dropped, item.end = True, at
        self._since = at
        self._items.append(Item(self._make_id(), at))
        return [item.id]

    def pass_silence(self, until: int) -> list[TurnEvent]:
        """Complete what was committed before there."""
        return self._settle(until - SURE)

    def finish(self) -> list[TurnEvent]:
        """Complete all that was committed."""
        return self._settle(self._since)

    def leave(self, at: int) -> list[TurnEvent]:
        """Commit what was said, since nobody else will."""
        said = self.commit(at) if self._items[-1].text else []
        return [*said, *self.finish()]

    def _moved(self, word: Word) -> Word:
        return replace(word, start=word.start + self._offset, end=word.end + self._offset)

    def _note_language(self, until: int, language: str) -> None:
        for item in self._items:
            if item.start < until:
                item.language = language

    def _hear(self, utterance: int, words: list[Word]) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        for item, own in groupby(words, self._item_of):
            events += self._settle(item.start)
            events += self._delta(item, own, utterance)
        return events

    def _item_of(self, word: Word) -> Item:
        middle = (word.start + word.end) // 2
        return next(item for item in self._items if item.end is None or middle < item.end)

    def _settle(self, until: int) -> list[TurnEvent]:
        """Complete the items that end there or before."""
        events: list[TurnEvent] = []
        while (end := self._items[0].end) is not None and end <= until:
            item = self._items.popleft()
            if not item.dropped:
                events.append(self._complete(item, item.text.rstrip(), end - item.start))
        return events
