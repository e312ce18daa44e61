"""What the HTTP dialects share: a form's fields → what the core is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from fastapi import UploadFile

from sotto.errors import BadAudio
from sotto.runtime.service import FileRequest
from sotto.transcript.languages import parse_language
from sotto.transcript.options import DecodeOptions, Task, one_of


def file_request(  # noqa: PLR0913 - a form's fields, each by name
    defaults: DecodeOptions,
    *,
    model: str,
    language: str | None,
    task: str,
    prompt: str = "",
    hotwords: str = "",
    temperature: float = 0.0,
) -> FileRequest:
    """Raises BadOption, UnknownLanguage."""
    decode = replace(
        defaults,
        task=one_of(Task, "task", task),
        language=parse_language(language),
        prompt=prompt,
        hotwords=hotwords,
        temperature=temperature,
    )
    return FileRequest(model=model or "auto", decode=decode)


def sound_of(file: UploadFile) -> BinaryIO:
    """The upload as a file. Raises BadAudio where it is empty."""
    if not file.size:
        raise BadAudio("expected an audio or video file, got an empty one")
    return file.file
