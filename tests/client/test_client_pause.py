"""A program that pauses ends its utterance; the server could not know that its line did not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from sotto import AsyncClient
from sotto.client import Event, Final, Patience, SpeechStarted
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

PCM = pcm_s16le(CLIP)
HALF = 3.0
"""Seconds, within an utterance."""
PLACE = HALF - 0.1
MIDDLE = int(HALF * PCM.rate) * 2


async def heard(
    server: Served, pause: float | None, is_enough: Callable[[Event], bool]
) -> list[Event]:
    """The clip, whose second half is said once enough was heard of the first."""
    events: list[Event] = []
    enough = asyncio.Event()

    async def sound() -> AsyncIterator[bytes]:
        yield PCM.data[:MIDDLE]
        await enough.wait()
        yield PCM.data[MIDDLE:]

    client = AsyncClient(server.url, patience=Patience(pause=pause))
    async for event in client.listen(sound(), language="en", sample_rate=PCM.rate):
        events.append(event)
        if is_enough(event):
            enough.set()
    return events


def finals(events: list[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


async def test_where_the_program_pauses_the_utterance_ends(server: Served) -> None:
    """It waits for a final that comes for no other reason."""
    whole = finals(await heard(server, None, lambda event: isinstance(event, SpeechStarted)))
    paused = finals(
        await heard(server, 0.1, lambda event: isinstance(event, Final) and event.end > PLACE)
    )
    assert " ".join(final.text for final in whole if final.text) == CLIP_TEXT
    assert any(PLACE < final.end <= HALF for final in paused)
    assert not any(PLACE < final.end <= HALF for final in whole)
