"""`/v1/sessions`: what was said in streams, found, read, and deleted. Callers see their own."""

from __future__ import annotations

import asyncio
import reprlib
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Request, Response
from fastapi import Query as Asked

from sotto.audio.format import seconds
from sotto.errors import BadOption, UnknownSession
from sotto.interfaces.store import MAX_PAGE, MAX_TEXT, Page, Query, Record
from sotto.runtime.access import Caller
from sotto.runtime.service import Service
from sotto.transcript.render import MEDIA_TYPES, Format, Granularity, render
from sotto.transcript.words import Transcript

NAME = "sessions"
PATH = "/v1/sessions"

FORMS: dict[str, Format] = {
    "txt": Format.TXT,
    "srt": Format.SRT,
    "vtt": Format.VTT,
    "json": Format.VERBOSE_JSON,
}
"""By the ending of the address."""

Json: TypeAlias = dict[str, Any]

Text = Annotated[
    str, Asked(description=f"Plain words that were all said, at most {MAX_TEXT} characters.")
]
Limit = Annotated[int, Asked(description=f"Sessions of one page, 1 to {MAX_PAGE}.")]
After = Annotated[int | None, Asked(description="The `after` of the page before.")]
Group = Annotated[
    str | None, Asked(description="A meeting, or a recording whose channels were streams.")
]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["Sessions"])
    store = service.store

    @routes.get(PATH, summary="List sessions, newest first, or find them by what was said")
    async def find(
        http: Request, q: Text = "", limit: Limit = 20, after: After = None, group: Group = None
    ) -> Json:
        caller = _caller(http)
        meeting = caller.meeting or group
        query = Query(caller.owner, meeting, caller.speaker, q, limit, after)
        if group not in (None, meeting):
            return _listed(Page((), None))
        return _listed(await store.sessions(query))

    # A session's id may hold slashes, as those of meetings do.
    @routes.get(PATH + "/{session:path}/transcript.{form}", summary="Read a session")
    async def read(http: Request, session: str, form: str) -> Response:
        wanted = _form(form)
        record = await _own(service, session, _caller(http))
        segments = await store.segments(session)
        spoken = tuple(segment for segment in segments if segment.words)
        transcript = Transcript(spoken, record.language or "", record.frames)
        text = await asyncio.to_thread(render, transcript, wanted, frozenset(Granularity))
        return Response(text, media_type=MEDIA_TYPES[wanted])

    @routes.get(PATH + "/{session:path}", summary="What is known of a session")
    async def know(http: Request, session: str) -> Json:
        return _told(await _own(service, session, _caller(http)))

    @routes.delete(PATH + "/{session:path}", summary="Forget a session and its words")
    async def forget(http: Request, session: str) -> Json:
        await _own(service, session, _caller(http))
        await store.delete(session)
        return {"id": session, "object": "session.deleted", "deleted": True}

    return routes


def _form(ending: str) -> Format:
    """Raises BadOption."""
    form = FORMS.get(ending)
    if form is None:
        expected = ", ".join(FORMS)
        raise BadOption("format", f"expected one of {expected}, got {reprlib.repr(ending)}")
    return form


def _caller(http: Request) -> Caller:
    caller: Caller = http.state.caller
    return caller


async def _own(service: Service, session: str, caller: Caller) -> Record:
    """Raises UnknownSession, also for another's: nobody learns which ids there are."""
    record = await service.store.record(session)
    if record is None or not _may_see(caller, record):
        raise UnknownSession(session)
    return record


def _may_see(caller: Caller, record: Record) -> bool:
    bounds = (
        (caller.owner, record.owner),
        (caller.meeting, record.group),
        (caller.speaker, record.speaker),
    )
    return all(bound in (None, its) for bound, its in bounds)


def _listed(page: Page) -> Json:
    return {
        "object": "list",
        "data": [_told(record) for record in page.records],
        "has_more": page.after is not None,
        "after": page.after,
    }


def _told(record: Record) -> Json:
    """Seconds, of sound and since 1970."""
    return {
        "id": record.id,
        "object": "session",
        "dialect": record.dialect,
        "owner": record.owner,
        "group": record.group,
        "speaker": record.speaker,
        "model": record.model,
        "language": record.language,
        "began": round(record.began, 3),
        "heard": round(record.heard, 3),
        "duration": seconds(record.frames),
        "words": record.words,
        "segments": record.segments,
    }
