"""Calls of an engine: whatever it does, the thread that it runs in lives on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sotto.errors import EngineFailed, SottoError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def attempt(name: str, call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T | SottoError:
    """What an engine of that name gives, or raises: EngineFailed for what is no error of ours."""
    try:
        return call(*given, **named)
    except SottoError as error:
        return error
    except Exception as error:  # a plug-in may raise anything, and others wait for their jobs
        log.exception("the engine %s broke", name)
        return EngineFailed(f"the engine broke: {type(error).__name__}")
