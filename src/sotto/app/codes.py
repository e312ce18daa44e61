"""What each error becomes on the wire: a status, a close code, a body."""

from __future__ import annotations

import math

from fastapi.responses import JSONResponse

from sotto import errors

STATUS: dict[type[errors.SottoError], int] = {
    errors.BadAudio: 400,
    errors.UnknownModel: 404,
    errors.UnknownSession: 404,
    errors.UnknownConversation: 404,
    errors.BadOption: 400,
    errors.TooLarge: 413,
    errors.TooSlow: 408,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.RateLimited: 429,
    errors.Superseded: 409,
    errors.CallerError: 400,
    errors.Overloaded: 503,
    errors.ModelNotReady: 503,
    errors.ModelUnavailable: 503,
    errors.KeysUnavailable: 503,
    errors.StoreUnavailable: 503,
    errors.Draining: 503,
    errors.VoiceUnavailable: 501,
    errors.NotInstalled: 501,
    errors.ServerError: 500,
}
"""Of the nearest class up the tree."""

CLOSE: dict[type[errors.SottoError], int] = {
    errors.ProtocolViolation: 1002,
    errors.BadAudio: 1007,
    errors.BadOption: 1007,
    errors.TooSlow: 1008,
    errors.TooLarge: 1009,
    errors.RateLimited: 1013,
    errors.CallerError: 1008,
    errors.Draining: 1012,
    errors.Overloaded: 1013,
    errors.ModelNotReady: 1013,
    errors.KeysUnavailable: 1013,
    errors.StoreUnavailable: 1013,
    errors.ServerError: 1011,
}

_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def nearest(table: dict[type[errors.SottoError], int], error: errors.SottoError) -> int:
    """What the table says of the error's class, or of the nearest one above it."""
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def error_response(error: errors.SottoError) -> JSONResponse:
    """The error as OpenAI's clients read it."""
    code = nearest(STATUS, error)
    body = {
        "message": error.message,
        "type": _KINDS.get(code, "invalid_request_error") if code < 500 else "server_error",
        "param": error.param if isinstance(error, errors.BadOption) else None,
        "code": error.code,
    }
    headers = {"WWW-Authenticate": "Bearer"} if code == 401 else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return JSONResponse({"error": body}, code, headers)
