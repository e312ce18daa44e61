"""OpenAI Realtime at `/v1/realtime`: transcription in the released and the beta's shape, and
conversations in the released one."""

from __future__ import annotations

from dataclasses import replace

from sotto.clock import Clock
from sotto.dialogue.partner import Partner
from sotto.errors import BadOption, SottoError
from sotto.runtime.service import Service
from sotto.transports.conversation_names import QUERY
from sotto.transports.dialect import SocketDialect
from sotto.transports.peer import Peer
from sotto.transports.realtime.call import SESSION_SECONDS, Call, made_up, stamped
from sotto.transports.realtime.events import Json, Shape, error_event
from sotto.transports.realtime.handlers import NAME, attend
from sotto.transports.realtime.outlet import Carried
from sotto.transports.realtime.secrets import Secrets
from sotto.transports.realtime.session import RealtimeSession, new_session
from sotto.transports.realtime.translations import Translating
from sotto.transports.realtime.understood import SessionType

PATH = "/v1/realtime"
TRANSLATIONS = "translations"
PROTOCOL = "realtime"
KEY_PROTOCOL = "openai-insecure-api-key."
"""Browsers set no headers: their clients offer protocols, and one of them is the key."""


class RealtimeDialect(SocketDialect):
    """`/v1/realtime`."""

    name = NAME
    paths = (PATH, f"{PATH}/{{kind}}")
    accepts_first = True  # a page in a browser cannot see the status of a refused upgrade

    def __init__(self, secrets: Secrets, clock: Clock, partner: Partner | None = None) -> None:
        """`partner`: who answers in conversations; None: there are none."""
        self._partner = partner
        self._secrets = secrets
        self._clock = clock

    def token(self, peer: Peer) -> str | None:
        """The caller's key; a browser's is among the protocols that it offers."""
        keys = (name for name in peer.subprotocols if name.startswith(KEY_PROTOCOL))
        return next((key.removeprefix(KEY_PROTOCOL) for key in keys), None) or super().token(peer)

    def subprotocol(self, peer: Peer) -> str | None:
        """`realtime`, for those that offer it: they hang up where it is not spoken."""
        return PROTOCOL if PROTOCOL in peer.subprotocols else None

    def check(self, peer: Peer) -> None:
        """Raises BadOption for what is no path, or a session that nobody here holds."""
        kind = peer.path.get("kind")
        if kind not in (None, TRANSLATIONS):
            raise BadOption("", f"expected {PATH} or {PATH}/{TRANSLATIONS}, got another path")
        if kind is not None and self._partner is None:
            raise BadOption("", "expected sessions without answers: this server speaks to nobody")

    async def serve(self, peer: Peer, service: Service) -> None:
        """One session, until the client hangs up. Raises what ends it early."""
        if peer.path.get("kind") == TRANSLATIONS and self._partner is not None:
            expires_at = round(self._clock.wall()) + SESSION_SECONDS
            await Translating(peer, service, self._partner, expires_at).run()
            return
        await self.hold(peer, service, self.session(peer, service, {}))

    async def hold(
        self, peer: Peer, service: Service, session: RealtimeSession, carried: Carried | None = None
    ) -> None:
        """A session that is made. `carried`: where its sound goes; None: it lies in events."""
        await attend(Call(peer, service, session, self._partner, carried))

    def last_words(self, error: SottoError) -> str:
        """An `error` event."""
        return stamped(error_event(error))

    def session(self, peer: Peer, service: Service, given: Json) -> RealtimeSession:
        """What the address, the headers and the key's own session ask for, and then what is given.

        Raises BadOption.
        """
        is_beta = "realtime=v1" in peer.headers.get("openai-beta", "")
        hears = peer.query.get("intent") == SessionType.TRANSCRIPTION
        kind = SessionType.TRANSCRIPTION if hears or is_beta else SessionType.REALTIME
        expires_at = round(self._clock.wall()) + SESSION_SECONDS
        manner = self._partner.manner if self._partner else None
        session = new_session(service, made_up("sess"), expires_at, kind, manner)
        session = session.updated(_wishes(peer, session))
        session = replace(session, shape=Shape.BETA if is_beta else Shape.GA)
        wanted = self._secrets.session(self.token(peer))
        if wanted:
            session = session.updated(wanted.fragment, beta=wanted.beta)
        return session.updated(given) if given else session


def _wishes(peer: Peer, session: RealtimeSession) -> Json:
    """What the address says besides. Of a conversation the model is not the one that hears."""
    model = peer.query.get("model")
    hears = session.type is SessionType.TRANSCRIPTION
    said = {
        "model": peer.query.get("transcription_model") or (hears and model),
        "language": peer.query.get("language"),
    }
    given = {key: value for key, value in said.items() if value}
    wanted: Json = {"audio": {"input": {"transcription": given}}} if given else {}
    if hears:
        return wanted
    if (name := peer.query.get(QUERY)) is not None:
        wanted = {**wanted, "sotto": {"conversation": name}}
    return wanted if model is None else {**wanted, "model": model}
