"""The dialect of Vosk's clients: `/vosk`, and any path on a port of its own.

Each message is answered by exactly one: a client sends the next one when it has the answer.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sotto.audio.format import PcmFormat, seconds
from sotto.errors import (
    BadOption,
    ProtocolViolation,
    SottoError,
)
from sotto.runtime.intake import Message
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.runtime.stream import Stream
from sotto.transcript.events import Committed, Event, Final, Partial
from sotto.transcript.words import Segment, Word, join
from sotto.transports.dialect import SocketDialect
from sotto.transports.model_names import is_any, local_name
from sotto.transports.peer import Parting, Peer

NAME = "vosk"
PATH = "/vosk"

DEFAULT_RATE = 8_000
"""Samples a second where a client does not say, as telephones have them; vosk-server's own."""
MAX_HOTWORDS = 1_000
"""Characters."""
MAX_WAITING = 16
"""Results that may wait for an answer each; more go out together."""
UNKNOWN_WORD = "[unk]"
"""In a client's list of phrases: words that are not in it may be said too."""

Json: TypeAlias = dict[str, Any]
Phrase = Annotated[str, Field(max_length=1_000)]


class Config(BaseModel):
    """What a client may configure before its first sound; its servers take 1 for true."""

    model_config = ConfigDict(frozen=True)

    sample_rate: float = Field(default=DEFAULT_RATE, allow_inf_nan=False)
    words: bool = True
    max_alternatives: int = 0
    """More than 0 asks for another shape of results; there is one alternative."""
    phrase_list: list[Phrase] | None = Field(default=None, max_length=10_000)
    model: str = Field(default="", max_length=300)

    def request(self, service: Service) -> StreamRequest:
        """What the core is asked for. Raises BadOption."""
        phrases = (phrase for phrase in self.phrase_list or () if phrase != UNKNOWN_WORD)
        return StreamRequest(
            model=local_name(self.model, service.models.resolve, is_any),
            decode=replace(service.defaults, hotwords=" ".join(phrases)[:MAX_HOTWORDS]),
            sound=PcmFormat(sample_rate=round(self.sample_rate)),
        )


class Order(Enum):
    """What a client says about its sound."""

    RESET = "reset"
    """Tell all that was said; more follows."""
    EOF = "eof"
    """Tell all that was said, and hang up."""


def parse_text(text: str, config: Config) -> Config | Order:
    """The configuration after a message, or its order. Raises BadOption, ProtocolViolation."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if isinstance(message, dict):
        if isinstance(message.get("config"), dict):
            return _configured(config, message["config"])
        for order in Order:
            if order.value in message:
                return order
    raise ProtocolViolation(
        'expected {"config": {…}}, {"eof" : 1} or {"reset" : 1}, got other text'
    )


def _configured(config: Config, said: Json) -> Config:
    try:
        return Config.model_validate(config.model_dump() | said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadOption(place, f"expected a configuration: {place}: {first['msg']}") from None


def result(segments: Iterable[Segment], config: Config, offset: int = 0) -> Json:
    """What was said, as one result. `offset`: frames before the first of the segments' session."""
    segments = tuple(segments)
    words = [word for segment in segments for word in segment.words]
    text = " ".join(filter(None, (segment.text for segment in segments)))
    if config.max_alternatives > 0:
        rows = [_word(word, offset) for word in words] if config.words else []
        confidence = _mean(words)
        return {"alternatives": [{"confidence": confidence, **_with(rows), "text": text}]}
    rows = [{"conf": round(word.probability, 6), **_word(word, offset)} for word in words]
    return {**_with(rows if config.words else []), "text": text}


def _with(rows: list[Json]) -> Json:
    return {"result": rows} if rows else {}


def _word(word: Word, offset: int) -> Json:
    return {
        "end": seconds(offset + word.end),
        "start": seconds(offset + word.start),
        "word": word.text.strip(),
    }


def _mean(words: list[Word]) -> float:
    if not words:
        return 1.0
    return round(sum(word.probability for word in words) / len(words), 6)


@dataclass
class _Recognizer(Parting):
    """What is known of one client's sound and not yet told."""

    config: Config = field(default_factory=Config)
    offset: int = 0
    """Frames of the sessions before."""
    waiting: deque[Segment] = field(default_factory=deque)
    stable: tuple[Word, ...] = ()
    unstable: tuple[Word, ...] = ()

    async def listen(self, event: Event) -> None:
        match event:
            case Committed(_, words):
                self.stable += words
                self.unstable = self.unstable[len(words) :]
            case Partial(_, words, _):
                self.unstable = words
            case Final(segment):
                self.stable = self.unstable = ()
                if segment.words:
                    self.waiting.append(segment)
            case _:
                pass

    def answer(self) -> Json:
        """The oldest result that waits, else how things look."""
        if not self.waiting:
            return {"partial": join(self.stable + self.unstable)}
        if len(self.waiting) > MAX_WAITING:
            return self.rest()
        return result([self.waiting.popleft()], self.config, self.offset)

    def rest(self) -> Json:
        """All results that wait, as one."""
        segments, self.waiting = self.waiting, deque()
        return result(segments, self.config, self.offset)

    def last_words(self, error: SottoError) -> str:
        """Vosk has no errors: a result with all that waits, and the error beside it."""
        return json.dumps(self.rest() | {"error": error.message})


class VoskDialect(SocketDialect):
    """`/vosk`, as vosk-server."""

    name = NAME
    paths = (PATH,)

    async def serve(self, peer: Peer, service: Service) -> None:
        """One socket from its configuration to its last result. Raises what ends it early."""
        recognizer = peer.parting = _Recognizer()
        await _Conversation(peer, _items(peer), recognizer).serve(service)


Item: TypeAlias = bytes | Config | Order


async def _items(peer: Peer) -> AsyncIterator[Item]:
    config = Config()
    async for message in peer.messages():
        if isinstance(message, bytes):
            yield message
            continue
        item = parse_text(message, config)
        if isinstance(item, Config):
            config = item
        yield item


@dataclass
class _Conversation:
    peer: Peer
    items: AsyncIterator[Item]
    recognizer: _Recognizer
    next: Item | None = None

    async def serve(self, service: Service) -> None:
        """To the end: once it is configured, a session up to each order."""
        while isinstance(item := await anext(self.items, None), Config):
            self.recognizer.config = item
        self.next = item
        request = self.recognizer.config.request(service)
        while self.next is not None:
            async with service.open_stream(request, NAME, self.peer.caller.owner) as stream:
                order = await self._hear(stream)
            if order is None:
                return
            await self.peer.send(json.dumps(self.recognizer.rest()))
            if order is Order.EOF:
                return
            self.recognizer.offset += stream.session.frame
            self.next = await anext(self.items, None)

    async def _hear(self, stream: Stream) -> Order | None:
        """One session, each piece of sound answered. Gives what ended it; None: the client left."""
        await stream.run(self._sound(), self.recognizer.listen)
        return self.next if isinstance(self.next, Order) else None

    async def _sound(self) -> AsyncIterator[Message]:
        while isinstance(self.next, bytes | Config):
            if isinstance(self.next, bytes):
                yield self.next
                await self.peer.send(json.dumps(self.recognizer.answer()))
            self.next = await anext(self.items, None)
