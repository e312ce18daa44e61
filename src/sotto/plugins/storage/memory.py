"""Finals of the newest sessions, in memory: nothing outlives the process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from sotto.clock import Clock, SystemClock
from sotto.interfaces.store import MAX_SEGMENTS, Beginning, Page, Query, Record
from sotto.plugins.storage.begun import Begun, check_owner
from sotto.plugins.storage.shifting import later
from sotto.plugins.storage.terms import asked, terms
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


class MemoryStore:
    """Keeps the finals of the last sessions; older sessions are forgotten."""

    def __init__(
        self,
        *,
        max_sessions: int = 1_000,
        max_segments: int = 10_000,
        clock: Clock | None = None,
    ) -> None:
        self._max_sessions = max_sessions
        self._max_segments = max_segments
        self._clock = clock or SystemClock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        """The one heard last at the end."""
        self._begun = Begun()
        self._numbers = 0

    async def open(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Nothing is held."""

    async def begin(self, session: Beginning) -> Record:
        """A stream begins. Raises Forbidden."""
        known = self._sessions.get(session.id)
        if known is None:
            known = self._add(session)
        else:
            check_owner(session, known.record.owner)
            known.record = replace(
                known.record,
                model=session.model,
                language=session.language or known.record.language,
                heard=self._clock.wall(),
            )
            if not session.continues:
                known.offset = known.record.frames
            self._sessions.move_to_end(session.id)
        self._begun.note(session)
        return known.record

    async def append(self, session: str, segment: Segment) -> None:
        """Keep one final; of a session's too many, the oldest go."""
        known = self._sessions.get(session) or self._add(self._begun.of(session))
        if segment.id in known.kept:
            return
        self._sessions.move_to_end(session)
        known.kept[segment.id] = later(segment, known.offset)
        known.terms[segment.id] = frozenset(terms(segment.text))
        if len(known.kept) > self._max_segments:
            oldest = next(iter(known.kept))
            del known.kept[oldest], known.terms[oldest]
        record = known.record
        known.record = replace(
            record,
            language=segment.language if segment.words else record.language,
            heard=self._clock.wall(),
            frames=max(record.frames, known.offset + segment.end),
            words=record.words + len(segment.words),
            segments=record.segments + bool(segment.words),
        )

    async def segments(self, session: str, *, last: int = MAX_SEGMENTS) -> list[Segment]:
        """The last finals of a session in order."""
        known = self._sessions.get(session)
        if known is None:
            return []
        return [known.kept[number] for number in sorted(known.kept)[-min(last, MAX_SEGMENTS) :]]

    async def record(self, session: str) -> Record | None:
        """What is known of a session."""
        known = self._sessions.get(session)
        return None if known is None else known.record

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
        return self._sessions.pop(session, None) is not None

    async def expire(self, before: float) -> int:
        """Forget the sessions that were last heard before."""
        old = [id for id, known in self._sessions.items() if known.record.heard < before]
        for session in old:
            del self._sessions[session]
        return len(old)

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
        )
        known = self._sessions[session.id] = _Session(self._numbers, record)
        if len(self._sessions) > self._max_sessions:
            self._sessions.popitem(last=False)
        return known


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
