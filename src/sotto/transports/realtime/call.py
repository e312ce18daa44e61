"""One call of OpenAI Realtime: its session, and its events in and out."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sotto.dialogue.partner import Partner
from sotto.errors import BadOption, SottoError
from sotto.interfaces.conversations import ConversationStore
from sotto.interfaces.turn_detector import TurnDetector
from sotto.runtime.requests import SoundFormat, StreamRequest
from sotto.runtime.service import Service
from sotto.transports.peer import Peer
from sotto.transports.realtime.events import (
    BadEvent,
    Json,
    error_event,
    failed,
    no_conversation,
)
from sotto.transports.realtime.incoming import Append, ClientEvent, Update, parse_event
from sotto.transports.realtime.outlet import Carried
from sotto.transports.realtime.session import RealtimeSession
from sotto.transports.realtime.understood import SessionType

SESSION_SECONDS = 24 * 3600
"""After which a session is over; its client may begin another. OpenAI's last an hour."""

_NAME = "session.sotto.conversation"
JUDGED = 0.4
"""Seconds of a pause that is judged."""


class Call:
    """One client: its session, and its events in and out."""

    def __init__(
        self,
        peer: Peer,
        service: Service,
        session: RealtimeSession,
        partner: Partner | None = None,
        carried: Carried | None = None,
    ) -> None:
        """`partner`: who answers; None: nobody. `carried`: where the sound goes and comes from;
        None: it lies in events."""
        self.service = service
        self.caller = peer.caller
        self.owner = peer.caller.owner
        """Whose its streams are."""
        self.session = session
        self.partner = partner
        self.carried = carried
        self.is_over = False
        """Whether nothing more comes."""
        self.has_sound = False
        """Whether sound came, after which its format stays."""
        self.has_items: Callable[[], bool] = lambda: False
        """Whether anything was said in its conversation, after which the name stays."""
        self._peer = peer
        self._messages = peer.messages()
        self._ends = asyncio.get_running_loop().time() + SESSION_SECONDS
        self._following: asyncio.Task[ClientEvent | None] | None = None
        self._sending = asyncio.Lock()
        self._leaving: asyncio.Future[SottoError] = asyncio.get_running_loop().create_future()
        """Why it is over though its client did not hang up."""

    @property
    def sound(self) -> SoundFormat:
        """How the client's sound comes."""
        return self.session.pcm if self.carried is None else self.carried.sound

    def offers(self, kind: SessionType) -> bool:
        """Whether there are such sessions."""
        return kind is SessionType.TRANSCRIPTION or self.partner is not None

    @property
    def judge(self) -> TurnDetector | None:
        """Who judges pauses; None: they are judged by their length."""
        if self.partner is None or not self.session.is_semantic:
            return None
        return self.partner.turns

    def request(self, name: str) -> StreamRequest:
        """What the core is asked for; `name` is the stream's. Raises BadOption."""
        request = replace(self.session.request(self.service, name), sound=self.sound)
        return request if self.judge is None else replace(request, pause=JUDGED)

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
        both: set[asyncio.Future[Any]] = {self._following, self._leaving}
        await asyncio.wait(both, timeout=max(wait, 0), return_when=asyncio.FIRST_COMPLETED)
        if self._leaving.done():
            event = None
        elif self._following.done():
            event, self._following = self._following.result(), None
        elif within is not None and within < left:
            raise TimeoutError
        else:
            event = None
        self.is_over = event is None
        return event

    async def farewell(self) -> None:
        """Say why a session ends that its client did not end. Raises what `leave` was given."""
        if self._leaving.done():
            raise self._leaving.result()
        if self._following is not None:
            message = f"expected a session of at most {SESSION_SECONDS:,} s, got a longer one"
            await self.tell(failed("session_expired", message))

    def conversations(self) -> ConversationStore:
        """Where those are kept that have a name. Raises BadOption."""
        store = self.service.conversations
        if store is None:
            raise BadOption(_NAME, "expected no name: what is said here is not kept, got one")
        return store

    def leave(self, why: SottoError) -> None:
        """End it as if its client had hung up, and tell it why: `farewell` raises that."""
        if not self._leaving.done():
            self._leaving.set_result(why)
            self._peer.hurry()

    def close(self) -> None:
        """Read no more."""
        if self._following is not None and not self._following.cancel():
            self._following.exception()  # nobody waits for it any more: it is not to be logged

    async def _read(self) -> ClientEvent | None:
        async for message in self._messages:
            try:
                event = self._parse(message)
                if isinstance(event, Update):
                    await self._update(event)
            except BadEvent as error:
                await self.tell(error_event(error))
            except BadOption as error:
                await self.tell(error_event(error, event.event_id))
            else:
                return event
        return None

    def _parse(self, message: str | bytes) -> ClientEvent:
        """Raises BadEvent."""
        if self.carried is not None and isinstance(message, bytes):
            return Append(message)
        event = parse_event(message)
        if self.carried is not None and isinstance(event, Append):
            raise BadEvent(
                "type", "expected sound on the track of this call, got events of it", event.event_id
            )
        return event

    async def _update(self, event: Update) -> None:
        session = self.session.updated(event.fragment, beta=event.beta)
        session.request(self.service, "")  # so that a model or language that is none is told now
        heard = None if self.carried else session.pcm  # on a track it comes as it comes
        before = None if self.carried else self.session.pcm
        if self.has_sound and (heard, session.type) != (before, self.session.type):
            raise BadOption(
                "session.audio.input.format",
                "expected the format and type of a session to stay once it has sound, got others",
            )
        self._check_name(session)
        if event.fragment.get("type") and not self.offers(session.type):
            await self.tell(no_conversation(event.event_id))
            return
        self.session = session
        kind = "transcription_session" if event.beta else "session"
        await self.tell({"type": f"{kind}.updated", "session": session.view()})

    def _check_name(self, session: RealtimeSession) -> None:
        """Raises BadOption."""
        before, name = self.session.conversation, session.conversation
        if session.type is not SessionType.REALTIME or name == before:
            return
        if before is not None or self.has_items():
            raise BadOption(_NAME, "expected one name, before anything was said, got another")
        self.conversations()


def stamped(event: Json) -> str:
    """An event as it is sent."""
    return json.dumps({"event_id": made_up("event"), **event})


def made_up(kind: str) -> str:
    """An id that nothing else has."""
    return f"{kind}_{secrets.token_hex(12)}"
