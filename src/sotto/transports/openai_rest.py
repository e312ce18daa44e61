"""OpenAI's REST for files: transcriptions, translations, models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from sotto.errors import BadOption
from sotto.runtime.service import Service
from sotto.transcript.options import Task, one_of
from sotto.transcript.render import MEDIA_TYPES, Format, Granularity, render
from sotto.transcript.words import Transcript
from sotto.transports.forms import OneFileForm, file_request, transcribe_upload

NAME = "openai"

FORMATS: dict[str, Format] = {
    "json": Format.JSON,
    "text": Format.TXT,
    "srt": Format.SRT,
    "vtt": Format.VTT,
    "verbose_json": Format.VERBOSE_JSON,
}
"""By OpenAI's names."""

Upload = Annotated[UploadFile, File(description="Any audio or video container.")]
Model = Annotated[
    str, Form(description="A name from `/v1/models`; `auto`: the largest that is ready.")
]
Language = Annotated[str | None, Form(description="A code such as `en`; empty detects it.")]
Prompt = Annotated[str, Form(description="Text that is taken to stand before the first word.")]
Hotwords = Annotated[str, Form(description="Words to expect.")]
ResponseFormat = Annotated[str, Form(description="json, text, srt, vtt or verbose_json.")]
Temperature = Annotated[float, Form(description="0 to 1; 0 takes the likeliest words.")]
Granularities = Annotated[
    list[str],
    Form(alias="timestamp_granularities[]", description="`segment`, `word`; for verbose_json."),
]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["OpenAI"], route_class=OneFileForm)

    @routes.post("/v1/audio/transcriptions", summary="Write down what is said in a file")
    async def transcriptions(  # noqa: PLR0913, PLR0917 - a form's fields
        http: Request,
        file: Upload,
        model: Model = "",
        language: Language = None,
        prompt: Prompt = "",
        hotwords: Hotwords = "",
        response_format: ResponseFormat = "json",
        temperature: Temperature = 0.0,
        timestamp_granularities: Granularities = [],  # noqa: B006 - FastAPI copies it
    ) -> Response:
        request = file_request(
            service.defaults,
            model=model,
            language=language,
            task=Task.TRANSCRIBE,
            prompt=prompt,
            hotwords=hotwords,
            temperature=temperature,
        )
        show = _renderer(response_format, timestamp_granularities)
        return show(await transcribe_upload(http, service, file, request))

    @routes.post("/v1/audio/translations", summary="Write down in English what is said in a file")
    async def translations(
        http: Request,
        file: Upload,
        model: Model = "",
        prompt: Prompt = "",
        response_format: ResponseFormat = "json",
        temperature: Temperature = 0.0,
    ) -> Response:
        request = file_request(
            service.defaults,
            model=model,
            language=None,
            task=Task.TRANSLATE,
            prompt=prompt,
            temperature=temperature,
        )
        show = _renderer(response_format, [])
        return show(await transcribe_upload(http, service, file, request))

    @routes.get("/v1/models", summary="The models and their states")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": list_models(service)}

    return routes


def list_models(service: Service) -> list[dict[str, Any]]:
    """The models as OpenAI lists them, with what Sotto knows besides."""
    return [
        {
            "id": status.name,
            "object": "model",
            "created": 0,
            "owned_by": "sotto",
            "state": status.state.value,
            "error": status.error,
            "languages": list(status.traits.languages) if status.traits else [],
            "translates": status.traits.translates if status.traits else False,
            "n_mels": status.traits.n_mels if status.traits else None,
            "audio_context": status.traits.audio_context.value if status.traits else None,
        }
        for status in service.models.snapshot()
    ]


def _renderer(response_format: str, granularities: list[str]) -> Callable[[Transcript], Response]:
    """How the answer will look, checked before the work is done. Raises BadOption."""
    form = FORMATS.get(response_format)
    if form is None:
        expected = ", ".join(FORMATS)
        raise BadOption("response_format", f"expected one of {expected}, got {response_format!r}")
    wanted = frozenset(
        one_of(Granularity, "timestamp_granularities[]", item) for item in granularities
    )
    return lambda transcript: Response(
        render(transcript, form, wanted), media_type=MEDIA_TYPES[form]
    )
