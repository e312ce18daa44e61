"""A stream whose sound is there already: heard as fast as it can be decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sotto.runtime.batcher import Recognizer
from sotto.runtime.runner import Flush, Heard, Listener
from sotto.streaming.actions import Action, Decode, Emit
from sotto.streaming.session import Session
from sotto.transcript.events import Event, Final
from sotto.transcript.words import Segment, Transcript


async def play(
    session: Session, heard: AsyncIterator[Heard], recognizer: Recognizer, listener: Listener
) -> None:
    """A session whose jobs are each answered before another frame is heard.

    So a live session on a machine that keeps up, without waiting for the sound; and the same every
    time. Raises what the sound and the listener raise, what the engine does, and Overloaded.
    """

    async def act(action: Action) -> None:
        match action:
            case Emit(event):
                await listener(event)
            case Decode(job):
                hypothesis = await recognizer.submit(job).result
                for following in session.receive_result(hypothesis):
                    await act(following)

    async for item in heard:
        for action in session.flush() if isinstance(item, Flush) else session.receive(item):
            await act(action)
    for action in session.finish():
        await act(action)


async def replay(
    session: Session, heard: AsyncIterator[Heard], recognizer: Recognizer
) -> Transcript:
    """What such a session writes down. Raises as `play` does."""
    segments: list[Segment] = []

    async def note(event: Event) -> None:
        if isinstance(event, Final) and event.segment.words:
            segments.append(event.segment)  # what is committed comes again with its final

    await play(session, heard, recognizer, note)
    return Transcript(tuple(segments), session.language, session.frame)
