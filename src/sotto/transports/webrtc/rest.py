"""Calls over HTTP: an offer for an answer, and hanging up."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sotto.transports.webrtc.calls import Calls
from sotto.transports.webrtc.offer import FORM, SDP

PATH = "/v1/realtime/calls"
_BODY = {
    "required": True,
    "content": {
        SDP: {"schema": {"type": "string"}},
        FORM: {
            "schema": {
                "type": "object",
                "required": ["sdp"],
                "properties": {"sdp": {"type": "string"}, "session": {"type": "string"}},
            }
        },
    },
}


def router(calls: Calls) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["OpenAI Realtime"])

    @routes.post(
        PATH,
        status_code=201,
        summary="Begin a call over WebRTC",
        openapi_extra={"requestBody": _BODY},
        response_class=Response,
    )
    async def begin(http: Request) -> Response:
        id, answer = await calls.begin(http)
        return Response(answer, 201, {"Location": f"{PATH}/{id}"}, SDP)

    @routes.post(f"{PATH}/{{id}}/hangup", summary="End one", response_class=Response)
    async def hang_up(id: str, http: Request) -> Response:
        calls.hang_up(id, http.state.caller.owner)
        return Response()

    return routes
