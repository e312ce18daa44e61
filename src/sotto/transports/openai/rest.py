"""OpenAI's REST for files: transcriptions, translations, models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile

from sotto.runtime.models import AUTO, ModelState, ModelStatus
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.transcript.options import Task
from sotto.transports.forms import OneFileForm, file_request, hear_upload, transcribe_upload
from sotto.transports.model_names import local_name
from sotto.transports.openai.answers import Shape, shape, transcription, translation
from sotto.transports.openai.sse import event_stream

NAME = "openai"

Upload = Annotated[UploadFile, File(description="Any audio or video container.")]
Model = Annotated[
    str,
    Form(
        description="A name from `/v1/models`; `auto`: the largest that is ready. "
        "OpenAI's own names mean the server's default."
    ),
]
Language = Annotated[str | None, Form(description="A code such as `en`; empty detects it.")]
Languages = Annotated[
    list[str], Form(alias="languages[]", description="Codes to choose from when it is detected.")
]
Prompt = Annotated[str, Form(description="Text that is taken to stand before the first word.")]
Hotwords = Annotated[str, Form(description="Words to expect.")]
Keywords = Annotated[list[str], Form(alias="keywords[]", description="The same, one a field.")]
ResponseFormat = Annotated[str, Form(description="json, text, srt, vtt or verbose_json.")]
Temperature = Annotated[float, Form(description="0 to 1; 0 takes the likeliest words.")]
Granularities = Annotated[
    list[str],
    Form(alias="timestamp_granularities[]", description="`segment`, `word`; for verbose_json."),
]
Include = Annotated[
    list[str], Form(alias="include[]", description="`logprobs`, one for each word; for json.")
]
Stream = Annotated[bool, Form(description="Server-sent events; for json and text.")]


@dataclass(frozen=True)
class Asked:
    """A form, understood."""

    request: FileRequest
    looks: Shape


def router(service: Service, *, audio: bool = True) -> APIRouter:
    """The routes; without audio, only those that tell of models."""
    routes = APIRouter(tags=["OpenAI"], route_class=OneFileForm)
    if audio:
        _add_files(routes, service)

    @routes.get("/v1/models", summary="The models and their states")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": list_models(service), "audio": audio}

    @routes.get("/v1/models/{model:path}", summary="One model and its state")
    async def one_model(model: str) -> dict[str, Any]:
        if not model:  # a slash too many after /v1/models
            return await models()
        return _entry(find_model(service, model))

    return routes


def _add_files(routes: APIRouter, service: Service) -> None:
    to_transcribe = Depends(_transcription_form(service))
    to_translate = Depends(_translation_form(service))

    @routes.post("/v1/audio/transcriptions", summary="Write down what is said in a file")
    async def transcriptions(http: Request, file: Upload, asked: Asked = to_transcribe) -> Response:
        if asked.looks.stream:
            return await event_stream(
                hear_upload(http, service, file, asked.request),
                lambda error: service.metrics.errors.labels(error.code).inc(),
                logprobs=asked.looks.logprobs,
            )
        transcript = await transcribe_upload(http, service, file, asked.request)
        return Response(transcription(transcript, asked.looks), media_type=asked.looks.media_type)

    @routes.post("/v1/audio/translations", summary="Write down in English what is said in a file")
    async def translations(http: Request, file: Upload, asked: Asked = to_translate) -> Response:
        transcript = await transcribe_upload(http, service, file, asked.request)
        return Response(translation(transcript, asked.looks), media_type=asked.looks.media_type)


def _transcription_form(service: Service) -> Callable[..., Awaitable[Asked]]:
    async def form(  # noqa: PLR0913 - each field by its name
        *,
        model: Model = "",
        language: Language = None,
        languages: Languages = [],  # noqa: B006 - FastAPI copies it, and those below
        prompt: Prompt = "",
        hotwords: Hotwords = "",
        keywords: Keywords = [],  # noqa: B006
        response_format: ResponseFormat = "json",
        temperature: Temperature = 0.0,
        timestamp_granularities: Granularities = [],  # noqa: B006
        include: Include = [],  # noqa: B006
        stream: Stream = False,
    ) -> Asked:
        request = file_request(
            service.defaults,
            model=local_name(model, service.models.resolve),
            language=language,
            languages=languages,
            task=Task.TRANSCRIBE,
            prompt=prompt,
            hotwords=", ".join(filter(None, [hotwords, *keywords])),
            temperature=temperature,
        )
        return Asked(
            request, shape(response_format, timestamp_granularities, include, stream=stream)
        )

    return form


def _translation_form(service: Service) -> Callable[..., Awaitable[Asked]]:
    """OpenAI's form, and a language and granularities as the other one has them."""

    async def form(
        *,
        model: Model = "",
        language: Language = None,
        prompt: Prompt = "",
        response_format: ResponseFormat = "json",
        temperature: Temperature = 0.0,
        timestamp_granularities: Granularities = [],  # noqa: B006 - FastAPI copies it
    ) -> Asked:
        request = file_request(
            service.defaults,
            model=local_name(model, service.models.resolve),
            language=language,
            task=Task.TRANSLATE,
            prompt=prompt,
            temperature=temperature,
        )
        return Asked(request, shape(response_format, timestamp_granularities))

    return form


def list_models(service: Service) -> list[dict[str, Any]]:
    """The models as OpenAI lists them, with what Sotto knows besides."""
    return [_entry(status) for status in service.models.snapshot()]


def find_model(service: Service, name: str) -> ModelStatus:
    """The model that a request of that name would be given now. Raises UnknownModel."""
    resolve = service.models.resolve
    wanted = resolve(local_name(name, resolve))
    known = service.models.snapshot()
    if wanted != AUTO:
        return next(status for status in known if status.name == wanted)
    ready = [status for status in known if status.state is ModelState.READY]
    return (ready or known)[-1]


def _entry(status: ModelStatus) -> dict[str, Any]:
    traits = status.traits
    return {
        "id": status.name,
        "object": "model",
        "created": 0,
        "owned_by": "sotto",
        "state": status.state.value,
        "error": status.error,
        "languages": list(traits.languages) if traits else [],
        "translates": traits.translates if traits else False,
        "n_mels": traits.n_mels if traits else None,
        "audio_context": traits.audio_context.value if traits else None,
    }
