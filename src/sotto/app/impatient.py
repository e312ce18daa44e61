"""HTTP from clients that may not take for ever to ask.

uvicorn waits without bound for the first line and the headers of a request: connections that say
nothing, or a byte now and then, would take every file descriptor there is.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0
"""In which a connection, once open, must have sent a whole head; and another one, once begun."""


class Impatient(H11Protocol):
    """uvicorn's HTTP/1.1, with a bound on how long a request may take to begin."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """They hung up."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes came: of a head, or of what follows it."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._wait_no_more()
        elif self._due is None and not self.transport.is_closing():
            self._wait()

    def on_response_complete(self) -> None:
        """The next head may have begun before this answer was over."""
        super().on_response_complete()
        if self.conn.their_state is not h11.IDLE:
            self._wait_no_more()

    def _wait(self) -> None:
        self._due = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _wait_no_more(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _hang_up(self) -> None:
        self._due = None
        self.transport.abort()
