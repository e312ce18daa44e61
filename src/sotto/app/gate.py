"""What stands before the routes of HTTP dialects: who is let in, before any body is read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from sotto.app.codes import error_response
from sotto.app.exchange import Exchange
from sotto.errors import SottoError
from sotto.runtime.about import telling_of
from sotto.runtime.access import Access, Caller
from sotto.runtime.access import Scope as Right
from sotto.runtime.service import Service
from sotto.transports.dialect import Refusing, token_of

FOR_STREAMS = "/v1/realtime"
"""What lies under it only prepares a socket."""
CALLS = "/v1/realtime/calls"
"""Who begins a call is counted by it, as long as it lasts."""
SESSIONS = ("/v1/sessions", "/v1/conversations")
"""What lies under them was said before."""
ADMIN = "/v1/admin"
"""What lies under it is for those who run the server."""


class Gate:
    """Admits callers to the routes; `request.state.caller` says who it is.

    It is no dependency of the routes, since a form is read before those are asked: anybody could
    have a server write 2 GB to its disk.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        routes: Sequence[BaseRoute],
        service: Service,
        send_timeout: float,
    ) -> None:
        """`send_timeout`: seconds that a client may take to read a piece of its answer."""
        self._app = app
        self._access = access
        self._routes = tuple(routes)
        self._service = service
        self._send_timeout = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        route = self._guarded(scope)
        if route is None:
            await self._app(scope, receive, send)
            return
        right = needed(scope["method"], scope["path"])
        with ExitStack() as stay:
            try:
                caller = await self._admit(scope, right)
                if scope["path"] != CALLS:
                    stay.enter_context(self._access.enter(caller, right))
            except SottoError as error:
                await self._refuse(route, error)(scope, receive, send)
                return
            stay.enter_context(telling_of(owner=caller.owner))
            scope.setdefault("state", {})["caller"] = caller
            exchange = Exchange(receive, send, self._send_timeout)
            stay.enter_context(self._service.closing.request(exchange))
            why = await exchange.run(self._app, scope)
            if why is None:
                return
            refusal = self._refuse(route, why)
            if not exchange.is_begun:
                await refusal(scope, receive, send)

    def _refuse(self, route: BaseRoute, error: SottoError) -> Response:
        self._service.metrics.errors.labels(error.code).inc()
        return _refusal(route, error)

    def _guarded(self, scope: Scope) -> BaseRoute | None:
        if scope["type"] != "http":
            return None
        return next((r for r in self._routes if r.matches(scope)[0] is Match.FULL), None)

    async def _admit(self, scope: Scope, right: Right) -> Caller:
        # Addresses end up in logs: what opens the whole server is taken from headers alone.
        query = QueryParams("" if right is Right.ADMIN else scope["query_string"])
        caller = await self._access.admit(token_of(Headers(scope=scope), query), right)
        client = scope.get("client")
        return replace(caller, address="" if client is None else client[0])


def _refusal(route: BaseRoute, error: SottoError) -> Response:
    plain = error_response(error)
    return route.refused(error, plain) if isinstance(route, Refusing) else plain


def needed(method: str, path: str) -> Right:
    """What a request takes: elsewhere, to read is to see models, to send is to send files."""
    if path.startswith(FOR_STREAMS):
        return Right.STREAMS
    if path.startswith(SESSIONS):
        return Right.SESSIONS
    if path.startswith(ADMIN):
        return Right.ADMIN
    return Right.MODELS if method in ("GET", "HEAD", "OPTIONS") else Right.FILES
