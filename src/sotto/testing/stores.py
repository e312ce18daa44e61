"""What tests of stores share: a clock, finals, a store that is open for as long as it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sotto.clock import Clock
from sotto.interfaces.store import Query, TranscriptStore
from sotto.transcript.words import Segment, Word


class Wall:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def wall(self) -> float:
        """Seconds."""
        return self.now


def final(number: int, *said: str, start: int | None = None, language: str = "en") -> Segment:
    """A final of so many words, 50 frames each."""
    first = number * 1_000 if start is None else start
    words = tuple(
        Word(f" {word}", first + 50 * at, first + 50 * at + 40, 0.5 + 0.25 * (at % 2))
        for at, word in enumerate(said)
    )
    return Segment(
        id=number,
        start=first,
        end=first + 50 * len(said) + 20,
        words=words,
        language=language,
        language_probability=0.75,
        avg_logprob=-0.5,
        no_speech_prob=0.125,
        compression_ratio=1.5,
        temperature=0.25,
        tokens=tuple(range(50_000, 50_000 + len(said))),
    )


class StoreCase:
    """Tests of one store, which `make` makes."""

    def make(self, clock: Clock) -> TranscriptStore:
        """A store, empty and not open yet."""
        raise NotImplementedError("expected a subclass with a store, got the contract itself")

    @asynccontextmanager
    async def opened(self, clock: Clock | None = None) -> AsyncIterator[TranscriptStore]:
        """A store for as long as the context lasts."""
        store = self.make(clock or Wall())
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def ids(self, store: TranscriptStore, query: Query) -> list[str]:
        """Of the sessions that are asked for."""
        return [record.id for record in (await store.sessions(query)).records]
