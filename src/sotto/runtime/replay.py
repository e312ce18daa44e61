"""A stream whose sound is there already: heard as fast as it can be decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sotto.runtime.batcher import Recognizer
from sotto.runtime.runner import Flush, Heard
from sotto.streaming.actions import Action, Decode, Emit
from sotto.streaming.session import Session
from sotto.transcript.events import Final
from sotto.transcript.words import Segment, Transcript


async def replay(
    session: Session, heard: AsyncIterator[Heard], recognizer: Recognizer
) -> Transcript:
    """What a session writes down whose jobs are each answered before another frame is heard.

    So a live session on a machine that keeps up, without waiting for the sound; and the same every
    time. Raises what the sound raises, what the engine does, and Overloaded.
    """
    segments: list[Segment] = []

    async def act(action: Action) -> None:
        match action:
            case Emit(Final(segment)) if segment.words:
                segments.append(segment)
            case Decode(job):
                hypothesis = await recognizer.submit(job).result
                for following in session.receive_result(hypothesis):
                    await act(following)
            case _:
                pass  # what is committed comes again with its final

    async for item in heard:
        for action in session.flush() if isinstance(item, Flush) else session.receive(item):
            await act(action)
    for action in session.finish():
        await act(action)
    return Transcript(tuple(segments), session.language, session.frame)
