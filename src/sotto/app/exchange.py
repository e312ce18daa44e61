"""One HTTP request and its answer, neither of which a client may draw out for ever."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sotto.errors import SottoError, TooSlow

PATIENCE = 30.0
"""Seconds that a client may take for its body, however small it is."""
PACE = 4_096
"""Bytes that it must send in each second more: 32 kbit/s."""


class Exchange:
    """What an application receives and sends, within bounds of time."""

    def __init__(self, receive: Receive, send: Send, send_timeout: float) -> None:
        self.is_begun = False
        """Whether some of the answer was sent."""
        self._receive = receive
        self._send = send
        self._send_timeout = send_timeout
        self._is_whole = False
        """Whether the request's body has come."""
        self._taken = 0
        """Bytes of it."""
        self._waited = 0.0
        """Seconds for it: what the application takes between is not the client's fault."""
        self._why: SottoError | None = None
        self._limit = asyncio.timeout(None)

    async def run(self, app: ASGIApp, scope: Scope) -> SottoError | None:
        """Let the application answer; gives what ended it before it had, if anything did."""
        try:
            async with self._limit:
                await app(scope, self._taking, self._telling)
        except TimeoutError:
            if self._why is None:
                raise
        return self._why

    def end(self, why: SottoError) -> None:
        """Stop answering."""
        self._why = self._why or why
        if not self._limit.expired():
            self._limit.reschedule(0)

    async def _taking(self) -> Message:
        if self._is_whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        began, due = loop.time(), PATIENCE + self._taken / PACE
        try:
            async with asyncio.timeout(max(due - self._waited, 0)):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow(
                f"expected a body at {PACE:,} bytes a second or faster, got {self._taken:,} bytes "
                f"in {due:.0f} s"
            ) from None
        finally:
            self._waited += loop.time() - began
        self._taken += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message

    async def _telling(self, message: Message) -> None:
        self.is_begun = True
        try:
            async with asyncio.timeout(self._send_timeout):
                await self._send(message)
        except TimeoutError:
            self.end(
                TooSlow(f"expected a client that reads within {self._send_timeout:g} s, got none")
            )
            await asyncio.Event().wait()  # to be stopped with all the rest
