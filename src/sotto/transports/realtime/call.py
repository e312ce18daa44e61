"""One socket of OpenAI Realtime: its session, and its events in and out."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Collection

from sotto.errors import BadOption
from sotto.runtime.service import Service
from sotto.transports.peer import Peer
from sotto.transports.realtime.events import (
    BadEvent,
    ClientEvent,
    Json,
    Update,
    error_event,
    failed,
    no_conversation,
    parse_event,
)
from sotto.transports.realtime.session import RealtimeSession, SessionType

SESSION_SECONDS = 24 * 3600
"""After which a session is over; its client may begin another. OpenAI's last an hour."""


class Call:
    """One socket: its session, and its events in and out."""

    def __init__(
        self,
        peer: Peer,
        service: Service,
        session: RealtimeSession,
        offered: Collection[SessionType],
    ) -> None:
        """`offered`: the types that the client may change its session to."""
        self.service = service
        self.owner = peer.caller.owner
        """Whose its streams are."""
        self.session = session
        self.is_over = False
        """Whether nothing more comes."""
        self.has_sound = False
        """Whether sound came, after which its format stays."""
        self._peer = peer
        self._offered = offered
        self._messages = peer.messages()
        self._ends = asyncio.get_running_loop().time() + SESSION_SECONDS
        self._following: asyncio.Task[ClientEvent | None] | None = None
        self._sending = asyncio.Lock()

    async def tell(self, *events: Json) -> None:
        """Send events, with nothing between them. Raises Gone, TooSlow."""
        if not events:
            return
        async with self._sending:
            for event in events:
                await self._peer.send(stamped(event))

    async def next(self, within: float | None = None) -> ClientEvent | None:
        """What the client says next; None: it hung up, or its session is over.

        The session is changed by then as it wishes; what makes no sense was answered. Raises
        TimeoutError where nothing comes within so many seconds, and what `Peer.messages` does.
        """
        if self._following is None:
            self._following = asyncio.create_task(self._read())
        left = self._ends - asyncio.get_running_loop().time()
        wait = left if within is None else min(within, left)
        await asyncio.wait({self._following}, timeout=max(wait, 0))
        if self._following.done():
            event, self._following = self._following.result(), None
        elif within is not None and within < left:
            raise TimeoutError
        else:
            event = None
        self.is_over = event is None
        return event

    async def farewell(self) -> None:
        """Say why a session ends that its client did not end."""
        if self._following is not None:
            message = f"expected a session of at most {SESSION_SECONDS:,} s, got a longer one"
            await self.tell(failed("session_expired", message))

    def close(self) -> None:
        """Read no more."""
        if self._following is not None and not self._following.cancel():
            self._following.exception()  # nobody waits for it any more: it is not to be logged

    async def _read(self) -> ClientEvent | None:
        async for message in self._messages:
            try:
                event = parse_event(message)
                if isinstance(event, Update):
                    await self._update(event)
            except BadEvent as error:
                await self.tell(error_event(error))
            except BadOption as error:
                await self.tell(error_event(error, event.event_id))
            else:
                return event
        return None

    async def _update(self, event: Update) -> None:
        session = self.session.updated(event.fragment, beta=event.beta)
        session.request(self.service, "")  # so that a model or language that is none is told now
        if self.has_sound and (session.pcm, session.type) != (self.session.pcm, self.session.type):
            raise BadOption(
                "session.audio.input.format",
                "expected the format and type of a session to stay once it has sound, got others",
            )
        if event.fragment.get("type") and session.type not in self._offered:
            await self.tell(no_conversation(event.event_id))
            return
        self.session = session
        kind = "transcription_session" if event.beta else "session"
        await self.tell({"type": f"{kind}.updated", "session": session.view()})


def stamped(event: Json) -> str:
    """An event as it is sent."""
    return json.dumps({"event_id": made_up("event"), **event})


def made_up(kind: str) -> str:
    """An id that nothing else has."""
    return f"{kind}_{secrets.token_hex(12)}"
