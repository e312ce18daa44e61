"""A file is a stream that arrives all at once and does not need partials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from sotto.audio.format import Samples
from sotto.runtime.door import Ear
from sotto.runtime.intake import hear_file
from sotto.runtime.runner import Surroundings, run_session
from sotto.streaming.session import Session
from sotto.transcript.events import Event, Final
from sotto.transcript.words import Segment, Transcript


async def transcribe(
    pieces: Iterator[Samples],
    ear: Ear,
    session: Session,
    around: Surroundings,
    tell: Callable[[Segment], None] = lambda segment: None,
) -> Transcript:
    """All that was said in samples at 16 kHz; `tell` is told each segment as it comes.

    Raises what the samples raise, or what the engine does.
    """
    segments: list[Segment] = []

    async def listen(event: Event) -> None:
        if isinstance(event, Final) and event.segment.words:
            segments.append(event.segment)
            tell(event.segment)

    await run_session(session, hear_file(pieces, ear), listen, around)
    spoken: Counter[str] = Counter()
    for segment in segments:
        spoken[segment.language] += segment.end - segment.start
    language = spoken.most_common(1)[0][0] if spoken else session.language
    return Transcript(tuple(segments), language, session.frame)
