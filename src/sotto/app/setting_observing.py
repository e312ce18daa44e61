"""The groups of settings about what those who run a server are told."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from sotto.app.setting_types import Group, MaybeText

TRACES = "/v1/traces"
"""Where OTLP's collectors take them."""


class LogSettings(Group):
    """What is said on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least grave lines that are said"
    )
    format: Literal["text", "json"] = Field(
        default="text", description="json: an object a line, with session, dialect, model, owner"
    )
    transcripts: bool = Field(default=False, description="say each final: what people said")


class TraceSettings(Group):
    """Where traces of utterances are sent."""

    endpoint: MaybeText = Field(
        default=None,
        description="OTLP's address over HTTP, as http://localhost:4318; none: nothing is traced",
    )
    sample: float = Field(default=1.0, ge=0, le=1, description="share of utterances to trace")

    @field_validator("endpoint")
    @classmethod
    def _over_http(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("an address as http://localhost:4318, without a password")
        return endpoint if parts.path.strip("/") else endpoint.rstrip("/") + TRACES
