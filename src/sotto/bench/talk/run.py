"""Conversations side by side, with a server that answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sotto.bench.servers import Server
from sotto.bench.streams.sound import Bank
from sotto.bench.talk.client import Client
from sotto.bench.talk.plan import Log, Plan
from sotto.bench.talk.reading import Result, add_up
from sotto.client.talking import Talking, TalkOptions
from sotto.clock import Clock

GOLDEN = 0.618_033_988_749_895
"""Multiples of it, modulo 1, lie evenly for any number of conversations (Weyl)."""
SPREAD = 2.0
"""Seconds over which conversations begin."""


@dataclass(frozen=True)
class Bench:
    """What measures one server."""

    server: Server
    bank: Bank
    clock: Clock
    options: TalkOptions
    patience: float = 15.0
    """Seconds after the end of a question in which an answer must have come."""

    async def run(self, plan: Plan, *, repeats: bool) -> Result:
        """All conversations at once. `repeats`: answers hold what was heard. Raises BadOption."""
        logs = [Log(number) for number in range(plan.conversations)]
        async with asyncio.TaskGroup() as group:
            for log in logs:
                group.create_task(self._converse(plan, log))
        return add_up(logs, repeats=repeats)

    async def _converse(self, plan: Plan, log: Log) -> None:
        await asyncio.sleep(SPREAD * (log.conversation * GOLDEN % 1.0))
        talk = Talking(self.server.address, self.options)
        client = Client(talk, self.bank, plan, self.clock, asyncio.sleep, self.patience, log)
        await client.converse()
