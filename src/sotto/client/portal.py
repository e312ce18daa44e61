"""An event loop in a thread of its own, for programs that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from sotto.errors import Gone

Result = TypeVar("Result")


class Portal:
    """Open within its context. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        """Held to hand something over, so that nothing comes after the end."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_run, args=(self._loop,), name="sotto-client", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            loop, thread = self._loop, self._thread
            if loop is None or thread is None:
                return
            self._loop = None
            loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What it comes to; who is interrupted meanwhile ends it. Raises Gone after the end."""
        with self._lock:
            if self._loop is None:
                coroutine.close()
                raise Gone("expected an open stream, got one that is not open")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Until it is stopped; then end what other threads still wait for."""
    loop.run_forever()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
