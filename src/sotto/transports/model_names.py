"""Models by the names that other servers' clients send unmodified."""

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


def is_any(name: str) -> bool:
    """True: clients that always name a model, or a folder, mean the server's own by it."""
    return True


def local_name(
    model: str, resolve: Callable[[str], str], is_foreign: Callable[[str], bool] = is_openais
) -> str:
    """What the server's models go by for it; empty, the default model, for a foreign name.

    `resolve` is `ModelPool.resolve`, which goes first: a model here may be called `whisper-1`.
    Raises UnknownModel for a name that is neither.
    """
    try:
        return resolve(model)
    except UnknownModel:
        if is_foreign(model):
            return ""
        raise
