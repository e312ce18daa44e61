"""The group of settings about engines: what decodes, and as how much of it at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from sotto.app.setting_talk import MaybeHttp
from sotto.app.setting_types import Count, Group, MaybeSecret, MaybeText, Names
from sotto.transcript.languages import LANGUAGES

BATCH = 16
"""Windows at once, where neither the settings nor the engine say."""


class EngineSettings(Group):
    """How models run."""

    kind: str = Field(
        default="auto",
        description="what runs them: ctranslate2, torch, remote (the server at engine.url), or a "
        "plug-in's name; auto: ctranslate2",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where models run")
    compute_type: str = Field(
        default="default",
        description="CTranslate2's, as int8 or float16; torch's: float32, float16, bfloat16",
    )
    threads: int = Field(default=0, ge=0, description="processor threads of a model; 0: all cores")
    beam_size: int = Field(default=1, ge=1, le=20, description="for requests that name none")
    max_batch: Count = Field(
        default=None,
        description=f"windows decoded at once; none: as suits the engine, {BATCH} for ctranslate2",
    )
    queue_limit: int = Field(
        default=256, ge=1, description="windows that may wait; more are turned away"
    )
    url: MaybeHttp = Field(
        default=None,
        description="server that transcribes as OpenAI's does, as http://localhost:8001/v1, where "
        "engine.kind is remote",
    )
    api_key: MaybeSecret = Field(
        default=None, description="key for that server; none: it asks for none"
    )
    model: MaybeText = Field(
        default=None, description="what that server calls the model; none: as it is called here"
    )
    languages: Names = Field(
        default=(), description="languages of that server's model; none: all of Whisper's"
    )

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if not set(languages) <= set(LANGUAGES):
            raise ValueError("some of Whisper's languages, as en, de")
        return languages

    @property
    def batch(self) -> int:
        """Windows decoded at once by an engine that has no slots of its own."""
        return self.max_batch or BATCH
