"""Throw damaged frames at every parser, and see that each takes it or says in words why not.

    python tools/fuzz.py --frames 1000000 --seed 7

Only errors of `errors.py` may come out, and the process may not grow. Everything follows from the
seed: `--only NAME --seed N` gives a failure again. It prints a line for each parser, and ends with
1 where anything else came out, or the process grew.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
from fuzz_parsers import Parser, parsers

from sotto.errors import SottoError

WARM = 0.3
"""Of the frames, after which the process has all the memory that it needs."""
GROWTH = 0.05
"""Of that memory, by which it may grow in the rest: what is not freed for each frame is more."""
LEAST = 16 * 1024**2
"""Bytes of growth that say nothing."""
MOST_FAULTS = 5
"""That are told of one parser."""


@dataclass
class Count:
    """What became of a parser's frames."""

    taken: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """By the code of the error."""
    faults: int = 0
    """What came out was no error of ours."""
    seconds: float = 0.0

    @property
    def frames(self) -> int:
        """All of them."""
        return self.taken + sum(self.refused.values()) + self.faults


def main(arguments: Sequence[str]) -> int:
    """The exit status."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--frames", type=int, default=100_000)
    said.add_argument("--seed", type=int, default=0)
    said.add_argument("--only", help="the parsers whose name contains this")
    options = said.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    av.logging.set_level(None)
    with tempfile.TemporaryDirectory() as folder:
        all_of_them = parsers(Path(folder))
        chosen = [one for one in all_of_them if (options.only or "") in one.name]
        counts = {one.name: Count() for one in chosen}
        warm = round(WARM * options.frames)
        rng = random.Random(options.seed)
        throw(rng, chosen, counts, warm)
        before = resident()
        throw(rng, chosen, counts, options.frames - warm)
        after = resident()
    show(counts)
    grown = after - before
    say(f"memory: {before / 2**20:.0f} MiB after {warm:,} frames, {grown / 2**20:+.1f} MiB since")
    has_grown = grown > max(GROWTH * before, LEAST)
    return int(has_grown or any(count.faults for count in counts.values()))


def throw(
    rng: random.Random, chosen: Sequence[Parser], counts: dict[str, Count], frames: int
) -> None:
    """So many, each at one of the parsers."""
    turns = rng.choices(chosen, [one.weight for one in chosen], k=frames)
    for parser in turns:
        data, count = parser.make(rng, parser.seeds), counts[parser.name]
        began = time.perf_counter()
        try:
            parser.take(data)
        except SottoError as error:
            count.refused[error.code] = count.refused.get(error.code, 0) + 1
        except Exception:  # noqa: BLE001 - what else comes out is what is looked for
            count.faults += 1
            if count.faults <= MOST_FAULTS:
                say(f"{parser.name}: {data[:300]!r}\n{traceback.format_exc()}")
        else:
            count.taken += 1
        count.seconds += time.perf_counter() - began


def show(counts: dict[str, Count]) -> None:
    """A line for each, and the sum."""
    say(f"{'parser':24}{'frames':>10}{'taken':>10}{'µs each':>10}  refused as")
    for name, count in counts.items():
        each = 1e6 * count.seconds / max(count.frames, 1)
        why = ", ".join(f"{code} {of:,}" for code, of in sorted(count.refused.items()))
        faults = f"  FAULTS {count.faults}" if count.faults else ""
        say(f"{name:24}{count.frames:>10,}{count.taken:>10,}{each:>10.0f}  {why}{faults}")
    frames = sum(count.frames for count in counts.values())
    faults = sum(count.faults for count in counts.values())
    say(f"{frames:,} frames, {faults} faults")


def say(line: str) -> None:
    """To who started it."""
    sys.stdout.write(f"{line}\n")


def resident() -> int:
    """Bytes of memory that the process has, once what is garbage is gone. Linux alone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
