"""A job as another server is asked: the fields of a form, and a file of sound."""

from __future__ import annotations

import io
import secrets
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.encode import to_s16
from sotto.audio.format import SAMPLE_RATE
from sotto.audio.griffin_lim import rebuilt
from sotto.interfaces.engine import DecodeJob
from sotto.transcript.options import Task

ITERATIONS, SPREADING = 16, 8
"""Of the sound that is made again: more of them do not make it easier to understand."""
SHORTEST = SAMPLE_RATE
"""Samples of a file: some servers refuse shorter ones. Silence makes up for what lacks."""
MOST_GIVEN, MOST_PAST = 600, 400
"""Characters of what a caller says of his words, and of what was said before: Whisper's decoder
takes 223 tokens of both."""

PATHS = {Task.TRANSCRIBE: "/audio/transcriptions", Task.TRANSLATE: "/audio/translations"}


class Detail(IntEnum):
    """How much a server is asked to tell; one that refuses is asked for less."""

    WORDS = 0
    SEGMENTS = 1
    TEXT = 2


_FIELDS: dict[Detail, list[tuple[str, str]]] = {
    Detail.WORDS: [
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "segment"),
        ("timestamp_granularities[]", "word"),
    ],
    Detail.SEGMENTS: [("response_format", "verbose_json")],
    Detail.TEXT: [("response_format", "json")],
}


@dataclass(frozen=True)
class Form:
    """A request's body."""

    media_type: str
    body: bytes


def form_of(job: DecodeJob, file: bytes, model: str, language: str | None, detail: Detail) -> Form:
    """`file`: a WAV; `language`: None lets the server find it out."""
    prompt = _prompt(job)
    return _multipart(
        [
            ("model", model),
            *([("language", language)] if language else []),
            *([("prompt", prompt)] if prompt else []),
            ("temperature", f"{job.options.temperature:g}"),
            *_FIELDS[detail],
        ],
        file,
    )


def wav_of(mel: Mel) -> bytes:
    """A WAV of 16 bits and 16 kHz that sounds as the mel says, at least one second long."""
    samples = rebuilt(mel, ITERATIONS, SPREADING)
    samples = np.pad(samples, (0, max(SHORTEST - len(samples), 0)))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(to_s16(samples))
    return file.getvalue()


def _prompt(job: DecodeJob) -> str:
    given = " ".join(filter(None, (job.options.hotwords.strip(), job.options.prompt.strip())))
    past = job.context.strip()
    return f"{given[-MOST_GIVEN:]} {past[-MOST_PAST:]}".strip()


def _multipart(fields: Sequence[tuple[str, str]], file: bytes) -> Form:
    """RFC 7578, "Returning Values from Forms: multipart/form-data"."""
    boundary = secrets.token_hex(16)
    heads = [(f'name="{name}"', value.encode(errors="replace")) for name, value in fields]
    heads.append(('name="file"; filename="window.wav"\r\nContent-Type: audio/wav', file))
    parts = (
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in heads
    )
    body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
    return Form(f"multipart/form-data; boundary={boundary}", body)
