"""What settings are made of: how each is written by people, in a file or a variable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr

from sotto.runtime.access import Scope
from sotto.transcript.options import AudioContext


def _split(value: object) -> object:
    """`a, b` as people write it in one variable."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _pairs(value: object) -> object:
    """`name=folder, name=folder` as people write it in one variable."""
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): folder.strip() for name, _, folder in parts}
    return value


def _nothing(value: object) -> object:
    """An empty variable, or `none`, says that there is no value."""
    return None if isinstance(value, str) and value.strip().lower() in ("", "none") else value


MEMORY = "memory"
"""The store that keeps nothing on disk."""
_PASSWORD = re.compile(r"(?<=:)(?!//).*(?=@)")
"""In an address, which is shown without it."""

Module = Literal[
    "stream",
    "openai",
    "speech",
    "realtime",
    "transcribe",
    "skynet",
    "whisperlive",
    "whisperlivekit",
    "vosk",
    "deepgram",
    "hush",
    "mel",
    "sessions",
    "admin",
]
"""The dialects; `app/dialects.py` makes them by these names."""

Modules = Annotated[tuple[Module, ...], BeforeValidator(_split)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Folder = Annotated[Path, BeforeValidator(lambda value: Path(value).expanduser())]
Folders = Annotated[dict[str, Folder], BeforeValidator(_pairs)]
MaybeFolder = Annotated[Folder | None, BeforeValidator(_nothing)]
MaybeText = Annotated[str | None, BeforeValidator(_nothing)]
MaybeSecret = Annotated[SecretStr | None, BeforeValidator(_nothing)]
Scopes = Annotated[tuple[Scope, ...], BeforeValidator(_split)]
Count = Annotated[int | None, Field(ge=1), BeforeValidator(_nothing)]
MaybeSeconds = Annotated[float | None, Field(gt=0), BeforeValidator(_nothing)]
Port = Annotated[int | None, Field(ge=0, le=65_535), BeforeValidator(_nothing)]
StoreUrl = Annotated[str, PlainSerializer(lambda url: _PASSWORD.sub("***", url))]
MaybeContext = Annotated[AudioContext | None, BeforeValidator(_nothing)]


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
