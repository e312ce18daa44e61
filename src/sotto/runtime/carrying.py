"""A session that another stream carries on: from where, and what is told of it again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from sotto.interfaces.store import Beginning, TranscriptStore
from sotto.runtime.keeping import Keeping
from sotto.runtime.requests import Place, StreamRequest
from sotto.runtime.runner import Flush, Heard
from sotto.runtime.tails import Tail, Tails
from sotto.transcript.events import (
    Acknowledged,
    Committed,
    Event,
    Final,
    SpeechEnded,
    SpeechStarted,
)
from sotto.transcript.words import Segment

EARLIER_SEGMENTS = 8
"""Of a stream that is carried on, whose text helps to decode what comes."""


@dataclass(frozen=True)
class Start:
    """Where a stream begins on its session's clock."""

    origin: int = 0
    """The session's frame of the first that is heard."""
    skip: int = 0
    """Frames of the sound before it: what was said in them is stored."""
    first: int = 0
    """The number of the first utterance that is heard."""
    text: str = ""
    """What was said last."""
    air: int | None = None
    """Frames between the last final and the origin; None: there is no final."""
    untold: tuple[Segment, ...] = ()
    """Finals that are stored, and that the client does not have."""
    stored: int | None = None
    """The frame up to which all finals are, where that is news to the client."""

    def told_again(self) -> list[Event]:
        """What the client missed, as if it had been said just now, and what it may forget."""
        told = [event for segment in self.untold for event in _whole(segment)]
        return told if self.stored is None else [*told, Acknowledged(self.stored)]

    async def heard(self, heard: AsyncIterator[Heard]) -> AsyncIterator[Heard]:
        """What is heard from the origin on."""
        async for item in heard:
            if isinstance(item, Flush) or not self.skip:
                yield item
            elif item.end > self.skip:
                rest = item.between(self.skip, item.end)
                yield replace(rest, start=rest.start - self.skip)


def _whole(segment: Segment) -> list[Event]:
    words = segment.words
    return [
        SpeechStarted(segment.id, words[0].start if words else segment.start),
        *([Committed(segment.id, words)] if words else []),
        SpeechEnded(segment.id, words[-1].end if words else segment.end),
        Final(segment),
    ]


async def carry_on(
    store: TranscriptStore, tails: Tails, session: Beginning, request: StreamRequest
) -> tuple[Keeping, Start]:
    """A stream of the session begins: where its finals go, and where it stands.

    Raises StoreUnavailable, Forbidden.
    """
    place = request.place
    await tails.settle((session.owner, session.id), place)
    stream = (await store.begin(session)).stream
    start = await start_of(store, session.id, place)

    def leave(segment: Segment) -> None:
        tails.keep(store, Tail(session.owner, session.id, segment, stream))

    comes_back = place is not None and place.comes_back
    keeping = Keeping(
        store,
        session.id,
        stream,
        is_needed=request.can_resume,
        leave=leave if comes_back else None,
    )
    return keeping, start


async def start_of(store: TranscriptStore, session: str, place: Place | None) -> Start:
    """Where the next stream of a session begins. Raises StoreUnavailable."""
    last = await store.segments(session, last=EARLIER_SEGMENTS)
    if place is None:
        text, first = _text(last), last[-1].id + 1 if last else 0
        return Start(first=first, text=text)
    received = place.received
    missing = 0 if received is None or not last else last[-1].id + 1 - received
    earlier = last
    if missing > len(last):
        earlier = await store.segments(session, last=missing)
    return carried_on(place, earlier)


def carried_on(place: Place, earlier: Sequence[Segment]) -> Start:
    """Where a stream begins whose client goes on at a place, after these finals.

    None of them is heard again, and none that the client lacks is kept from it.
    """
    received = place.received or 0
    wanted = max(place.at, place.heard)
    if not earlier:
        return Start(origin=wanted, skip=wanted - place.at, first=received)
    stored = max(segment.end for segment in earlier)
    origin = max(wanted, stored)
    missed = [segment for segment in earlier if segment.id >= received]
    return Start(
        origin=origin,
        skip=origin - place.at,
        first=max(earlier[-1].id + 1, received),
        text=_text(earlier[-EARLIER_SEGMENTS:]),
        air=origin - stored,
        untold=() if place.received is None else tuple(missed),
        stored=stored if stored > place.heard else None,
    )


def _text(segments: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in segments)
