"""How a server stops: nothing new, then what is under way to its end, then the rest is cut."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from dataclasses import dataclass

from sotto.errors import Draining
from sotto.runtime.service import Service

log = logging.getLogger(__name__)

LAST_SECONDS = 2
"""For clients to hang up, once they were told all."""
PAUSE, CUT, REST = 0.6, 0.2, 0.1
"""Shares of the time to stop: for streams that speak to pause; for what was said in those that did
not to be decoded; for sockets to be told, and for requests, which had all the time before."""


@dataclass(frozen=True)
class Patience:
    """Seconds for each part of a stop."""

    drain: float
    """In which load balancers may notice that the server is not ready."""
    stop: float
    """In which streams and files may come to their end."""

    @property
    def total(self) -> float:
        """Of all of it."""
        return self.drain + self.stop


async def let_go(service: Service, patience: Patience) -> None:
    """Come back when no client is left, or patience is over and the last ones were told.

    Each stream's finals are told and stored before its client is told why it ends.
    """
    service.draining = True
    closing, why = service.closing, Draining("the server is about to stop: connect again")
    if closing.has_clients:
        log.info("stopping: streams and files under way are brought to their end")
    await asyncio.sleep(patience.drain)
    closing.end_streams(why)
    await closing.until(lambda: not closing.has_streams, PAUSE * patience.stop)
    closing.cut_streams(why)
    await closing.until(lambda: not closing.has_streams, CUT * patience.stop)
    closing.end_sockets(why)
    await closing.until(lambda: not closing.has_clients, REST * patience.stop)
    closing.end_requests(why)
    await closing.until(lambda: not closing.has_clients, REST * patience.stop)


def end_after(seconds: float) -> None:
    """End the process then, whatever holds it still: a decode that runs, a thread of a library."""
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()


def _end() -> None:
    log.error("expected all threads to end in time, got some that did not: leaving them")
    os._exit(1)
