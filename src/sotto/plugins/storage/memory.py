"""Finals of the newest sessions, in memory."""

from __future__ import annotations

from collections import OrderedDict

from sotto.transcript.words import Segment


class MemoryStore:
    """Keeps the finals of the last sessions; older sessions are forgotten."""

    def __init__(self, *, max_sessions: int = 1_000, max_segments: int = 10_000) -> None:
        self._max_sessions = max_sessions
        self._max_segments = max_segments
        self._sessions: OrderedDict[str, dict[int, Segment]] = OrderedDict()

    async def append(self, session: str, segment: Segment) -> None:
        """Keep one final; of a session's too many, the oldest go."""
        kept = self._sessions.setdefault(session, {})
        self._sessions.move_to_end(session)
        kept[segment.id] = segment
        if len(kept) > self._max_segments:
            del kept[next(iter(kept))]
        if len(self._sessions) > self._max_sessions:
            self._sessions.popitem(last=False)

    async def segments(self, session: str) -> list[Segment]:
        """The finals of a session in order."""
        kept = self._sessions.get(session, {})
        return [kept[number] for number in sorted(kept)]
