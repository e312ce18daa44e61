"""Whatever dies, each word comes once: as in a run in which nothing did."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from sotto import AsyncClient
from sotto.client import (
    Closed,
    Committed,
    Event,
    Final,
    Patience,
    Reconnecting,
    SpeechEnded,
)
from tests.clusters import Cluster, kill
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le

PATIENCE = Patience(tries=40, opening=40, waits=(0.2, 0.5, 1.0), pause=None)
SHIFT = 0.3
"""Seconds, within which times are the same: a detector that begins anew is sure a little sooner
or later."""
HALF = 3.0
"""Seconds of the clip, in the middle of a word."""
HUSH = 0.05
"""Seconds before an utterance, in which nobody speaks."""


@dataclass
class Run:
    """One stream of the clip, which stops half way until it may go on."""

    server: Cluster
    stop_at: float = HALF
    pcm: Pcm = field(default_factory=lambda: pcm_s16le(CLIP))
    events: list[Event] = field(default_factory=list)
    half: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, **options: Any) -> None:
        client = AsyncClient(self.server.url, patience=PATIENCE)
        options = {"language": "en", "sample_rate": self.pcm.rate, **options}
        async for event in client.listen(self._sound(), **options):
            async with self.news:
                self.events.append(event)
                self.news.notify_all()

    async def until(self, kind: type[Event], count: int = 1) -> None:
        """Wait for so many events of that kind."""
        async with asyncio.timeout(60), self.news:
            await self.news.wait_for(lambda: len(self.of(kind)) >= count)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return " ".join(final.text for final in self.of(Final) if final.text)

    def is_like(self, other: Run) -> bool:
        """Whether the same was said, cut into the same utterances, at the same time."""
        mine, theirs = self.of(Final), other.of(Final)
        return [f.text for f in mine] == [f.text for f in theirs] and all(
            abs(a.start - b.start) < SHIFT and abs(a.end - b.end) < SHIFT
            for a, b in zip(mine, theirs, strict=True)
        )

    async def _sound(self) -> AsyncIterator[bytes]:
        middle = int(self.stop_at * self.pcm.rate) * 2
        yield self.pcm.data[:middle]
        self.half.set()
        await self.go_on.wait()
        yield self.pcm.data[middle:]


@pytest.fixture(scope="session")
def unbroken(server: Cluster) -> Run:
    """Nothing dies."""
    run = Run(server)
    run.go_on.set()
    asyncio.run(run.run())
    assert not run.of(Reconnecting)
    assert run.text == CLIP_TEXT
    return run


async def struck(run: Run, strike: Callable[[], Awaitable[None]]) -> None:
    """The run, in whose middle somebody strikes: words were said, and it is within another."""
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        tasks.create_task(run.run())
        await run.half.wait()
        await run.until(Committed)
        await strike()
        run.go_on.set()
    assert isinstance(run.events[-1], Closed)


async def test_engines_die_with_a_job_in_them(server: Cluster, unbroken: Run) -> None:
    engines = server.pids("engine-nano")
    run = Run(server)

    async def strike() -> None:
        ended = len(run.of(SpeechEnded))
        for pid in engines.values():
            os.kill(pid, signal.SIGSTOP)
        run.go_on.set()
        await run.until(SpeechEnded, ended + 1)  # its final is out now, to one that stands still
        for pid in engines.values():
            kill(pid)

    await struck(run, strike)
    assert run.is_like(unbroken), run.of(Final)
    assert not run.of(Reconnecting)  # nobody but the ingress noticed
    await asyncio.to_thread(
        server.await_replicas, "engine-nano", lambda ids: len(ids - set(engines)) == len(engines)
    )


async def test_ingresses_die_in_the_middle_of_words(server: Cluster, unbroken: Run) -> None:
    """All of them, so that it does not matter which of them has which stream."""
    ingress = server.pids("ingress")
    runs = [Run(server) for _ in range(4)]
    together = asyncio.Barrier(len(runs))

    async def strike() -> None:
        if not await together.wait():
            for pid in ingress.values():
                kill(pid)

    async with asyncio.TaskGroup() as tasks:
        for run in runs:
            tasks.create_task(struck(run, strike))
    assert all(run.is_like(unbroken) for run in runs), [run.of(Final) for run in runs]
    assert all(run.of(Reconnecting) for run in runs)
    await asyncio.to_thread(
        server.await_replicas, "ingress", lambda ids: len(ids - set(ingress)) == len(ingress)
    )


async def test_the_controller_dies(server: Cluster, unbroken: Run) -> None:
    import ray
    from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE

    run = Run(server)

    async def strike() -> None:
        controller = ray.get_actor(SERVE_CONTROLLER_NAME, namespace=SERVE_NAMESPACE)
        ray.kill(controller, no_restart=False)

    await struck(run, strike)
    assert run.is_like(unbroken), run.of(Final)
    assert not run.of(Reconnecting)


async def test_a_rolling_update_moves_streams(
    server: Cluster, unbroken: Run, arguments: dict[str, Any]
) -> None:
    """Each ends in a pause, is told so, and goes on elsewhere."""
    run = Run(server, unbroken.of(Final)[-1].start - HUSH)
    newer = {**arguments, "ingress": {**arguments["ingress"], "drain": 7}}
    before = server.pids("ingress")

    async def strike() -> None:
        await asyncio.to_thread(server.deploy, newer)

    await struck(run, strike)
    assert run.is_like(unbroken), run.of(Final)
    assert run.of(Reconnecting)[0].error.code == "draining"
    assert not set(server.pids("ingress")) & set(before)
