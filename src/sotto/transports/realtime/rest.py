"""Client secrets for OpenAI Realtime: what a server fetches for a browser that it serves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sotto.dialogue.partner import Partner
from sotto.errors import BadOption, TooLarge
from sotto.runtime.access import Access, Secret
from sotto.runtime.service import Service
from sotto.transports.realtime.call import made_up
from sotto.transports.realtime.events import Json, parse_object
from sotto.transports.realtime.secrets import Secrets, Wanted
from sotto.transports.realtime.session import MAX_CHARACTERS, new_session
from sotto.transports.realtime.understood import SessionType

MAX_BODY = 2 * MAX_CHARACTERS
"""Bytes."""


class _ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=10, le=7_200)] = 600


def router(
    service: Service, access: Access, secrets: Secrets, partner: Partner | None = None
) -> APIRouter:
    """The routes; the secrets' sessions are read by the dialect.

    `partner`: who answers in conversations; None: there are none.
    """
    routes = APIRouter(tags=["OpenAI Realtime"])

    @routes.post("/v1/realtime/client_secrets", summary="A key for a browser, good for minutes")
    async def client_secrets(http: Request) -> dict[str, Any]:
        body = await _body(http)
        fragment = _object(body, "session")
        secret, session = issue(http, body.get("expires_after"), Wanted(fragment, beta=False))
        return {"value": secret.value, "expires_at": secret.expires_at, "session": session}

    @routes.post("/v1/realtime/transcription_sessions", summary="The same, as the beta has it")
    async def transcription_sessions(http: Request) -> dict[str, Any]:
        body = await _body(http)
        given = _object(body, "client_secret")
        lasting = given.get("expires_after", given.get("expires_at"))
        fragment = {key: value for key, value in body.items() if key != "client_secret"}
        secret, session = issue(http, lasting, Wanted(fragment, beta=True))
        return {
            **session,
            "client_secret": {"value": secret.value, "expires_at": secret.expires_at},
        }

    def issue(http: Request, lasting: object, wanted: Wanted) -> tuple[Secret, Json]:
        """Raises BadOption for a session that could not begin so; what `Access.issue` does."""
        seconds = _expiry(lasting).seconds
        hears = partner is None or wanted.beta
        kind = SessionType.TRANSCRIPTION if hears else SessionType.REALTIME
        manner = partner.manner if partner else None
        # OpenAI's expire at 0 there, too.
        plain = new_session(service, made_up("sess"), 0, kind, manner)
        session = plain.updated(wanted.fragment, beta=wanted.beta)
        if hears and session.type is not kind:
            raise BadOption("session.type", f"expected {kind}, got {session.type}")
        session.request(service, "")
        secret = access.issue(http.state.caller, seconds)
        if wanted.fragment:
            secrets.keep(secret, wanted)
        return secret, session.view()

    return routes


async def _body(http: Request) -> Json:
    """The JSON of a request; none is as good as an empty one. Raises TooLarge, BadEvent."""
    body = b""
    async for piece in http.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise TooLarge(f"expected a body of at most {MAX_BODY:,} bytes, got more")
    return parse_object(body) if body else {}


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    if not isinstance(value, dict | None):
        raise BadOption(name, f"expected {name} to be an object, got {type(value).__name__}")
    return value or {}


def _expiry(given: object) -> _ExpiresAfter:
    if not isinstance(given, dict):
        return _ExpiresAfter()
    try:
        return _ExpiresAfter.model_validate(given)
    except ValidationError:
        raise BadOption(
            "expires_after", "expected 10 to 7200 seconds after created_at, got something else"
        ) from None
