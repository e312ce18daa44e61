"""Errors in Deepgram's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from sotto import errors
from sotto.errors import SottoError

Json: TypeAlias = dict[str, Any]


class NoSound(errors.TooSlow):
    """A client that says nothing for too long."""


@dataclass(frozen=True)
class Fault:
    """What Deepgram's clients know an error by."""

    status: int
    code: str
    close: int | None = None
    """None: the close code that all dialects use."""
    reason: str = ""
    """Deepgram's number for it."""


_FAULTS: dict[type[SottoError], Fault] = {
    NoSound: Fault(408, "REQUEST_TIMEOUT", 1011, "NET-0001"),
    errors.BadAudio: Fault(400, "Bad Request", 1008, "DATA-0000"),
    errors.ProtocolViolation: Fault(400, "SchemaError", 1008),
    errors.TooSlow: Fault(408, "SLOW_UPLOAD"),
    errors.TooLarge: Fault(413, "Payload Too Large"),
    errors.Unauthorized: Fault(401, "INVALID_AUTH"),
    errors.Forbidden: Fault(403, "INSUFFICIENT_PERMISSIONS"),
    errors.RateLimited: Fault(429, "TOO_MANY_REQUESTS"),
    errors.CallerError: Fault(400, "Bad Request"),
    errors.Overloaded: Fault(503, "Service Unavailable"),
    errors.ModelNotReady: Fault(503, "Service Unavailable"),
    errors.ModelUnavailable: Fault(503, "Service Unavailable"),
    errors.KeysUnavailable: Fault(503, "Service Unavailable"),
    errors.Draining: Fault(503, "Service Unavailable"),
    SottoError: Fault(500, "Internal Server Error"),
}
"""Of the nearest class up the tree."""


def fault_of(error: SottoError) -> Fault:
    """What the error is to Deepgram's clients."""
    return next(_FAULTS[kind] for kind in type(error).__mro__ if kind in _FAULTS)


def refusal(error: SottoError, request_id: str) -> Json:
    """The body of an HTTP answer."""
    code = fault_of(error).code
    return {"err_code": code, "err_msg": error.message, "request_id": request_id}


def error_message(error: SottoError) -> Json:
    """The last message over an open socket."""
    fault = fault_of(error)
    return {
        "type": "Error",
        "variant": fault.code,
        "err_code": fault.code,
        "description": error.message,
        "message": fault.reason or error.code,
    }
