"""A whole run of virtual streams: what there is without an engine, then more and more of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from sotto.bench.streams.run import Choose, Tell
from sotto.bench.streams.sound import Bank
from sotto.bench.streams.step import Step
from sotto.bench.virtual.doors import Spread
from sotto.bench.virtual.step import Asked, Floor, virtual
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.transcript.options import StreamOptions


@dataclass(frozen=True)
class Trying:
    """How many streams are tried."""

    choose: Choose
    tell: Tell


async def stream(
    service: Service,
    language: str,
    bank: Bank,
    asked: Asked,
    trying: Trying,
    spread: Spread | None = None,
) -> AsyncIterator[Floor | Step]:
    """The floor, then each step as it is done. Raises what the model pool does, and the engine."""
    request = StreamRequest(
        decode=replace(service.defaults, language=language),
        stream=StreamOptions(policy=service.policy),
    )
    async with virtual(service, request, bank, asked, spread) as streams:
        floor = await streams.floor()
        yield floor
        async for step in streams.steps(trying.choose, floor, trying.tell):
            yield step
