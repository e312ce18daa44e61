"""A transcription as server-sent events (WHATWG HTML, section 9.2), told while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from sotto.errors import Gone, SottoError
from sotto.transcript.words import Segment, Transcript
from sotto.transports.openai.answers import delta_event, done_event, error_event, to_json

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""The second keeps nginx from collecting events."""
SEND_TIMEOUT = 60.0
"""Seconds in which a client must make room for a message; one that does not is cut."""


class EventStream(StreamingResponse):
    """Messages as they come. Who makes them must notice that the client hung up."""

    media_type = "text/event-stream"

    def __init__(
        self, messages: AsyncGenerator[bytes], *, send_timeout: float = SEND_TIMEOUT
    ) -> None:
        super().__init__(messages, headers=HEADERS)
        self._messages = messages
        self._send_timeout = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One response; unlike its base it leaves `receive`, which has one reader, alone."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._send_timeout):
                await send(message)

        async with aclosing(self._messages):
            with suppress(TimeoutError):  # a response that is left incomplete ends its connection
                await self.stream_response(send_in_time)


async def event_stream(
    heard: AsyncGenerator[Segment | Transcript],
    note: Callable[[SottoError], None],
    *,
    logprobs: bool,
) -> EventStream:
    """The response, once there is something to tell: what fails before is a status of its own.

    `note` is told each later error. Raises what `heard` raises before its first item.
    """
    first = await anext(heard)
    return EventStream(_messages(first, heard, note, logprobs=logprobs))


async def _messages(
    first: Segment | Transcript,
    rest: AsyncGenerator[Segment | Transcript],
    note: Callable[[SottoError], None],
    *,
    logprobs: bool,
) -> AsyncGenerator[bytes]:
    said = False
    item = first
    async with aclosing(rest):
        try:
            while isinstance(item, Segment):
                if item.text:
                    event = delta_event(item, first=not said, logprobs=logprobs)
                    yield message(to_json(event))
                    said = True
                item = await anext(rest)
            yield message(to_json(done_event(item, logprobs=logprobs)))
        except SottoError as error:
            note(error)
            if not isinstance(error, Gone):
                yield message(to_json(error_event(error)), "error")


def message(data: str, event: str = "") -> bytes:
    """One message; the data must be of one line."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {data}\n\n".encode()
