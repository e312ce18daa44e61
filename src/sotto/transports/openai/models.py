"""Models by the names that clients of OpenAI send unmodified. Both of its dialects ask here."""

from __future__ import annotations

import re
from collections.abc import Callable

from sotto.errors import UnknownModel

_OPENAIS = re.compile(
    r"whisper-1|gpt-(4o-|4o-mini-|live-)?transcribe[\w.-]*|gpt-(4o-|4o-mini-)?realtime[\w.-]*"
)
"""Its models that hear, as `openai/types` lists them; what follows are variants and dates."""


def is_openais(name: str) -> bool:
    """Whether a model of that name, which hears, is OpenAI's, or may be one day."""
    return _OPENAIS.fullmatch(name.strip().casefold()) is not None


def local_name(model: str, resolve: Callable[[str], str]) -> str:
    """What the server's models go by for it: OpenAI's own names mean the default model.

    `resolve` is `ModelPool.resolve`, which goes first: a model here may be called `whisper-1`.
    Raises UnknownModel.
    """
    try:
        return resolve(model)
    except UnknownModel:
        if is_openais(model):
            return resolve("")
        raise
