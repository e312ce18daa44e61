"""`POST /transcribe`: a file and a model size, as the Ray Serve service had it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile

from sotto.audio.format import seconds
from sotto.runtime.service import Service
from sotto.transports.forms import OneFileForm, file_request, transcribe_upload

NAME = "transcribe"


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["Files"], route_class=OneFileForm)

    @routes.post("/transcribe", summary="Write down what is said in a file")
    async def transcribe(
        http: Request,
        file: Annotated[UploadFile, File(description="Any audio or video container.")],
        model_size: Annotated[str, Form(description="tiny … large, or `auto`.")] = "",
        language: Annotated[str | None, Form(description="Empty detects it.")] = None,
        task: Annotated[str, Form(description="transcribe or translate.")] = "transcribe",
    ) -> dict[str, Any]:
        request = file_request(service.defaults, model=model_size, language=language, task=task)
        transcript = await transcribe_upload(http, service, file, request)
        return {
            "text": transcript.text,
            "language": transcript.language,
            "duration": transcript.seconds,
            "segments": [
                {"start": seconds(item.start), "end": seconds(item.end), "text": item.text}
                for item in transcript.segments
            ],
        }

    return routes
