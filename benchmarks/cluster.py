"""What Ray costs: the same work done by one process, and by a cluster on this same machine.

    python benchmarks/cluster.py --streams 16 --rounds 5

Both servers run all the time, and each round asks one after the other: `streams` at once, each
sending its sound as fast as it is read, then as many files. Told are the medians: seconds of sound
heard in a second, and processor time for a second of sound, of all processes of that server. The
cluster has one ingress and one engine replica, and its proxy; Ray's own processes count too.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import numpy as np

from sotto import AsyncClient
from sotto.app.server import clip
from sotto.bench.servers import Command, Server, answers_ready, free_port, sotto_command, started
from sotto.client import Final

RATE = 16_000
ONE_THREAD = {
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
}


def cluster(port: int, model: str) -> None:
    """A cluster until SIGTERM."""
    import ray
    from ray import serve

    from sotto.app.ray import Arguments, build

    with tempfile.TemporaryDirectory(prefix="sotto-") as folder:
        ray.init(
            address="local",
            num_cpus=os.cpu_count(),
            include_dashboard=False,
            object_store_memory=200 * 1024**2,
            _temp_dir=folder,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
        serve.start(
            http_options={"host": "127.0.0.1", "port": port},
            logging_config={"enable_access_log": False},
        )
        part = {"cpus": 0.1}
        settings = {"auth": {"bypass": True}, "models": {"names": [model]}}
        arguments = {"settings": settings, "ingress": part, "engine": part, "keeper_cpus": 0.1}
        serve.run(build(Arguments.model_validate(arguments)), name="sotto")
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        ray.shutdown()


def commands(model: str, *, one_thread: bool) -> dict[str, Command]:
    """How both are started; finals are kept in memory, by either."""
    port = free_port()
    words = (sys.executable, __file__, "--serve", str(port), "--model", model)
    environ = {"SOTTO_STORE__URL": "memory", "RAY_USAGE_STATS_ENABLED": "0"}
    environ |= ONE_THREAD if one_thread else {}
    return {
        "one process": sotto_command(("serve", "--model", model), {}),
        "cluster": Command(words, f"http://127.0.0.1:{port}", answers_ready, environ),
    }


def sound(seconds: float) -> bytes:
    """The clip, again and again."""
    with av.open(str(clip())) as container:
        resampler = av.AudioResampler("s16", "mono", RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    once = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return np.resize(once, int(seconds * RATE)).astype("<i2").tobytes()


async def stream(address: str, data: bytes) -> int:
    """One stream; how many words it heard."""
    words = 0
    async with AsyncClient(address).stream(language="en", sample_rate=RATE) as live:
        sending = asyncio.create_task(send(live, data))
        async for event in live:
            if isinstance(event, Final):
                words += len(event.text.split())
        await sending
    return words


async def send(live: Any, data: bytes) -> None:
    for at in range(0, len(data), RATE // 5):
        await live.send(data[at : at + RATE // 5])
    await live.finish()


async def file(address: str, path: str) -> int:
    """One file; how many words it heard."""
    transcript = await AsyncClient(address).transcribe(path, language="en")
    return len(transcript.text.split())


def measured(server: Server, ask: Callable[[], Awaitable[int]], count: int, seconds: float) -> Any:
    """Throughput, processor time and words of so many at once."""

    async def all_of_them() -> int:
        return sum(await asyncio.gather(*(ask() for _ in range(count))))

    before, began = server.usage(), time.monotonic()
    words = asyncio.run(all_of_them())
    took, after = time.monotonic() - began, server.usage()
    assert before is not None and after is not None
    heard = count * seconds
    return {
        "throughput": heard / took,
        "cpu": (after.cpu - before.cpu) / heard,
        "words": words,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=16, help="at once; and files")
    parser.add_argument("--seconds", type=float, default=60, help="length of each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--one-thread", action="store_true", help="see docs/cluster.md, Its cost")
    parser.add_argument("--json", type=Path, help="where all rounds are written")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        cluster(given.serve, given.model)
        return
    rounds = compare(given)
    if given.json is not None:
        given.json.write_text(json.dumps(rounds, indent=1))
    tell(rounds)


def compare(given: argparse.Namespace) -> dict[str, dict[str, list[Any]]]:
    """Work → server → what each round gave; the first round warms up and is left out."""
    data = sound(given.seconds)
    rounds: dict[str, dict[str, list[Any]]] = {"streams": {}, "files": {}}
    with ExitStack() as stack:
        named = tempfile.NamedTemporaryFile(suffix=".wav")  # noqa: SIM115  (the stack closes it)
        path = stack.enter_context(named).name
        write_wav(path, data)
        servers = {
            name: stack.enter_context(started(command))
            for name, command in commands(given.model, one_thread=given.one_thread).items()
        }
        work: dict[str, Callable[[str], Awaitable[int]]] = {
            "streams": lambda address: stream(address, data),
            "files": lambda address: file(address, path),
        }
        for number in range(given.rounds + 1):
            for kind, ask in work.items():
                for name, server in servers.items():
                    address = server.address
                    told = measured(
                        server, lambda ask=ask, a=address: ask(a), given.streams, given.seconds
                    )
                    if number:
                        rounds[kind].setdefault(name, []).append(told)
    return rounds


def write_wav(path: str, data: bytes) -> None:
    import wave

    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(data)


def tell(rounds: dict[str, dict[str, list[Any]]]) -> None:
    print("| work | server | × real time | CPU s per s of sound | words |")
    print("|---|---|---|---|---|")
    for kind, of_servers in rounds.items():
        medians = {}
        for name, told in of_servers.items():
            median = {key: statistics.median(each[key] for each in told) for key in told[0]}
            medians[name] = median
            print(
                f"| {kind} | {name} | {median['throughput']:.1f} | {median['cpu']:.4f} "
                f"| {median['words']:.0f} |"
            )
        loss = 1 - medians["cluster"]["throughput"] / medians["one process"]["throughput"]
        print(f"\n{kind}: the cluster hears {loss:.1%} less in the same time\n")


if __name__ == "__main__":
    main()
