"""Knowing that this replica is to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import ray

LOOK = 0.25
"""Seconds between two looks."""


def is_to_stop() -> bool:
    """Whether Serve has asked this replica to end what it does.

    Serve tells the application nothing of it: it waits until no request is left, for as long as it
    was told to, and then calls the destructor. A socket is a request. So it is seen in Serve's own
    object, which the worker keeps by the actor's id.
    """
    worker = ray._private.worker.global_worker
    actor = worker.actors[worker.actor_id]
    stopping: bool = actor._replica_impl._shutting_down
    return stopping


async def watch(is_over: Callable[[], bool], leave: Callable[[], Awaitable[None]]) -> None:
    """Call `leave` once it is over."""
    while not is_over():  # noqa: ASYNC110  (nobody sets an event)
        await asyncio.sleep(LOOK)
    await leave()
