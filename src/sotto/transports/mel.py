"""`POST /v1/mel`: a spectrogram as images in, a transcript in any of OpenAI's formats out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile

from sotto.audio.mel8 import ValueRange
from sotto.errors import BadOption
from sotto.runtime.album import Album
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.transcript.options import Task
from sotto.transports.forms import file_request
from sotto.transports.many_files import ManyFilesForm
from sotto.transports.model_names import local_name
from sotto.transports.openai.answers import Shape, shape, transcription
from sotto.transports.waiting import while_awaited

NAME = "mel"
PATH = "/v1/mel"

Uploads = Annotated[
    list[UploadFile],
    File(
        description="An image: PNG, WebP, TGA or mel8. Several are one recording: each begins "
        "where the one before it ended, or, where it is mel8, at its position."
    ),
]
Least = Annotated[
    float | None,
    Form(alias="min", description="Raw log10 mel of black, where the image does not say."),
]
Greatest = Annotated[float | None, Form(alias="max", description="The same of white.")]
Granularities = Annotated[list[str], Form(alias="timestamp_granularities[]")]
Text = Annotated[str, Form()]


@dataclass(frozen=True)
class Asked:
    """A form, understood."""

    request: FileRequest
    looks: Shape
    span: ValueRange | None


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["Images"], route_class=ManyFilesForm)
    to_see = Depends(_form(service))

    @routes.post(PATH, summary="Write down what a spectrogram says")
    async def transcribe(http: Request, file: Uploads, asked: Asked = to_see) -> Response:
        images = [upload.file for upload in file]

        def seen() -> Album:
            return Album.of(images, asked.span)

        work = service.transcribe_image(seen, asked.request)
        transcript = await while_awaited(http, work)
        return Response(transcription(transcript, asked.looks), media_type=asked.looks.media_type)

    return routes


def _form(service: Service) -> Callable[..., Awaitable[Asked]]:
    async def form(  # noqa: PLR0913 - each field by its name
        *,
        least: Least = None,
        greatest: Greatest = None,
        model: Text = "",
        language: Annotated[str | None, Form()] = None,
        task: Text = Task.TRANSCRIBE,
        prompt: Text = "",
        hotwords: Text = "",
        response_format: Text = "json",
        temperature: Annotated[float, Form()] = 0.0,
        timestamp_granularities: Granularities = [],  # noqa: B006 - FastAPI copies it
    ) -> Asked:
        request = file_request(
            service.defaults,
            model=local_name(model, service.models.resolve),
            language=language,
            task=task,
            prompt=prompt,
            hotwords=hotwords,
            temperature=temperature,
        )
        return Asked(
            request, shape(response_format, timestamp_granularities), _span(least, greatest)
        )

    return form


def _span(least: float | None, greatest: float | None) -> ValueRange | None:
    """Raises BadOption, BadAudio."""
    if least is None and greatest is None:
        return None
    if least is None or greatest is None:
        missing = "min" if least is None else "max"
        raise BadOption(missing, "expected both min and max, got one of them")
    return ValueRange(least, greatest)
