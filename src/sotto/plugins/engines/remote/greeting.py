"""The first word to another server: whether it takes the key, and knows the model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel, ValidationError

from sotto.clock import Clock
from sotto.errors import ModelUnavailable
from sotto.plugins.engines.remote.line import CONNECT, Line, Request
from sotto.runtime.posting import FAULTS

MOST_NAMED = 20
"""Models that the log names."""

_log = logging.getLogger(__name__)


def greet(line: Line, headers: Mapping[str, str], model: str, clock: Clock) -> None:
    """Ask for its models. Raises ModelUnavailable where it does not take the key.

    One that is away, or has no such list, may still do what it is asked later: the log says so.
    """
    try:
        reply = line.ask(Request("GET", "/models", headers), clock.monotonic() + CONNECT)
    except FAULTS as error:
        _log.warning("the transcription server cannot be reached yet: %s", type(error).__name__)
        return
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ModelUnavailable(
            "expected engine.api_key to be a key that the transcription server takes, got "
            + ("another" if "Authorization" in headers else "none")
        )
    known = _models(reply.body) if reply.status == HTTPStatus.OK else ()
    if known and model not in known:
        _log.warning(
            "the transcription server names no model %r, but %s",
            model,
            ", ".join(known[:MOST_NAMED]),
        )


def _models(body: bytes) -> list[str]:
    try:
        return [model.id[:200] for model in _List.model_validate_json(body).data]
    except ValidationError:
        return []


class _Model(BaseModel):
    id: str


class _List(BaseModel):
    """As OpenAI lists models."""

    data: list[_Model]
