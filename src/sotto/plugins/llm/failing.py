"""Why a chat server did not answer, in a sentence that names no secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import openai

from sotto.errors import ChatUnavailable

FAULTS = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL)
"""What the SDK and what it speaks with raise."""
MOST_TOLD = 200
"""Characters of a server's own words that are told."""
_AGAIN = frozenset({408, 409, 429})


@dataclass(frozen=True)
class Fault:
    """One attempt that failed."""

    error: ChatUnavailable
    is_passing: bool
    """Whether another may succeed at once."""
    status: int = 0
    """What the server answered with; 0: it did not."""
    said: str = ""
    """The server's own words, without the key."""
    wait: float | None = None
    """Seconds that it asks for before another."""


def fault_of(error: Exception, key: str) -> Fault:
    """What an error means."""
    if not isinstance(error, openai.APIStatusError):
        return Fault(_connection(error), is_passing=True)
    status = error.status_code
    said = _without(key, " ".join(_words(error.body).split()))[:MOST_TOLD]
    told = ChatUnavailable(_sentence(status, said))
    wait = _seconds(error.response.headers.get("retry-after", ""))
    if wait is not None:
        told.retry_after = wait
    return Fault(told, status in _AGAIN or status >= 500, status, said, wait)


def _connection(error: Exception) -> ChatUnavailable:
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return ChatUnavailable("the language model's server did not take the connection in time")
    if isinstance(error, openai.APIConnectionError):
        return ChatUnavailable("the language model's server cannot be reached")
    return ChatUnavailable("the language model broke off its answer")


def _sentence(status: int, said: str) -> str:
    match status:
        case 401 | 403:
            return "the language model's server does not take the key that it is given"
        case 404:
            return f"the language model's server knows no such model or address: {said}"
        case 429:
            return "the language model's server is asked for more than it takes just now"
        case _ if status < 500:
            return f"the language model's server refuses what it is asked, with {status}: {said}"
        case _:
            return f"the language model's server failed, with {status}"


def _words(body: object) -> str:
    """What a server says of an error, as OpenAI's and those that follow it do."""
    message = body.get("message") if isinstance(body, Mapping) else None
    return message if isinstance(message, str) else "it does not say why"


def _without(key: str, text: str) -> str:
    """Servers like to say which key they do not know."""
    return text.replace(key, "***") if key else text


def _seconds(header: str) -> float | None:
    """Of `Retry-After`; dates are not read."""
    return float(header) if header.isascii() and header.isdigit() else None
