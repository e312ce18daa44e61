"""What many values of a recipe are: shares, spans to draw from, languages."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sotto.errors import UnknownLanguage
from sotto.transcript.languages import check_language


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] <= span[1]:
        raise ValueError("expected the smaller number first")
    return span


def _known(code: str) -> str:
    try:
        return check_language(code)
    except UnknownLanguage as error:
        raise ValueError(error.message) from error


Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""How often."""
Span: TypeAlias = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""From, to; evenly drawn between them."""
_Long: TypeAlias = Annotated[float, Field(ge=0, le=30)]
Seconds: TypeAlias = Annotated[tuple[_Long, _Long], AfterValidator(_ordered)]
"""The same of times."""
_Factor: TypeAlias = Annotated[float, Field(ge=0.1, le=10)]
Factors: TypeAlias = Annotated[tuple[_Factor, _Factor], AfterValidator(_ordered)]
"""The same of what is multiplied by."""
Language: TypeAlias = Annotated[str, AfterValidator(_known)]
"""A code that Whisper knows."""


class Table(BaseModel):
    """A table of the file. A key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
