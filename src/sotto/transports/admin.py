"""`/v1/admin`: what the server does; models loaded and unloaded; streams ended, by who runs it."""

from __future__ import annotations

import ipaddress
import logging
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response

from sotto.clock import Clock
from sotto.errors import Forbidden
from sotto.runtime.access import Caller
from sotto.runtime.models import ModelStatus
from sotto.runtime.service import Service
from sotto.transports.admin_state import View

NAME = "admin"
PATH = "/v1/admin"

Json: TypeAlias = dict[str, Any]

log = logging.getLogger(__name__)


def router(service: Service, clock: Clock) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=PATH, tags=["Admin"], dependencies=[Depends(from_own_page)])
    view = View(service, clock, clock.monotonic())

    def told(status: ModelStatus) -> Json:
        return next(model for model in view.models() if model["id"] == status.name)

    @routes.get("/state", summary="What the server does just now")
    async def state(answer: Response) -> Json:
        answer.headers["Cache-Control"] = "no-store"
        return view.state()

    # A model's name may hold slashes, as those of the hub do; a session's, as those of meetings.
    @routes.post("/models/{model:path}/load", status_code=202, summary="Load a model")
    async def load(http: Request, model: str) -> Json:
        status = service.models.load(model)
        log.info("%s: model %s is to be loaded", _who(http), status.name)
        return told(status)

    @routes.post(
        "/models/{model:path}/unload",
        status_code=202,
        summary="Unload a model, once nobody holds it",
    )
    async def unload(http: Request, model: str) -> Json:
        status = service.models.unload(model)
        log.info("%s: model %s is to be unloaded", _who(http), status.name)
        return told(status)

    @routes.delete(
        "/sessions/{session:path}",
        status_code=202,
        summary="End a stream; its last words are decoded, stored and told",
    )
    async def end(http: Request, session: str) -> Json:
        stream = service.live.find(session)
        stream.end()
        log.info("%s: session %s is to end", _who(http), stream.id)
        return view.session(stream)

    return routes


def from_own_page(http: Request) -> None:
    """Where nobody is asked for a key, only this server's own page, and programs, may ask.

    Any page that a browser shows can send requests to loopback, and a name of somebody else's can
    be made to mean it. A key makes up for both: no page has it. Raises Forbidden.
    """
    if not _caller(http).anonymous:
        return
    host = http.headers.get("host", "")
    if not _names_no_other(host):
        raise Forbidden(
            "expected localhost or an address, since no key is asked for here "
            f"(auth.on_loopback asks for one), got the name {host[:200]!r}"
        )
    origin = http.headers.get("origin")
    elsewhere = origin is not None and origin.partition("://")[2] != host
    if elsewhere or http.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Forbidden("expected a page of this server, got one of another")


def _names_no_other(host: str) -> bool:
    """Whether a `Host` can only mean the machine that it reached: whoever owns a name moves it."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _caller(http: Request) -> Caller:
    caller: Caller = http.state.caller
    return caller


def _who(http: Request) -> str:
    caller = _caller(http)
    return "anyone" if caller.anonymous else caller.name
