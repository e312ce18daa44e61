"""Slow blocking work in a thread that the end of the process does not wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sotto.errors import SottoError

LOAD_ERRORS = (SottoError, OSError, RuntimeError, ValueError)
"""What a load of files into an engine may raise."""

T = TypeVar("T")


async def in_daemon_thread(call: Callable[[], T], discard: Callable[[T], None]) -> T:
    """What `call` gives, or raises of LOAD_ERRORS; it may not give None.

    asyncio's own threads are joined when the process ends, which a download of gigabytes would
    hold up. `discard` gets a result that nobody waits for any more.
    """
    work = _Work(call, discard, asyncio.get_running_loop())
    threading.Thread(target=work.run, name="sotto-load", daemon=True).start()
    try:
        return await work.future
    except asyncio.CancelledError:
        work.abandon()
        raise


class _Work(Generic[T]):
    def __init__(
        self, call: Callable[[], T], discard: Callable[[T], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.future: asyncio.Future[T] = loop.create_future()
        self._call = call
        self._discard = discard
        self._loop = loop

    def run(self) -> None:
        """The thread's part."""
        outcome: T | None = None
        error: Exception = RuntimeError("the load broke off; the log says where")
        try:
            outcome = self._call()
        except LOAD_ERRORS as expected:
            error = expected
        finally:  # also where a bug raises something else, so that nobody waits forever
            self._deliver(outcome, error)

    def abandon(self) -> None:
        """Discard a result that came in the moment in which the wait for it was given up."""
        if not self.future.cancelled() and self.future.done() and not self.future.exception():
            self._discard(self.future.result())

    def _deliver(self, outcome: T | None, error: Exception) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, outcome, error)
        except RuntimeError:  # the loop is closed: the process ends
            if outcome is not None:
                self._discard(outcome)

    def _settle(self, outcome: T | None, error: Exception) -> None:
        """The loop's part."""
        if not self.future.done():
            if outcome is None:
                self.future.set_exception(error)
            else:
                self.future.set_result(outcome)
        elif outcome is not None:
            self._discard(outcome)
