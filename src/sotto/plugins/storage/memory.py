"""Finals of the newest sessions, in memory: nothing outlives the process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from sotto.clock import Clock, SystemClock
from sotto.interfaces.conversations import ConversationStore
from sotto.interfaces.outbox import Outbox
from sotto.interfaces.store import MAX_SEGMENTS, Beginning, Page, Query, Record, check_spent
from sotto.plugins.storage.begun import Begun, check_owner, check_stream
from sotto.plugins.storage.conversations import MemoryConversations
from sotto.plugins.storage.pending import MemoryOutbox
from sotto.plugins.storage.terms import asked, terms
from sotto.plugins.storage.usage import Used, oldest_day
from sotto.transcript.later import later_segment
from sotto.transcript.words import Segment


@dataclass
class _Session:
    number: int
    """Counts up: a session with a greater one is newer."""
    record: Record
    offset: int = 0
    """The session's frame at which the frames of its present stream are counted from."""
    kept: dict[int, Segment] = field(default_factory=dict)
    terms: dict[int, frozenset[str]] = field(default_factory=dict)

    def drop_oldest(self) -> int:
        """Forget the final that came first; how large it was."""
        oldest = next(iter(self.kept))
        del self.terms[oldest]
        return _size(self.kept.pop(oldest))

    @property
    def size(self) -> int:
        """Of all its finals."""
        return sum(map(_size, self.kept.values()))


class MemoryStore:
    """Keeps the finals of the last sessions; older sessions are forgotten."""

    def __init__(
        self,
        *,
        max_sessions: int = 1_000,
        max_segments: int = 10_000,
        max_words: int = 500_000,
        clock: Clock | None = None,
        keeps_outbox: bool = False,
    ) -> None:
        self._max_sessions = max_sessions
        self._max_segments = max_segments
        self._max_words = max_words
        """Of all sessions, a final counting as one more: some 500 bytes each."""
        self._size = 0
        self._clock = clock or SystemClock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        """The one heard last at the end."""
        self._outbox = MemoryOutbox(self._record, self._clock) if keeps_outbox else None
        self._conversations = MemoryConversations(self._clock)
        self._begun = Begun()
        self._used = Used()
        self._numbers = 0

    @property
    def outbox(self) -> Outbox | None:
        """Finals that are to be told; None where none are."""
        return self._outbox

    @property
    def conversations(self) -> ConversationStore:
        """In memory too."""
        return self._conversations

    async def open(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Nothing is held."""

    async def begin(self, session: Beginning) -> Record:
        """A stream begins. Raises Forbidden."""
        known = self._sessions.get(session.id)
        if known is None:
            known = self._add(session)
        check_owner(session, known.record.owner)
        known.record = replace(
            known.record,
            model=session.model,
            language=session.language or known.record.language,
            heard=self._clock.wall(),
            stream=known.record.stream + 1,
        )
        if not session.continues:
            known.offset = known.record.frames
        self._sessions.move_to_end(session.id)
        self._begun.note(session)
        return known.record

    async def append(self, session: str, segment: Segment, *, stream: int | None = None) -> None:
        """Keep one final; of too many, the oldest go. Raises Superseded."""
        known = self._sessions.get(session) or self._add(self._begun.of(session))
        check_stream(stream, known.record.stream)
        if segment.id in known.kept:
            return
        self._sessions.move_to_end(session)
        final = known.kept[segment.id] = later_segment(segment, known.offset)
        known.terms[segment.id] = frozenset(terms(segment.text))
        self._size += _size(segment)
        record = known.record
        known.record = replace(
            record,
            language=segment.language if segment.words else record.language,
            heard=self._clock.wall(),
            frames=max(record.frames, final.end),
            words=record.words + len(segment.words),
            segments=record.segments + bool(segment.words),
            stream=max(record.stream, stream or 0),
        )
        self._make_room(known)
        if self._outbox is not None and final.words:
            self._outbox.add(session, final)

    async def segments(self, session: str, *, last: int = MAX_SEGMENTS) -> list[Segment]:
        """The last finals of a session in order."""
        known = self._sessions.get(session)
        if known is None:
            return []
        return [known.kept[number] for number in sorted(known.kept)[-min(last, MAX_SEGMENTS) :]]

    async def record(self, session: str) -> Record | None:
        """What is known of a session."""
        return self._record(session)

    async def sessions(self, query: Query) -> Page:
        """The sessions that are asked for, newest first."""
        wanted = frozenset(asked(query.text))
        found: list[_Session] = []
        for known in sorted(self._sessions.values(), key=lambda one: -one.number):
            if _is_asked_for(known, query, wanted):
                found.append(known)
            if len(found) > query.limit:
                break
            await asyncio.sleep(0)  # a search through all that was said is long
        page = found[: query.limit]
        after = page[-1].number if len(found) > query.limit else None
        return Page(tuple(known.record for known in page), after)

    async def delete(self, session: str) -> bool:
        """Forget a session and all its words."""
        return self._drop(session)

    async def expire(self, before: float) -> int:
        """Forget the sessions that were last heard before."""
        old = [id for id, known in self._sessions.items() if known.record.heard < before]
        for session in old:
            self._drop(session)
        self._used.forget(oldest_day(self._clock.wall()))
        await self._conversations.expire(before)
        return len(old)

    async def spend(self, owner: str, day: str, frames: int) -> int:
        """Add frames to what an owner used on a day. Raises ValueError."""
        check_spent(day, frames)
        return self._used.add(owner, day, frames)

    def _record(self, session: str) -> Record | None:
        known = self._sessions.get(session)
        return None if known is None else known.record

    def _add(self, session: Beginning) -> _Session:
        now = self._clock.wall()
        self._numbers += 1
        record = Record(
            id=session.id,
            dialect=session.dialect,
            owner=session.owner,
            group=session.group,
            speaker=session.speaker,
            model=session.model,
            language=session.language,
            began=now,
            heard=now,
            frames=0,
            words=0,
            segments=0,
            stream=0,
        )
        known = self._sessions[session.id] = _Session(self._numbers, record)
        if len(self._sessions) > self._max_sessions:
            self._drop(next(iter(self._sessions)))
        return known

    def _make_room(self, newest: _Session) -> None:
        """Forget whole sessions, the one heard last excepted; of that, its oldest finals."""
        if len(newest.kept) > self._max_segments:
            self._size -= newest.drop_oldest()
        while self._size > self._max_words and len(self._sessions) > 1:
            self._drop(next(iter(self._sessions)))
        while self._size > self._max_words and len(newest.kept) > 1:
            self._size -= newest.drop_oldest()

    def _drop(self, session: str) -> bool:
        """Whether it was there."""
        known = self._sessions.pop(session, None)
        if known is not None:
            self._size -= known.size
            if self._outbox is not None:
                self._outbox.forget(session)
        return known is not None


def _size(segment: Segment) -> int:
    return 1 + len(segment.words)


def _is_asked_for(known: _Session, query: Query, wanted: frozenset[str]) -> bool:
    record = known.record
    if query.after is not None and known.number >= query.after:
        return False
    names = (
        (query.owner, record.owner),
        (query.group, record.group),
        (query.speaker, record.speaker),
    )
    if any(name not in (None, of_it) for name, of_it in names):
        return False
    if not query.text:
        return True
    return bool(wanted) and wanted <= frozenset().union(*known.terms.values())
