"""Deepgram's dialect, live: `/v1/listen` as a WebSocket."""

from __future__ import annotations

import json
import uuid
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, TypeAlias

from sotto.errors import SottoError
from sotto.runtime.service import Service
from sotto.runtime.stream import Stream
from sotto.transcript.options import DecodeOptions, PolicyName
from sotto.transports.deepgram.errors import error_message, fault_of, refusal
from sotto.transports.deepgram.lines import Conversation
from sotto.transports.deepgram.results import About
from sotto.transports.deepgram.shapes import PATH, Query, parse_query
from sotto.transports.dialect import SocketDialect, token_of
from sotto.transports.peer import Peer

Json: TypeAlias = dict[str, Any]

NAME = "deepgram"

SOUND_TIMEOUT = 10.0
"""Seconds without sound and without a text message after which Deepgram closes."""
TOKEN_PROTOCOLS = ("token", "bearer")
"""Browsers set no headers: they offer one of these and then the key as sub-protocols."""


class DeepgramDialect(SocketDialect):
    """`/v1/listen`."""

    name = NAME
    paths = (PATH,)

    def __init__(self, timeout: float = SOUND_TIMEOUT) -> None:
        self._timeout = timeout

    def token(self, peer: Peer) -> str | None:
        """The key, in a header, in the address, or as the second sub-protocol."""
        offered = peer.subprotocols
        if len(offered) > 1 and offered[0].lower() in TOKEN_PROTOCOLS:
            return offered[1]
        return token_of(peer.headers, peer.query)

    def subprotocol(self, peer: Peer) -> str | None:
        """The word before the key, if the key comes as one."""
        offered = peer.subprotocols[:1]
        return next((name for name in offered if name.lower() in TOKEN_PROTOCOLS), None)

    def check(self, peer: Peer) -> None:
        """Raises BadOption, UnknownLanguage."""
        parse_query(peer.query.multi_items()).stream_request(DecodeOptions(), PolicyName.ALIGNATT)

    async def serve(self, peer: Peer, service: Service) -> None:
        """One stream, or one for each channel, up to `Metadata`. Raises what ends it early."""
        query = parse_query(peer.query.multi_items())
        async with AsyncExitStack() as stack:
            request_id = str(uuid.uuid4())
            streams = await _open(query, request_id, peer, service, stack)
            about = About(request_id, streams[0].model)
            conversation = Conversation(peer, query, streams, about)
            await conversation.run(self._timeout)
            await peer.send(json.dumps(conversation.metadata()))

    def refusal(self, error: SottoError) -> Json:
        """Deepgram's body of an HTTP answer."""
        return refusal(error, str(uuid.uuid4()))

    def last_words(self, error: SottoError) -> str:
        """An `Error` message."""
        return json.dumps(error_message(error))

    def close_code(self, error: SottoError) -> int | None:
        """Deepgram's, where it has one."""
        return fault_of(error).close

    def close_reason(self, error: SottoError) -> str:
        """Deepgram's number of the error."""
        return fault_of(error).reason


async def _open(
    query: Query, request_id: str, peer: Peer, service: Service, stack: AsyncExitStack
) -> list[Stream]:
    """A stream for each channel that is heard on its own; else one. Raises what opening raises."""
    request = replace(
        query.stream_request(service.defaults, service.policy),
        model=query.model_of(service.models.resolve),
        session=request_id,
    )
    requests = [request]
    if split := query.split:
        requests = [
            replace(request, session=f"{request_id}:{at}", group=request_id, speaker=str(at))
            for at in range(split.channels)
        ]
    return [
        await stack.enter_async_context(service.open_stream(each, NAME, peer.caller.owner))
        for each in requests
    ]
