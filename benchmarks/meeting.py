"""How long finals take in a meeting: eight speakers on one socket against one.

    python benchmarks/meeting.py [--speakers 8] [--turns 12] [--model nano] [--piece 0.5]

A server of its own is started, and spoken to as Jigasi does, in real time. Each turn of a speaker
is a spoken digit and a silence; speakers are spread evenly over a turn, so that all talk at once
but not in step. A final's lag is counted from the end of the digit's sound to the message, and so
holds the pause that ends an utterance and half a piece on average; what is beyond the pause stands
beside it. The promise: p95 with eight is at most twice that with one, until the cores are full.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from sotto.app.server import clip
from sotto.audio.format import SAMPLE_RATE
from sotto.runtime.container import read_file

DIGIT = 0.78
"""Seconds of the first digit in the clip that ships."""
TURN = 2.4
"""Seconds of a digit and the silence after it."""
PAUSE = 0.6
"""Seconds that end an utterance, as the settings have them."""
HEADER = 60


@contextmanager
def server(model: str) -> Iterator[tuple[str, int]]:
    """The address of a server that has heard its self-check, and its process."""
    sotto = str(Path(sys.executable).with_name("sotto"))
    command = [sotto, "serve", "--port", "0", "--model", model]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            if found := re.search(r"listening on http://\S+:(\d+)", line):
                address = f"ws://127.0.0.1:{found[1]}/streaming-whisper/ws/"
            if "self-check: heard" in line:
                break
        try:
            yield address, process.pid
        finally:
            process.terminate()


def turn() -> bytes:
    """One digit and silence: 16-bit little-endian samples."""
    samples = np.concatenate(list(read_file(clip())))[: int(DIGIT * SAMPLE_RATE)]
    silence = np.zeros(int(TURN * SAMPLE_RATE) - len(samples), np.float32)
    return (np.concatenate([samples, silence]) * 32_767).astype("<i2").tobytes()


async def speak(
    socket: ClientConnection, name: str, begin: float, turns: int, piece: float
) -> None:
    """Send the turns from a moment of the monotonic clock on, as time goes by."""
    sound, step = turn() * turns, 2 * int(piece * SAMPLE_RATE)
    header = f"{name}|en".encode().ljust(HEADER, b"\0")
    for at in range(0, len(sound), step):
        said = sound[at : at + step]
        due = begin + (at + len(said)) / (2 * SAMPLE_RATE)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await socket.send(header + said)


async def meeting(address: str, speakers: int, turns: int, piece: float) -> list[float]:
    """Seconds of lag of each final."""
    begin = time.monotonic() + 0.2
    wall = time.time() - time.monotonic()
    starts = {f"speaker-{n}": begin + TURN * n / speakers for n in range(speakers)}
    lags: list[float] = []
    async with connect(address + str(uuid.uuid4())) as socket:

        async def talk() -> None:
            async with asyncio.TaskGroup() as tasks:
                for name, start in starts.items():
                    tasks.create_task(speak(socket, name, start, turns, piece))
            await socket.send(b"\0")

        talking = asyncio.create_task(talk())
        async for message in socket:
            told = json.loads(message)
            if told["type"] == "final" and not talking.done():
                start = starts[told["participant_id"]]
                number = round((told["ts"] / 1_000 - wall - start) / TURN)
                lags.append(time.monotonic() - (start + number * TURN + DIGIT))
        await talking
    return lags


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speakers", type=int, default=8)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--piece", type=float, default=0.5, help="seconds of a message")
    given = parser.parse_args()
    print("speakers finals |   p50   p95   max s | beyond the pause: p50   p95 ms | cores busy")
    found: list[float] = []
    with server(given.model) as (address, pid):
        asyncio.run(meeting(address, 1, 2, given.piece))  # warms up
        for speakers in (1, given.speakers):
            cpu, began = cpu_seconds(pid), time.monotonic()
            lags = asyncio.run(meeting(address, speakers, given.turns, given.piece))
            busy = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
            half, most = np.percentile(lags, [50, 95])
            found.append(float(most))
            print(
                f"{speakers:8} {len(lags):6} | {half:5.2f} {most:5.2f} {max(lags):5.2f}   | "
                f"{'':17} {1e3 * (half - PAUSE):5.0f} {1e3 * (most - PAUSE):5.0f}    | {busy:.2f}"
            )
    print(f"p95 with {given.speakers} speakers / p95 with one: {found[1] / found[0]:.2f}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
