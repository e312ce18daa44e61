"""What Wyoming's events say of speech: what clients ask for, and what they are told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import sotto
from sotto.audio.format import Encoding, PcmFormat
from sotto.errors import BadAudio, BadOption, ModelNotReady, ProtocolViolation
from sotto.runtime.models import ModelState, ModelStatus
from sotto.transcript.languages import parse_language
from sotto.transcript.options import DecodeOptions
from sotto.transports.wyoming.wire import Json, WireEvent

MAX_HOTWORDS = 1_000
"""Characters."""

_ENCODINGS = {1: Encoding.PCM_U8, 2: Encoding.PCM_S16LE, 4: Encoding.PCM_S16LE}
"""By the bytes of a sample; of four the upper two are taken."""
SOTTO = {"name": "Sotto", "url": ""}
"""To whom `info` attributes what it tells of."""

Count = Annotated[int, Field(ge=0, lt=2**31)]
Hint = Annotated[str, Field(max_length=1_000)]
Hints = Annotated[list[Hint] | None, Field(max_length=10_000)]
Shape = TypeVar("Shape", bound=BaseModel)


class Sound(BaseModel):
    """What `audio-start` and each `audio-chunk` say of the samples."""

    model_config = ConfigDict(strict=True, frozen=True)

    rate: Count
    """Samples a second of each channel."""
    width: Count
    """Bytes of a sample: unsigned if it is one, signed otherwise, as in WAV files."""
    channels: Count

    @property
    def pcm(self) -> PcmFormat:
        """The form in which `samples` gives them. Raises BadOption."""
        encoding = _ENCODINGS.get(self.width)
        if encoding is None:
            raise BadOption("width", f"expected a width of 1, 2 or 4 bytes, got {self.width}")
        return PcmFormat(encoding, self.rate, self.channels)

    def samples(self, payload: bytes) -> bytes:
        """The payload in the form of `pcm`. Raises BadAudio where a sample of four bytes is cut."""
        if self.width != 4:
            return payload
        if len(payload) % 4:
            raise BadAudio(f"expected whole samples of 4 bytes, got {len(payload)} bytes")
        return np.frombuffer(payload, "<i2")[1::2].tobytes()


class Transcribe(BaseModel):
    """`transcribe`: what the audio that follows should be heard with."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: Annotated[str, Field(max_length=300)] | None = None
    """The model's."""
    language: Annotated[str, Field(max_length=100)] | None = None
    transcript_names: Hints = None
    """Names that may be said, and then other terms; what is too much of them is left out."""
    transcript_terms: Hints = None

    def decode(self, defaults: DecodeOptions) -> DecodeOptions:
        """The options. Raises UnknownLanguage."""
        hints = (*(self.transcript_names or ()), *(self.transcript_terms or ()))
        return replace(
            defaults,
            language=parse_language(self.language),
            hotwords=", ".join(hints)[:MAX_HOTWORDS],
        )


def parse(shape: type[Shape], event: WireEvent) -> Shape:
    """An event's data, understood. Raises ProtocolViolation."""
    try:
        return shape.model_validate(event.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ProtocolViolation(
            f"expected {event.type} to be understood: {place}: {first['msg']}"
        ) from None


def info(served: Sequence[ModelStatus]) -> Json:
    """The data of `info`: one program with the models served.

    Raises ModelNotReady where no model was loaded yet: a client asks only once for languages.
    """
    known = any(status.traits is not None for status in served)
    if not known and any(status.state is ModelState.LOADING for status in served):
        raise ModelNotReady("no model is ready yet; they are being loaded")
    program = {
        "name": "sotto",
        "attribution": SOTTO,
        "installed": True,
        "description": "Whisper speech to text while it is being spoken",
        "version": sotto.__version__,
        "models": [_model(status) for status in served],
        "supports_transcript_streaming": True,
        "requires_external_vad": True,
    }
    return {"asr": [program]}


def _model(status: ModelStatus) -> Json:
    traits = status.traits
    return {
        "name": status.name,
        "attribution": SOTTO,
        "installed": traits is not None and status.state is not ModelState.FAILED,
        "description": traits.notice or None if traits else None,
        "version": traits.revision or None if traits else None,
        "languages": list(traits.languages) if traits else [],
    }
