"""What is heard, as Deepgram's clients read it. Pure; seconds on the wire, frames before it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, assert_never

import sotto
from sotto.audio.format import frames, seconds
from sotto.transcript.events import (
    Acknowledged,
    Committed,
    Event,
    Final,
    Partial,
    SpeechEnded,
    SpeechStarted,
    Warned,
)
from sotto.transcript.words import Segment, Word, join

Json: TypeAlias = dict[str, Any]

STRETCH = frames(3.0)
"""Committed words that span so much are told as final before their utterance is over; fewer would
break captions, which begin a new line with each such result, into single words."""


@dataclass(frozen=True)
class Style:
    """Which messages a client asked for."""

    interim: bool = False
    endpoints: bool = True
    speech_started: bool = False
    utterance_end: int | None = None
    """Frames after the last word; None: no such message."""


@dataclass(frozen=True)
class About:
    """What each result says of the request and of the model that heard it."""

    request_id: str
    model: str

    @property
    def model_id(self) -> str:
        """The same for every request."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sotto:{self.model}"))

    @property
    def model_info(self) -> Json:
        """Of this one model."""
        return {"name": self.model, "version": sotto.__version__, "arch": "whisper"}


class Channel:
    """One channel's events → messages.

    Results with `is_final` hold every committed word once, in order; their spans do not overlap.
    Interim results show what is not yet in one of these. The last word of an utterance is kept for
    the result that ends it: many clients skip a result without words, whatever else it says.
    """

    def __init__(self, index: int, channels: int, style: Style, about: About) -> None:
        self._index = [index, channels]
        self._style = style
        self._about = about
        self._told_until = 0
        """The frame where the last span of final words ends."""
        self._pending: list[Word] = []
        self._finals = 0
        """Utterances that are over and told."""
        self._awaited: set[int] = set()
        """Their numbers after which a client's Finalize is answered."""
        self._last_word_end: int | None = None
        """None: its UtteranceEnd was told, or there is none."""

    @property
    def tells_of_silence(self) -> bool:
        """Whether `passed` ever has something to say."""
        return self._style.utterance_end is not None

    def receive(self, event: Event) -> list[Json]:
        """The messages for an event."""
        match event:
            case SpeechStarted(_, at):
                return [self._started(at)] if self._style.speech_started else []
            case Committed(_, words):
                self._pending.extend(words)
                return []
            case Partial(_, words, until):
                return [*self._stretch(), *self._interim(words, until)]
            case Final(segment):
                return [self._final(segment)]
            case SpeechEnded() | Acknowledged() | Warned():
                return []
            case _:
                assert_never(event)

    def flushing(self, utterances: int) -> bool:
        """A Finalize will be heard after so many utterances began: whether the last one's end is
        still to be told, and answers it.
        """
        is_awaited = utterances > self._finals
        if is_awaited:
            self._awaited.add(utterances)
        return is_awaited

    def flushed(self, utterances: int) -> list[Json]:
        """A Finalize was heard after so many utterances began. Answer it, now or with the last."""
        if utterances > self._finals:
            self._awaited.add(utterances)
            return []
        return [self._result((), self._told_until, is_final=True, from_finalize=True)]

    def passed(self, frame: int, utterances: int) -> list[Json]:
        """So much was heard, and so many utterances began in it: is the last one long over?"""
        gap, last = self._style.utterance_end, self._last_word_end
        if gap is None or last is None or utterances > self._finals or frame - last < gap:
            return []
        self._last_word_end = None
        return [{"type": "UtteranceEnd", "channel": self._index, "last_word_end": seconds(last)}]

    def _started(self, at: int) -> Json:
        return {"type": "SpeechStarted", "channel": self._index, "timestamp": seconds(at)}

    def _stretch(self) -> list[Json]:
        """Words that were said a while ago, though their utterance goes on."""
        *words, kept = self._pending or (None,)
        if kept is None or kept.end - self._pending[0].start < STRETCH or not words:
            return []
        told = self._pending[:-1]
        result = self._result(told, told[-1].end, is_final=True)
        self._pending, self._told_until = [kept], told[-1].end
        return [result]

    def _interim(self, words: Sequence[Word], until: int) -> list[Json]:
        if not self._style.interim:
            return []
        shown = [*self._pending, *words]
        return [self._result(shown, max([until, *(word.end for word in shown)]))]

    def _final(self, segment: Segment) -> Json:
        words, self._pending = self._pending, []
        self._finals += 1
        answers = self._finals in self._awaited
        self._awaited.discard(self._finals)
        end = max([segment.end, *(word.end for word in words)])
        result = self._result(
            words,
            end,
            since=segment.start,
            is_final=True,
            speech_final=self._style.endpoints,
            from_finalize=answers,
        )
        self._told_until = max(end, self._told_until)
        if words:
            self._last_word_end = words[-1].end
        return result

    def _result(
        self,
        words: Sequence[Word],
        end: int,
        *,
        since: int = 0,
        is_final: bool = False,
        speech_final: bool = False,
        from_finalize: bool = False,
    ) -> Json:
        start = max(self._told_until, words[0].start if words else since)
        return {
            "type": "Results",
            "channel_index": self._index,
            "start": seconds(start),
            "duration": seconds(max(end - start, 0)),
            "is_final": is_final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {"alternatives": [alternative(words)]},
            "metadata": {
                "request_id": self._about.request_id,
                "model_info": self._about.model_info,
                "model_uuid": self._about.model_id,
            },
        }


def metadata(
    about: About, *, sha256: str, created: datetime, duration: float, channels: int
) -> Json:
    """What is said of a whole request, live or not; `created` in UTC, `duration` in seconds."""
    return {
        "transaction_key": "deprecated",
        "request_id": about.request_id,
        "sha256": sha256,
        "created": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "duration": duration,
        "channels": channels,
        "models": [about.model_id],
        "model_info": {about.model_id: about.model_info},
    }


# ---- words


def alternative(words: Sequence[Word]) -> Json:
    """The only one that there is."""
    return {
        "transcript": join(list(words)),
        "confidence": _confidence(words),
        "words": [_word(word) for word in words],
    }


def _word(word: Word) -> Json:
    punctuated = word.text.strip()
    return {
        "word": _bare(punctuated),
        "start": seconds(word.start),
        "end": seconds(word.end),
        "confidence": round(word.probability, 4),
        "punctuated_word": punctuated,
    }


def _bare(text: str) -> str:
    """The word without what is written around it; itself where it is nothing else."""
    letters = [at for at, character in enumerate(text) if character.isalnum()]
    return (text[letters[0] : letters[-1] + 1] if letters else text).lower()


def _confidence(words: Sequence[Word]) -> float:
    if not words:
        return 0.0
    return round(sum(word.probability for word in words) / len(words), 4)
