"""Turns of the user as OpenAI Realtime's events. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sotto.audio.format import seconds
from sotto.dialogue.events import IdleTimeout
from sotto.dialogue.hearing import (
    TurnBegan,
    TurnCommitted,
    TurnComplete,
    TurnEvent,
    TurnStopped,
    TurnWords,
)
from sotto.transcript.words import Word
from sotto.transports.realtime.events import Json, Shape
from sotto.transports.realtime.session import RealtimeSession

LEAST_LOGPROB = -100.0
"""For a word that the engine holds impossible: JSON has no infinity."""


def turn_events(event: TurnEvent, session: RealtimeSession) -> list[Json]:
    """What the client is told of it, as its session has it."""
    match event:
        case TurnBegan(item, at):
            return [
                {
                    "type": "input_audio_buffer.speech_started",
                    "audio_start_ms": milliseconds(at),
                    "item_id": item,
                }
            ]
        case TurnStopped(item, at):
            return [
                {
                    "type": "input_audio_buffer.speech_stopped",
                    "audio_end_ms": milliseconds(at),
                    "item_id": item,
                }
            ]
        case TurnCommitted(item, previous):
            return _committed(item, previous, session.shape)
        case TurnWords() if session.tells_words:
            return [_words(event, with_logprobs=session.wants_logprobs)]
        case TurnComplete() if session.tells_words:
            return [_complete(event, with_logprobs=session.wants_logprobs)]
        case TurnWords() | TurnComplete():
            return []


def idle_event(event: IdleTimeout) -> Json:
    """Nobody spoke for so long that an answer follows."""
    return {
        "type": "input_audio_buffer.timeout_triggered",
        "audio_start_ms": milliseconds(event.start),
        "audio_end_ms": milliseconds(event.end),
        "item_id": event.item,
    }


def milliseconds(frame: int) -> int:
    """A frame's place since the session's first sound."""
    return round(seconds(frame) * 1_000)


def _committed(item_id: str, previous: str | None, shape: Shape) -> list[Json]:
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    where = {"previous_item_id": previous}
    kinds = ("created",) if shape is Shape.BETA else ("added", "done")
    return [
        {"type": "input_audio_buffer.committed", **where, "item_id": item_id},
        *({"type": f"conversation.item.{kind}", **where, "item": item} for kind in kinds),
    ]


def _words(event: TurnWords, *, with_logprobs: bool) -> Json:
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": event.item,
        "content_index": 0,
        "delta": event.text,
        **({"logprobs": logprobs(event.words)} if with_logprobs else {}),
    }


def _complete(event: TurnComplete, *, with_logprobs: bool) -> Json:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": event.item,
        "content_index": 0,
        "transcript": event.text,
        "usage": {"type": "duration", "seconds": seconds(event.length)},
        **({"logprobs": logprobs(event.words)} if with_logprobs else {}),
    }


def logprobs(words: Sequence[Word]) -> list[Json]:
    """A word stands for a token here: its tokens' mean probability is all that the core tells."""
    return [
        {
            "token": word.text,
            "logprob": round(math.log(word.probability), 4) if word.probability else LEAST_LOGPROB,
            "bytes": list(word.text.encode()),
        }
        for word in words
    ]
