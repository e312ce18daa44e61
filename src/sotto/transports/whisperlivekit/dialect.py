"""The dialect of WhisperLiveKit's clients: `/asr`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from sotto.audio.format import PcmFormat
from sotto.errors import BadOption, ProtocolViolation, SottoError, Unauthorized
from sotto.runtime.intake import Message
from sotto.runtime.requests import Sniffed, StreamRequest
from sotto.runtime.service import Service
from sotto.runtime.stream import Stream
from sotto.transcript.events import Event
from sotto.transcript.languages import parse_language
from sotto.transcript.options import one_of
from sotto.transports.dialect import SocketDialect
from sotto.transports.peer import Peer
from sotto.transports.whisperlivekit.lines import Board

NAME = "whisperlivekit"
PATH = "/asr"

BAD_PARAMETERS, BAD_TOKEN = 4400, 4401
"""Close codes."""


class Mode(StrEnum):
    """What an update tells."""

    FULL = "full"
    """Everything."""
    DIFF = "diff"
    """What is new since the one before."""


@dataclass(frozen=True)
class Parameters:
    """What a client's address says."""

    language: str | None = None
    mode: Mode = Mode.FULL

    def request(self, service: Service) -> StreamRequest:
        """What the core is asked for.

        Clients that were written for a server without `--pcm-input` send a container, whatever
        they are told.
        """
        decode = replace(service.defaults, language=self.language)
        return StreamRequest(decode=decode, sound=Sniffed(PcmFormat()))


def parse_parameters(query: Mapping[str, str]) -> Parameters:
    """The parameters in an address; unknown ones are ignored. Raises BadOption, UnknownLanguage."""
    return Parameters(
        language=parse_language(query.get("language", "")[:100]),
        mode=one_of(Mode, "mode", query.get("mode", Mode.FULL)[:100]),
    )


@dataclass(frozen=True)
class _Updates:
    """Sends what a board shows."""

    peer: Peer
    board: Board
    mode: Mode

    async def hear(self, stream: Stream, messages: AsyncIterator[Message]) -> None:
        """A stream from its first sound to the word that all is said."""

        async def listen(event: Event) -> None:
            if self.board.receive(event):
                await self._tell(stream)

        await stream.run(messages, listen)
        await self._tell(stream)
        await self.peer.send(json.dumps({"type": "ready_to_stop"}))

    async def _tell(self, stream: Stream) -> None:
        frame = stream.session.frame
        diff = self.mode is Mode.DIFF
        message = self.board.next_diff(frame) if diff else self.board.full(frame)
        await self.peer.send(json.dumps(message))


class WhisperLiveKitDialect(SocketDialect):
    """`/asr`, as WhisperLiveKit with `--pcm-input`."""

    name = NAME
    paths = (PATH,)
    accepts_first = True

    async def serve(self, peer: Peer, service: Service) -> None:
        """One stream from the server's configuration to `ready_to_stop`."""
        parameters = parse_parameters(peer.query)
        updates = _Updates(peer, Board(detects=parameters.language is None), parameters.mode)
        request, owner = parameters.request(service), peer.caller.owner
        async with service.open_stream(request, NAME, owner) as stream:
            config = {"type": "config", "useAudioWorklet": True, "mode": parameters.mode}
            await peer.send(json.dumps(config))
            await updates.hear(stream, _messages(peer))

    def last_words(self, error: SottoError) -> str | None:
        """An `error` message; none where the token is not good, which the code says."""
        if isinstance(error, Unauthorized):
            return None
        return json.dumps({"type": "error", "error": error.message})

    def close_code(self, error: SottoError) -> int | None:
        """WhisperLiveKit's own, where it has one."""
        if isinstance(error, Unauthorized):
            return BAD_TOKEN
        return BAD_PARAMETERS if isinstance(error, BadOption) else None


async def _messages(peer: Peer) -> AsyncIterator[Message]:
    """Sound, up to the empty message that ends it."""
    async for message in peer.messages():
        if isinstance(message, str):
            raise ProtocolViolation("expected binary messages, got text")
        if not message:
            return
        yield message
