"""What a server or the network says went wrong → the errors of this house, and what to do then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sotto.errors import (
    BadAudio,
    BadOption,
    CallerError,
    Draining,
    Forbidden,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    ServerError,
    SottoError,
    TooLarge,
    Unauthorized,
    Unreachable,
)

Json = Mapping[str, Any]
MOST_SAID = 2_000
"""Characters of a server's sentence."""

_BY_CLOSE_CODE: dict[int, type[SottoError]] = {
    1002: ProtocolViolation,
    1003: BadAudio,
    1007: BadAudio,
    1008: CallerError,
    1009: TooLarge,
    1011: ServerError,
    1012: Draining,
    1013: Overloaded,
}
"""Where no message says more."""

_BY_STATUS: dict[int, type[SottoError]] = {
    400: CallerError,
    401: Unauthorized,
    403: Forbidden,
    413: TooLarge,
    429: RateLimited,
    502: Unreachable,
    503: Overloaded,
    504: Unreachable,
}


def may_resume(error: SottoError) -> bool:
    """Whether another stream may carry on: not where it would meet the same again."""
    return error.retryable or isinstance(error, ServerError)


def told(said: Json) -> SottoError:
    """An `error` message, or the `error` of an HTTP body, as the error that it names."""
    code = str(said.get("code"))
    retryable = said.get("retryable")
    sentence = str(said.get("message") or "the server gave no reason")[:MOST_SAID]
    kind = _kinds(SottoError).get(code)
    if kind is None:
        kind = ServerError if retryable else CallerError
    error = _make(kind, sentence)
    if isinstance(retryable, bool):
        error.retryable = retryable
    if isinstance(error, BadOption):
        error.param = str(said.get("param") or "")
    error.retry_after = _seconds(said.get("retry_after"), error.retry_after)
    return error


def hung_up(address: str, code: int | None) -> SottoError:
    """The server closed the socket, or the network did, and no message said why."""
    said = "without a close code" if code is None else f"with close code {code}"
    sentence = f"expected `closed` at the end, but {address} hung up {said}"
    return _make(_BY_CLOSE_CODE.get(code or 0, Unreachable), sentence)


def answered(address: str, status: int, retry_after: str | None, said: object) -> SottoError:
    """An HTTP status that is none of success; `said`: the `error` of its body, if there is one."""
    if isinstance(said, dict) and isinstance(said.get("code"), str):
        error = told(said)
    else:
        sentence = f"expected a Sotto server at {address}, got HTTP {status}"
        kind = _BY_STATUS.get(status, ServerError if status >= 500 else CallerError)
        error = _make(kind, sentence)
    error.retry_after = _seconds(retry_after, error.retry_after)
    return error


def _make(kind: type[SottoError], sentence: str) -> SottoError:
    """Without its `__init__`: those of some kinds make up a sentence, and this one was said."""
    error = kind.__new__(kind, sentence)
    if isinstance(error, BadOption):
        error.param = ""
    return error


def _kinds(root: type[SottoError]) -> dict[str, type[SottoError]]:
    """Every class of the tree by its code; the highest where several share one."""
    kinds: dict[str, type[SottoError]] = {}
    for lower in root.__subclasses__():
        kinds = _kinds(lower) | kinds
    return kinds | {root.code: root}


def _seconds(given: object, otherwise: float | None) -> float | None:
    try:
        seconds = float(given) if isinstance(given, int | float | str) else None
    except (ValueError, OverflowError):
        return otherwise  # a date, as HTTP allows too
    return seconds if seconds is not None and 0 <= seconds < 1e9 else otherwise
