"""What is said in a file, as Deepgram's clients read it. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from sotto.audio.format import seconds
from sotto.transcript.words import Transcript, Word, join
from sotto.transports.deepgram.results import alternative

Json: TypeAlias = dict[str, Any]

_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


@dataclass(frozen=True)
class Layout:
    """How a file's transcript is laid out besides its words."""

    paragraphs: bool = False
    utterances: int | None = None
    """Frames between words that part two utterances; None: they are not told."""
    language: bool = False


def results(transcripts: Sequence[Transcript], layout: Layout) -> Json:
    """What each channel of a file says."""
    answer: Json = {"channels": [_channel(transcript, layout) for transcript in transcripts]}
    if layout.utterances is not None:
        found = [
            _utterance(words, channel)
            for channel, transcript in enumerate(transcripts)
            for words in _apart(transcript.words, layout.utterances)
        ]
        answer["utterances"] = sorted(found, key=lambda utterance: float(utterance["start"]))
    return answer


def _channel(transcript: Transcript, layout: Layout) -> Json:
    told = alternative(transcript.words) | {"transcript": transcript.text}
    if layout.paragraphs:
        told["paragraphs"] = _paragraphs(transcript)
    answer: Json = {"alternatives": [told]}
    if layout.language:
        answer["detected_language"] = transcript.language
        certain = [segment.language_probability for segment in transcript.segments]
        answer["language_confidence"] = round(max(certain, default=0.0), 4)
    return answer


def _paragraphs(transcript: Transcript) -> Json:
    spoken = [segment for segment in transcript.segments if segment.words]
    return {
        "transcript": "\n\n".join(segment.text for segment in spoken),
        "paragraphs": [
            {
                "sentences": [_sentence(words) for words in _sentences(segment.words)],
                "num_words": len(segment.words),
                "start": seconds(segment.words[0].start),
                "end": seconds(segment.words[-1].end),
            }
            for segment in spoken
        ],
    }


def _sentence(words: Sequence[Word]) -> Json:
    return {
        "text": join(list(words)),
        "start": seconds(words[0].start),
        "end": seconds(words[-1].end),
    }


def _sentences(words: Iterable[Word]) -> Iterator[list[Word]]:
    sentence: list[Word] = []
    for word in words:
        sentence.append(word)
        if word.text.rstrip().endswith(_SENTENCE_ENDS):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _apart(words: Sequence[Word], gap: int) -> Iterator[Sequence[Word]]:
    """Runs of words between which so many frames lie."""
    if not words:
        return
    first = 0
    for number, (before, word) in enumerate(pairwise(words), 1):
        if word.start - before.end >= gap:
            yield words[first:number]
            first = number
    yield words[first:]


def _utterance(words: Sequence[Word], channel: int) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "channel": channel,
        "start": seconds(words[0].start),
        "end": seconds(words[-1].end),
        **alternative(words),
    }
