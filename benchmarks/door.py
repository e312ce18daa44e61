"""What the door costs: milliseconds of one core for each second of sound.

    python benchmarks/door.py --seconds 60

Beside each figure stands how many times faster than the sound itself that is. CPU time of all
threads is counted, so a step cannot look cheap by using several cores. The best of three rounds.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sotto.audio.format import SAMPLE_RATE, PcmFormat, Samples
from sotto.audio.mel import LogMel
from sotto.audio.resample import Resampler
from sotto.plugins.vad.silero import Silero
from sotto.runtime.door import Door, PcmSource
from sotto.runtime.ear import Ear

ROUNDS = 3


def milliseconds(
    make: Callable[[], Callable[[Any], object]], pieces: Sequence[Any], seconds: float
) -> float:
    """CPU milliseconds of one second of sound."""
    best = float("inf")
    for _ in range(ROUNDS):
        receive = make()
        begin = time.process_time()
        for piece in pieces:
            receive(piece)
        best = min(best, time.process_time() - begin)
    return best / seconds * 1_000


def cut(sound: Samples, length: int, *, as_bytes: bool) -> list[Any]:
    pieces = [sound[at : at + length] for at in range(0, len(sound), length)]
    if not as_bytes:
        return pieces
    return [(piece * 32_767).astype("<i2").tobytes() for piece in pieces]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of the sound")
    seconds = parser.parse_args().seconds
    silero = Silero()

    def door(rate: int) -> Callable[[bytes], object]:
        return Door(PcmSource(PcmFormat(sample_rate=rate)), Ear(80, silero())).receive

    steps: list[tuple[str, int, Callable[[], Callable[[Any], object]]]] = [
        ("resample 48 kHz → 16 kHz", 48_000, lambda: Resampler(48_000).receive),
        ("log-mel, 80 bands", SAMPLE_RATE, lambda: LogMel(80).receive),
        ("log-mel, 128 bands", SAMPLE_RATE, lambda: LogMel(128).receive),
        ("Silero", SAMPLE_RATE, lambda: silero().receive),
        ("whole door, 16 kHz", SAMPLE_RATE, lambda: door(SAMPLE_RATE)),
        ("whole door, 48 kHz", 48_000, lambda: door(48_000)),
    ]
    print(f"{'ms of one core for each second':32}{'100 ms pieces':>24}{'1 s pieces':>24}")
    for name, rate, make in steps:
        noise = np.random.default_rng(0).standard_normal(seconds * rate).astype(np.float32) * 0.1
        line = f"{name:32}"
        for length in (rate // 10, rate):
            pieces = cut(noise, length, as_bytes="door" in name)
            cost = milliseconds(make, pieces, seconds)
            line += f"{f'{cost:.2f} ms  {1_000 / cost:,.0f} ×':>24}"
        print(line)


if __name__ == "__main__":
    main()
