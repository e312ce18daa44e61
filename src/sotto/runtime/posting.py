"""Posts to one address over HTTP, each in a thread of its own, and answered within a time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Thread
from urllib.parse import urlsplit

from sotto.errors import BadOption, Unreachable

MAX_THREADS = 32
FAULTS = (OSError, HTTPException, ValueError)
"""What a receiver that is away, or answers no HTTP, makes the library raise."""


@dataclass(frozen=True)
class Answer:
    """What is read of an answer: never its body, and it leads nowhere else."""

    status: int
    retry_after: float
    """Seconds that the receiver asks to be left alone for; 0: it does not say."""


@dataclass(frozen=True)
class Place:
    """Where posts go."""

    host: str
    port: int | None
    """None: the scheme's."""
    path: str
    """With its query."""
    context: ssl.SSLContext | None
    """None: no TLS."""


def place_of(param: str, url: str) -> Place:
    """An address of http or https. Raises BadOption, whose sentence does not tell it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if host is not None:
            host.encode("idna")
    except ValueError:
        raise _bad(param) from None
    if parts.scheme not in ("http", "https") or not host or not (url.isascii() and _is_plain(url)):
        raise _bad(param)
    if "@" in parts.netloc:
        raise BadOption(param, f"expected {param} without a name or password, got one with them")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    context = ssl.create_default_context() if parts.scheme == "https" else None
    return Place(host, port, path, context)


def _is_plain(url: str) -> bool:
    return url.isprintable() and " " not in url


def _bad(param: str) -> BadOption:
    return BadOption(
        param, f"expected {param} to be an address, https://HOST/PATH or http://…, got another"
    )


class Poster:
    """Threads that neither the loop's own work nor the end of the process waits for."""

    def __init__(self, place: Place, *, timeout: float) -> None:
        self._place = place
        self._timeout = timeout
        self._threads: list[Thread] = []

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What is answered. Raises Unreachable, also where it takes too long."""
        exchange = _Exchange(self._place, self._timeout)
        answer: Future[Answer] = Future()
        self._start(partial(_settle, answer, partial(exchange.run, body, headers)))
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise Unreachable(f"expected an answer within {self._timeout:g} s, got none") from None
        except FAULTS as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        finally:
            exchange.end()

    def _start(self, work: Callable[[], None]) -> None:
        """Raises Unreachable where too many are stuck, as a name server that is away makes them."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= MAX_THREADS:
            raise Unreachable(f"expected fewer than {MAX_THREADS} posts that are stuck, got more")
        thread = Thread(target=work, name="webhook", daemon=True)
        self._threads.append(thread)
        thread.start()


def _settle(answer: Future[Answer], work: Callable[[], Answer]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(work())
    except FAULTS as error:
        answer.set_exception(error)


class _Exchange:
    """One post and its answer; `end` of another thread makes it fail."""

    def __init__(self, place: Place, timeout: float) -> None:
        self._connection = _connection(place, timeout)
        self._path = place.path
        self._is_over = False

    def run(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises OSError, HTTPException, ValueError."""
        try:
            self._connection.connect()
            if self._is_over:
                raise TimeoutError("the post was given up")
            self._connection.request("POST", self._path, body=body, headers=dict(headers))
            with self._connection.getresponse() as response:
                asked = response.headers.get("retry-after", "")
                return Answer(response.status, float(asked) if asked.isdecimal() else 0.0)
        finally:
            self._connection.close()

    def end(self) -> None:
        """Wake the thread that waits for the other side, if it still does."""
        self._is_over = True
        wire: socket.socket | None = self._connection.sock
        if wire is not None:
            with suppress(OSError):  # it ended by itself meanwhile
                wire.shutdown(socket.SHUT_RDWR)


def _connection(place: Place, timeout: float) -> HTTPConnection:
    if place.context is None:
        return HTTPConnection(place.host, place.port, timeout=timeout)
    return HTTPSConnection(place.host, place.port, timeout=timeout, context=place.context)
