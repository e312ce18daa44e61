"""Kill replicas of a cluster while clients talk, and count the words.

    python -m benchmarks.cluster_chaos --kills 100 --streams 8

Two doors and two engines on this machine, with their store in SQLite. Again and again one of them
gets SIGKILL, and the next one only once Ray has put another in its place. What the clients are told
is held against an unbroken run, as `sotto bench chaos` does it.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sotto.bench.chaos.material import own_digits
from sotto.bench.chaos.plan import Wanted, habits
from sotto.bench.chaos.result import result, rows
from sotto.bench.chaos.run import Chaos
from sotto.bench.streams.sound import Bank
from sotto.client import StreamOptions
from sotto.clock import SystemClock
from tests.clusters import Cluster, cluster, kill, two_of_each

PARTS = ("ingress", "ingress", "engine-nano")
"""Deployments of which one replica dies; doors twice as often, since clients notice only these."""


@dataclass(frozen=True)
class ClusterTarget:
    """A cluster that runs, of which replicas are killed."""

    running: Cluster

    @property
    def address(self) -> str:
        """Of its proxy."""
        return self.running.url

    async def start(self) -> None:
        """It runs."""

    async def break_something(self, seed: int) -> str:
        """Kill one replica, and wait until another is in its place."""
        dice = random.Random(seed)
        part = dice.choice(PARTS)
        there = await asyncio.to_thread(self.running.pids, part)
        name = dice.choice(sorted(there))
        kill(there[name])
        await asyncio.to_thread(
            self.running.await_replicas,
            part,
            lambda now: name not in now and len(now) >= len(there),
        )
        return part

    async def stop(self) -> Sequence[str]:
        """It is ended by who started it."""
        return ()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0, help="of sound in a round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--partials", action="store_true")
    parser.add_argument("--json", type=Path, help="a file for the result")
    given = parser.parse_args()
    talk = habits(given.seconds)
    wanted = Wanted(0, given.kills, 0, given.streams, talk=talk, seed=given.seed)
    said: StreamOptions = {
        "language": "en",
        "word_timestamps": True,
        "partials": given.partials,
    }
    bank = Bank(own_digits())
    with tempfile.TemporaryDirectory() as folder:
        arguments = two_of_each(Path(folder))
        arguments["settings"] |= {"server": {"admission": False}}
        with cluster(arguments) as running:

            def tell(line: str) -> None:
                print(line, file=sys.stderr, flush=True)

            whole = Chaos(ClusterTarget(running), bank, wanted, said, SystemClock(), tell)
            asyncio.run(whole.run())
    found = result(whole)
    for name, value in rows(found):
        print(f"{name:40} {value}")
    for place in found.places:
        print(place)
    if given.json:
        given.json.write_text(json.dumps(asdict(found), indent=2) + "\n")
    return 0 if found.is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
