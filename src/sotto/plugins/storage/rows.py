"""Sessions and finals ↔ the rows of their tables."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from sotto.interfaces.store import Beginning, Record
from sotto.transcript.words import Segment, Word

_MEASURES = (
    "language_probability",
    "avg_logprob",
    "no_speech_prob",
    "compression_ratio",
    "temperature",
)
"""Written as JSON, since a database may take a number that is none for no value."""


def session_row(session: Beginning, now: float) -> dict[str, Any]:
    """A session that begins now."""
    return {
        "id": session.id,
        "dialect": session.dialect,
        "owner": session.owner,
        "meeting": session.group,
        "speaker": session.speaker,
        "model": session.model,
        "language": session.language,
        "began": now,
        "heard": now,
        "frames": 0,
        "start": 0,
        "words": 0,
        "segments": 0,
        "stream": 0,
    }


def record_of(row: Row[Any]) -> Record:
    """A row of `sessions`."""
    return Record(
        id=row.id,
        dialect=row.dialect,
        owner=row.owner,
        group=row.meeting,
        speaker=row.speaker,
        model=row.model,
        language=row.language,
        began=row.began,
        heard=row.heard,
        frames=row.frames,
        words=row.words,
        segments=row.segments,
        stream=row.stream,
    )


def segment_row(session: int, segment: Segment) -> dict[str, Any]:
    """A final of the session with that number."""
    words = [
        [word.text, int(word.start), int(word.end), float(word.probability)]
        for word in segment.words
    ]
    measures = {name: float(getattr(segment, name)) for name in _MEASURES}
    return {
        "session": session,
        "id": int(segment.id),
        "start": int(segment.start),
        "finish": int(segment.end),
        "language": segment.language,
        "words": json.dumps(words),
        "measures": json.dumps(measures | {"tokens": [int(token) for token in segment.tokens]}),
    }


def segment_of(row: Row[Any]) -> Segment:
    """A row of `segments`."""
    measures = json.loads(row.measures)
    return Segment(
        id=row.id,
        start=row.start,
        end=row.finish,
        words=tuple(Word(*said) for said in json.loads(row.words)),
        language=row.language,
        tokens=tuple(measures.pop("tokens")),
        **measures,
    )
