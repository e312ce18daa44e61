"""A conversation by voice, over the WebSocket of OpenAI Realtime: `/v1/realtime`."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from sotto.client.address import parse_address
from sotto.client.failures import hung_up, told
from sotto.client.line import open_socket
from sotto.client.talk_events import ANSWER_RATE, Refused, TalkEvent, parse_talk

PATH = "/v1/realtime"
NORMAL = 1000
"""The close code of a conversation that nothing broke."""


@dataclass(frozen=True)
class TalkOptions:
    """What a conversation is to be like; what is empty is as the server has it."""

    rate: int = ANSWER_RATE
    """Samples a second of what is sent: s16le, mono."""
    language: str = ""
    """In which is answered, as `es`."""
    voice: str = ""
    instructions: str = ""
    speaks: bool = True
    """False: answers are text."""
    takes_turns: bool = True
    """False: a turn ends where `commit` says so, and is answered where `respond` does."""
    holds: bool = False
    """Whether what is played can be paused: then somebody who only clears their throat does not
    end an answer."""
    detection: dict[str, Any] | None = None
    """More of `turn_detection`, as OpenAI has it."""


class Talking:
    """One conversation: `async with Talking(url) as talk`, and then `async for event in talk`.

    Raises, while it is opened and read: Unreachable, and what the server says against it.
    """

    def __init__(
        self, url: str, options: TalkOptions | None = None, *, api_key: str | None = None
    ) -> None:
        """Raises BadOption."""
        self._address = parse_address(url, api_key)
        self._options = options or TalkOptions()
        self._socket: ClientConnection | None = None

    @property
    def address(self) -> str:
        """Of the WebSocket, for people."""
        return self._address.socket(PATH)

    async def __aenter__(self) -> Self:
        """Connect, and say what the conversation is to be like."""
        self._socket = await open_socket(self._address, self.address)
        await self._tell("session.update", session=session_of(self._options))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        if self._socket is not None:
            await self._socket.close()

    async def __aiter__(self) -> AsyncIterator[TalkEvent]:
        """What the server says, until either side hangs up."""
        refused: Refused | None = None
        try:
            while True:
                message = await self._opened.recv()
                event = parse_talk(message, self.address)
                if event is not None:
                    refused = event if isinstance(event, Refused) else None
                    yield event
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            if code == NORMAL:
                return
            if refused is not None:  # the last word before it hung up says why
                said = {"code": refused.code, "message": refused.message}
                raise told(said) from closed
            raise hung_up(self.address, code) from closed

    async def send(self, pcm: bytes) -> None:
        """Sound more, as the options say; where the line is broken, the iterator says so."""
        await self._tell("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def commit(self) -> None:
        """End the turn here."""
        await self._tell("input_audio_buffer.commit")

    async def say(self, text: str) -> None:
        """A turn that is written instead of spoken."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self._tell("conversation.item.create", item=item)

    async def respond(self) -> None:
        """Ask for an answer."""
        await self._tell("response.create")

    async def cancel(self) -> None:
        """No more of the answer that is on its way."""
        await self._tell("response.cancel")

    async def truncate(self, item: str, milliseconds: int) -> None:
        """So much of an answer's sound was heard, and no more will be."""
        await self._tell(
            "conversation.item.truncate",
            item_id=item,
            content_index=0,
            audio_end_ms=milliseconds,
        )

    @property
    def _opened(self) -> ClientConnection:
        assert self._socket is not None, "expected an open conversation: use `async with`"
        return self._socket

    async def _tell(self, kind: str, **fields: Any) -> None:
        try:
            await self._opened.send(json.dumps({"type": kind, **fields}))
        except ConnectionClosed:
            return


def session_of(options: TalkOptions) -> dict[str, Any]:
    """The session that says so."""
    turns = {"type": "server_vad", **(options.detection or {})} if options.takes_turns else None
    output: dict[str, Any] = {"format": {"type": "audio/pcm", "rate": ANSWER_RATE}}
    if options.voice:
        output["voice"] = options.voice
    if options.language:
        output["language"] = options.language
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio" if options.speaks else "text"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": options.rate},
                "transcription": {},
                "turn_detection": turns,
            },
            "output": output,
        },
    }
    if options.holds:
        session["sotto"] = {"holds": True}
    if options.instructions:
        session["instructions"] = options.instructions
    return session
