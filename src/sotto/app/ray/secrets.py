"""Client secrets that hold at every ingress replica, whichever made them up.

The one that makes one tells the keeper before its client is answered; one that is shown a secret
that it does not know asks the keeper.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from sotto.app.gate import FOR_STREAMS
from sotto.app.ray.places import Keeper
from sotto.app.ray.wire import pack, unpack
from sotto.errors import KeysUnavailable
from sotto.runtime.access import SECRET_PREFIX, Access, Caller, Scope, Secret
from sotto.runtime.guard import Guarded
from sotto.transports.realtime.secrets import Secrets, Wanted

PATIENCE = 10.0
"""Seconds in which the keeper must answer."""


@dataclass(frozen=True)
class Shared:
    """What belongs to a secret."""

    expires_at: int
    """Seconds since 1970."""
    caller: Caller | None
    """Whose it is; None where everybody is let in."""
    wanted: Wanted | None
    """The session that was set for it."""


class SharedAccess:
    """An Access whose secrets the keeper knows too."""

    def __init__(self, own: Access, sessions: Secrets, keeper: Keeper) -> None:
        self._own = own
        self._sessions = sessions
        self._keeper = keeper
        self._telling: set[asyncio.Task[None]] = set()

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Who holds the token. Raises as the Access itself, and KeysUnavailable."""
        if token is not None and token.startswith(SECRET_PREFIX) and not self._knows(token):
            await self._learn(token)
        return await self._own.admit(token, scope)

    def enter(self, caller: Caller, scope: Scope) -> AbstractContextManager[None]:
        """For as long as a request or socket lasts. Raises RateLimited."""
        return self._own.enter(caller, scope)

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """A token for so long. Raises Forbidden, RateLimited."""
        secret = self._own.issue(caller, seconds)
        telling = asyncio.get_running_loop().create_task(self._tell(secret))
        self._telling.add(telling)  # it begins once whoever asked has set the session too
        telling.add_done_callback(self._telling.discard)
        return secret

    async def told(self) -> None:
        """Return once the keeper knows all secrets, or cannot be reached: then they hold here."""
        if self._telling:
            await asyncio.wait(self._telling)

    def _knows(self, token: str) -> bool:
        known = isinstance(self._own, Guarded) and _digest(token) in self._own._secrets._callers
        return known or self._sessions.session(token) is not None

    async def _tell(self, secret: Secret) -> None:
        caller = None
        if isinstance(self._own, Guarded):
            caller = self._own._secrets.caller(secret.value)
        shared = Shared(secret.expires_at, caller, self._sessions.session(secret.value))
        if shared.caller is None and shared.wanted is None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                digest = _digest(secret.value)
                await self._keeper.share.remote(digest, secret.expires_at, pack(shared))
        except (RayError, RayServeException, TimeoutError):
            return

    async def _learn(self, token: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                parcel = await self._keeper.shared.remote(_digest(token))
        except (RayError, RayServeException, TimeoutError) as error:
            raise KeysUnavailable("expected to be told of a secret, and was not") from error
        if parcel is None:
            return
        shared: Shared = unpack(parcel)
        if shared.wanted is not None:
            self._sessions.keep(Secret(token, shared.expires_at), shared.wanted)
        if shared.caller is not None and isinstance(self._own, Guarded):
            self._own._secrets._callers[_digest(token)] = shared.caller


class AfterTold:
    """The application, which answers whoever asked for a secret once the keeper knows it."""

    def __init__(self, app: ASGIApp, access: SharedAccess) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """One request, one socket, or the application's life."""
        if scope["type"] != "http" or not scope["path"].startswith(FOR_STREAMS):
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._access.told()
            await send(message)

        await self._app(scope, receive, answer)


def _digest(token: str) -> bytes:
    """As `Guarded` keeps them: the keeper learns no secret."""
    return hashlib.sha256(token.encode()).digest()
