"""OpenAI Realtime at `/v1/realtime`: transcription sessions, in the released and the beta's shape.

`HANDLERS` is where conversations will join: it says who takes a session's events, by its type.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from sotto.clock import Clock
from sotto.errors import SottoError
from sotto.runtime.service import Service
from sotto.transports.dialect import SocketDialect
from sotto.transports.peer import Peer
from sotto.transports.realtime.call import SESSION_SECONDS, Call, made_up, stamped
from sotto.transports.realtime.events import Json, Shape, Update, error_event, no_conversation
from sotto.transports.realtime.listening import Listening
from sotto.transports.realtime.secrets import Secrets
from sotto.transports.realtime.session import RealtimeSession, SessionType, new_session

NAME = "realtime"
PATH = "/v1/realtime"
PROTOCOL = "realtime"
KEY_PROTOCOL = "openai-insecure-api-key."
"""Browsers set no headers: their clients offer protocols, and one of them is the key."""


async def transcribe(call: Call) -> None:
    """Sound becomes items with transcripts."""
    await Listening(call, NAME).run()


async def refuse(call: Call) -> None:
    """Stands in for what is not offered: says so, until the session is of another type."""
    while (event := await call.next()) is not None:
        if call.session.type in HANDLERS:
            return
        if not isinstance(event, Update):
            await call.tell(no_conversation(event.event_id))


HANDLERS: Mapping[SessionType, Callable[[Call], Awaitable[None]]] = {
    SessionType.TRANSCRIPTION: transcribe,
}


class RealtimeDialect(SocketDialect):
    """`/v1/realtime`."""

    name = NAME
    paths = (PATH,)
    accepts_first = True  # a page in a browser cannot see the status of a refused upgrade

    def __init__(self, secrets: Secrets, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock

    def token(self, peer: Peer) -> str | None:
        """The caller's key; a browser's is among the protocols that it offers."""
        keys = (name for name in peer.subprotocols if name.startswith(KEY_PROTOCOL))
        return next((key.removeprefix(KEY_PROTOCOL) for key in keys), None) or super().token(peer)

    def subprotocol(self, peer: Peer) -> str | None:
        """`realtime`, for those that offer it: they hang up where it is not spoken."""
        return PROTOCOL if PROTOCOL in peer.subprotocols else None

    async def serve(self, peer: Peer, service: Service) -> None:
        """One session, until the client hangs up. Raises what ends it early."""
        call = Call(peer, service, self._session(peer, service), HANDLERS)
        try:
            await call.tell({"type": "session.created", "session": call.session.view()})
            while not call.is_over:
                await HANDLERS.get(call.session.type, refuse)(call)
            await call.farewell()
        finally:
            call.close()

    def last_words(self, error: SottoError) -> str:
        """An `error` event."""
        return stamped(error_event(error))

    def _session(self, peer: Peer, service: Service) -> RealtimeSession:
        """What the address, the headers and the key's own session ask for. Raises BadOption."""
        is_beta = "realtime=v1" in peer.headers.get("openai-beta", "")
        hears = peer.query.get("intent") == SessionType.TRANSCRIPTION
        kind = SessionType.TRANSCRIPTION if hears or is_beta else SessionType.REALTIME
        expires_at = round(self._clock.wall()) + SESSION_SECONDS
        session = new_session(service, made_up("sess"), expires_at, kind)
        session = session.updated(_wishes(peer, hears=hears))
        session = replace(session, shape=Shape.BETA if is_beta else Shape.GA)
        wanted = self._secrets.session(self.token(peer))
        return session.updated(wanted.fragment, beta=wanted.beta) if wanted else session


def _wishes(peer: Peer, *, hears: bool) -> Json:
    """What the address says besides. A conversation's model does not hear: its name is not ours."""
    said = {
        "model": peer.query.get("transcription_model") or (hears and peer.query.get("model")),
        "language": peer.query.get("language"),
    }
    given = {key: value for key, value in said.items() if value}
    return {"audio": {"input": {"transcription": given}}}
