"""A file is a stream that arrives all at once and does not need partials; so is an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable

from sotto.runtime.runner import Heard, Surroundings, run_session
from sotto.streaming.session import Session
from sotto.transcript.events import Event, Final
from sotto.transcript.words import Segment, Transcript


async def transcribe(
    heard: AsyncIterator[Heard],
    session: Session,
    around: Surroundings,
    tell: Callable[[Segment], None] = lambda segment: None,
) -> Transcript:
    """All that was said in what is heard; `tell` is told each segment as it comes.

    Raises what hearing raises, or what the engine does.
    """
    segments: list[Segment] = []

    async def listen(event: Event) -> None:
        if isinstance(event, Final) and event.segment.words:
            segments.append(event.segment)
            tell(event.segment)

    await run_session(session, heard, listen, around)
    spoken: Counter[str] = Counter()
    for segment in segments:
        spoken[segment.language] += segment.end - segment.start
    language = spoken.most_common(1)[0][0] if spoken else session.language
    return Transcript(tuple(segments), language, session.frame)
