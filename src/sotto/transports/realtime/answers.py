"""Answers as OpenAI Realtime's events, but for their sound. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

from sotto.audio.format import Encoding, PcmFormat, exact_div
from sotto.dialogue.events import (
    AnswerEvent,
    AudioDelta,
    CallDelta,
    Ending,
    ItemDone,
    ItemStarted,
    Place,
    ResponseDone,
    ResponseStarted,
    TextDelta,
    Usage,
)
from sotto.dialogue.items import OUTPUT_RATE, FunctionCall, Item, Message, Speech
from sotto.dialogue.request import ResponseRequest
from sotto.transports.realtime.events import Json
from sotto.transports.realtime.item_shapes import item_view, opened

TOKENS_PER_SECOND = 20
"""Of speech, as OpenAI counts it: one token stands for 50 ms."""
SAMPLES_PER_TOKEN = exact_div(OUTPUT_RATE, TOKENS_PER_SECOND)  # 1200

_TYPES: Mapping[Encoding, str] = MappingProxyType(
    {Encoding.MULAW: "audio/pcmu", Encoding.ALAW: "audio/pcma"}
)


@dataclass
class _Answer:
    """One that is being given."""

    request: ResponseRequest
    pcm: PcmFormat
    """How its sound leaves."""
    before: dict[str, str | None] = field(default_factory=dict)
    """Its items, and which item each follows in the conversation."""


class Answers:
    """Those that are being given, as the client is told of them."""

    def __init__(self, conversation: str) -> None:
        """`conversation`: its id."""
        self._conversation = conversation
        self._given: dict[str, _Answer] = {}

    def begin(self, request: ResponseRequest, pcm: PcmFormat) -> list[Json]:
        """An answer is on its way, with its sound in that format."""
        answer = self._given[request.id] = _Answer(request, pcm)
        return [{"type": "response.created", "response": self._view(answer)}]

    def sound_of(self, response: str) -> PcmFormat:
        """The format of an answer's sound that is being given."""
        return self._given[response].pcm

    def told(self, event: AnswerEvent, *, times: bool = False) -> list[Json]:
        """What the client is told. `times`: whether of how long it took, too."""
        match event:
            case ItemStarted(at, item, previous):
                return self._open(at, item, previous)
            case TextDelta(at, text):
                speaks = self._given[at.response].request.manner.speaks
                kind = "output_audio_transcript" if speaks else "output_text"
                return [{"type": f"response.{kind}.delta", **_in_part(at), "delta": text}]
            case CallDelta(at, call_id, arguments):
                kind = "response.function_call_arguments.delta"
                return [{"type": kind, **_in_item(at), "call_id": call_id, "delta": arguments}]
            case ItemDone(at, item):
                return self._close(at, item)
            case ResponseDone():
                return self._end(event, times=times)
            case ResponseStarted() | AudioDelta():
                return []

    def _open(self, at: Place, item: Item, previous: str | None) -> list[Json]:
        answer, view = self._given[at.response], opened(item)
        answer.before[item.id] = previous
        events: list[Json] = [
            {"type": "response.output_item.added", **_in_answer(at), "item": view}
        ]
        if not answer.request.is_apart:
            where = {"previous_item_id": previous, "item": view}
            events.append({"type": "conversation.item.added", **where})
        if isinstance(item, Message):
            part = _part(item, speaks=answer.request.manner.speaks)
            events.append({"type": "response.content_part.added", **_in_part(at), "part": part})
        return events

    def _close(self, at: Place, item: Item) -> list[Json]:
        answer, view = self._given[at.response], item_view(item)
        events = _closing(at, item, speaks=answer.request.manner.speaks)
        events.append({"type": "response.output_item.done", **_in_answer(at), "item": view})
        if not answer.request.is_apart:
            where = {"previous_item_id": answer.before.get(item.id), "item": view}
            events.append({"type": "conversation.item.done", **where})
        return events

    def _end(self, done: ResponseDone, *, times: bool) -> list[Json]:
        answer = self._given.pop(done.request.id)
        view = {
            **self._view(answer),
            "status": done.ending,
            "status_details": _details(done),
            "output": [item_view(item) for item in done.items],
            "usage": _usage(done.usage),
        }
        if times:
            view["sotto"] = {"timing": asdict(done.timing)}
        return [{"type": "response.done", "response": view}]

    def _view(self, answer: _Answer) -> Json:
        request = answer.request
        manner = request.manner
        return {
            "id": request.id,
            "object": "realtime.response",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": None if request.is_apart else self._conversation,
            "output_modalities": ["audio"] if manner.speaks else ["text"],
            "max_output_tokens": manner.max_tokens or "inf",
            "audio": {"output": {"format": _format(answer.pcm), "voice": manner.voice}},
            "usage": None,
            "metadata": request.metadata or None,
        }


def _closing(at: Place, item: Item, *, speaks: bool) -> list[Json]:
    if isinstance(item, FunctionCall):
        called = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
        return [{"type": "response.function_call_arguments.done", **_in_item(at), **called}]
    if not isinstance(item, Message):
        return []
    part = _part(item, speaks=speaks)
    where = _in_part(at)
    events: list[Json]
    if speaks:
        said = {"transcript": part["transcript"]}
        events = [
            {"type": "response.output_audio.done", **where},
            {"type": "response.output_audio_transcript.done", **where, **said},
        ]
    else:
        events = [{"type": "response.output_text.done", **where, "text": part["text"]}]
    return [*events, {"type": "response.content_part.done", **where, "part": part}]


def _part(item: Message, *, speaks: bool) -> Json:
    """An answer has one, which has other names than the item's content."""
    said = "".join(
        (each.transcript or "") if isinstance(each, Speech) else each.text for each in item.content
    )
    return {"type": "audio", "transcript": said} if speaks else {"type": "text", "text": said}


def _in_answer(at: Place) -> Json:
    return {"response_id": at.response, "output_index": at.output}


def _in_item(at: Place) -> Json:
    return {**_in_answer(at), "item_id": at.item}


def _in_part(at: Place) -> Json:
    return {**_in_item(at), "content_index": 0}


def _details(done: ResponseDone) -> Json | None:
    """Why it did not come to its end."""
    if done.ending is Ending.COMPLETED:
        return None
    details: Json = {"type": done.ending}
    if done.reason is not None:
        details["reason"] = done.reason
    if done.error is not None:
        code, message = done.error
        details["error"] = {"type": "server_error", "code": code, "message": message}
    return details


def _usage(usage: Usage) -> Json:
    """The model's tokens as it told them; of speech, its length."""
    spoken = -(-usage.spoken // SAMPLES_PER_TOKEN)
    none = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    return {
        "total_tokens": usage.input_tokens + usage.output_tokens + spoken,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens + spoken,
        "input_token_details": {
            **none,
            "text_tokens": usage.input_tokens,
            "cached_tokens": 0,
            "cached_tokens_details": none,
        },
        "output_token_details": {"text_tokens": usage.output_tokens, "audio_tokens": spoken},
    }


def _format(pcm: PcmFormat) -> Json:
    if pcm.encoding in _TYPES:
        return {"type": _TYPES[pcm.encoding]}
    return {"type": "audio/pcm", "rate": pcm.sample_rate}
