"""What every dialect over a WebSocket is to the server that mounts it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from starlette.responses import Response

from sotto.errors import SottoError
from sotto.runtime.service import Service
from sotto.transports.peer import Parting, Peer

QUERY_TOKENS = ("token", "auth_token", "api_key", "access_token")
"""Names under which clients put their key into the address, since browsers set no headers."""


class SocketDialect(Parting, ABC):
    """A way to speak over a WebSocket: only bytes ↔ events. One object serves all its sockets."""

    name: ClassVar[str]
    """In the settings and the metrics."""
    paths: ClassVar[tuple[str, ...]]
    """As starlette writes them: `/ws/{meeting}`."""
    accepts_first: ClassVar[bool] = False
    """Whether who is refused is told over the open socket; else by a status at the upgrade."""

    def token(self, peer: Peer) -> str | None:
        """The caller's key, wherever this dialect's clients put it."""
        return token_of(peer.headers, peer.query)

    def subprotocol(self, peer: Peer) -> str | None:
        """Which of the protocols that the client offers is spoken."""
        return None

    def check(self, peer: Peer) -> None:
        """Whether who was let in may open this very socket. Raises Forbidden, BadOption."""

    @abstractmethod
    async def serve(self, peer: Peer, service: Service) -> None:
        """One socket from its first message to its last. Raises what ends it early."""

    def refusal(self, error: SottoError) -> dict[str, Any] | None:
        """The JSON body of the status at the upgrade; None: the one that OpenAI's clients read."""
        return None

    def close_code(self, error: SottoError) -> int | None:
        """The code of the close that follows; None: the one that all dialects use."""
        return None

    def close_reason(self, error: SottoError) -> str:
        """What the close frame says besides its code; at most 123 bytes."""
        return ""


@runtime_checkable
class Refusing(Protocol):
    """A route that has words of its own for whoever is not let in."""

    def refused(self, error: SottoError, plain: Response) -> Response:
        """What the caller is told; `plain` is what others tell."""
        ...


def token_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """The key in a request: `Authorization: Bearer` or `Token`, `X-API-Key`, else in the query."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token") and given.strip():
        return given.strip()
    found = (headers.get("x-api-key"), *map(query.get, QUERY_TOKENS))
    return next(filter(None, found), None)
