"""Where finals are kept before they are acknowledged."""

from __future__ import annotations

from typing import Protocol

from sotto.transcript.words import Segment


class TranscriptStore(Protocol):
    """Keeps the finals of sessions."""

    async def append(self, session: str, segment: Segment) -> None:
        """Keep one final. Keeping the same segment id twice keeps it once."""
        ...

    async def segments(self, session: str) -> list[Segment]:
        """The finals of a session in order; empty where it is not known."""
        ...
