"""Requests to one server over HTTP, several at once; connections are kept for the next ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection

from sotto.clock import Clock
from sotto.runtime.posting import FAULTS, Place

CONNECT = 5.0
"""Seconds in which a connection must be there."""
MAX_BODY = 1024**2
"""Bytes of an answer: that to 30 s of speech has some ten thousand."""
LONGEST_WAIT = 5.0
"""Seconds that a server may ask to be left alone for and is asked again."""


@dataclass(frozen=True)
class Request:
    """What is asked."""

    method: str
    path: str
    """Below the server's address, with its slash."""
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes
    retry_after: float | None = None
    """Seconds that the server asks to be left alone for; None: it does not say."""


class Line:
    """Connections to one server. For any number of threads."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[HTTPConnection] = []
        self._busy: dict[HTTPConnection, float] = {}
        """Until when each must have its answer."""
        self._is_closed = False

    def ask(self, request: Request, until: float) -> Reply:
        """The answer, by `until` of the clock, if `cut_late` is called meanwhile.

        Raises TimeoutError, and one of FAULTS where no whole answer comes.
        """
        kept = self._kept()
        if kept is not None:
            with suppress(ConnectionError):  # its server closed it while nobody used it
                return self._exchange(kept, request, until)
        return self._exchange(self._new(until), request, until)

    def cut_late(self) -> None:
        """Break off what has taken too long: those that wait for it raise."""
        now = self._clock.monotonic()
        with self._lock:
            late = [connection for connection, until in self._busy.items() if until <= now]
        for connection in late:
            _shut(connection)

    def close(self) -> None:
        """Let go of all connections; those that wait for an answer raise."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for connection in idle:
            connection.close()
        for connection in busy:
            _shut(connection)

    def _exchange(self, connection: HTTPConnection, request: Request, until: float) -> Reply:
        is_kept = False
        with self._lock:
            self._busy[connection] = until
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(self._check(until))
            path = self._place.path.rstrip("/") + request.path
            connection.request(request.method, path, request.body, dict(request.headers))
            response = connection.getresponse()
            reply = _read(response)
            is_kept = response.isclosed() and not response.will_close
            return reply
        except TimeoutError:
            raise
        except FAULTS:
            self._check(until)
            raise
        finally:
            self._put_back(connection, is_kept=is_kept)

    def _kept(self) -> HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new(self, until: float) -> HTTPConnection:
        place, wait = self._place, min(CONNECT, self._check(until))
        if place.context is None:
            return HTTPConnection(place.host, place.port, timeout=wait)
        return HTTPSConnection(place.host, place.port, timeout=wait, context=place.context)

    def _put_back(self, connection: HTTPConnection, *, is_kept: bool) -> None:
        with self._lock:
            del self._busy[connection]
            if is_kept and not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def _check(self, until: float) -> float:
        """The seconds that are left. Raises TimeoutError."""
        left = until - self._clock.monotonic()
        if left <= 0 or self._is_closed:
            raise TimeoutError("the answer took too long")
        return left


def _read(response: HTTPResponse) -> Reply:
    """Raises ValueError where the body is too long, HTTPException where it breaks off."""
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise ValueError(f"expected an answer of at most {MAX_BODY:,} bytes, got more")
    if response.length:  # which `read` of so many bytes does not mind
        raise HTTPException(f"expected {response.length:,} bytes more, got none")
    asked = response.headers.get("retry-after", "")
    wait = float(asked) if asked.isascii() and asked.isdecimal() else None
    return Reply(response.status, body, wait)


def _shut(connection: HTTPConnection) -> None:
    """Wake the thread that waits for the other side, if it still does."""
    wire: socket.socket | None = connection.sock
    if wire is not None:
        with suppress(OSError):  # it ended by itself meanwhile
            wire.shutdown(socket.SHUT_RDWR)
