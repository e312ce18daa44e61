"""Milliseconds of a decode by batch size and window length, and of each of its steps.

    python benchmarks/engine.py [--model FOLDER] [--device cpu] [--threads 2] [--rounds 10]

Windows are noise, decoded on exact context. The words that a model hears in it decide how long it
takes to generate, so their mean number is told too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import ctranslate2
import numpy as np

import sotto
from sotto.audio.chunk import Mel
from sotto.audio.format import frames
from sotto.interfaces.engine import DecodeJob, Priority
from sotto.plugins.engines.ct2_steps import Encoded, Prompt, Sampling, Take, groups
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.plugins.engines.jobs import token_limit
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.windows import stack
from sotto.transcript.options import AudioContext, DecodeOptions, Task

BATCHES = (1, 2, 4, 8)
SECONDS = (1, 2, 4, 8)


class Bench:
    """One checkpoint, loaded as an engine and once more for its bare steps."""

    def __init__(self, folder: Path, device: str, threads: int, rounds: int) -> None:
        self.engine = CTranslate2Engine.load(folder, device=device, threads=threads)
        compute_type = "float16" if device == "cuda" else "int8"
        self.model = ctranslate2.models.Whisper(
            str(folder), device=device, compute_type=compute_type, intra_threads=threads
        )
        self.tokenizer = WhisperTokenizer(folder)
        self.rounds = rounds

    def row(self, mels: list[Mel]) -> list[float]:
        """Milliseconds of decode, encode, generate, align; and words for each window."""
        length, places = len(mels[0]), range(len(mels))
        start = self.tokenizer.start("en", Task.TRANSCRIBE)
        whole = (*start, self.tokenizer.no_timestamps)
        prompt = Prompt(whole, (), token_limit(length, len(whole), 0))
        encoded = Encoded(self.model, stack(mels, length))

        def generate() -> list[Take]:
            specials, end = self.tokenizer.specials, self.tokenizer.eot
            return encoded.generate(places, [prompt] * len(mels), Sampling(1, 0.0), specials, end)

        texts = [take.tokens for take in generate()]

        def align() -> None:
            for alike in groups((place, len(texts[place])) for place in places).values():
                encoded.align(
                    alike, start, [texts[place] for place in alike], [length] * len(alike)
                )

        return [
            self.milliseconds(lambda: self.engine.decode(jobs(mels))),
            self.milliseconds(lambda: Encoded(self.model, stack(mels, length))),
            self.milliseconds(generate),
            self.milliseconds(align),
            sum(len(self.tokenizer.words(text, "en")) for text in texts) / len(texts),
        ]

    def milliseconds(self, step: Callable[[], Any]) -> float:
        """The median over the rounds."""
        step()
        spent = []
        for _ in range(self.rounds):
            started = time.perf_counter()
            step()
            spent.append(1000 * (time.perf_counter() - started))
        return median(spent)


def noise(length: int, bands: int, seed: int) -> Mel:
    values = np.random.default_rng(seed).standard_normal((length, bands)).astype(np.float32)
    return 2.0 * values - 4.0


def jobs(mels: list[Mel]) -> list[DecodeJob]:
    options = DecodeOptions(language="en", audio_context=AudioContext.EXACT)
    return [
        DecodeJob(id=place, mel=mel, options=options, priority=Priority.FINAL)
        for place, mel in enumerate(mels)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(sotto.__file__).parent / "assets/nano")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    bench = Bench(given.model, given.device, given.threads, given.rounds)
    print("seconds batch | decode | of a window | encode generate  align | words")
    for seconds in SECONDS:
        length = frames(seconds) // 16 * 16
        for size in BATCHES:
            mels = [noise(length, bench.engine.traits.n_mels, seed) for seed in range(size)]
            decode, *steps, words = bench.row(mels)
            print(
                f"{seconds:7} {size:5} | {decode:6.1f} | {decode / size:11.1f} | "
                + " ".join(f"{step:6.1f}" for step in steps)
                + f"   | {words:5.1f}"
            )


if __name__ == "__main__":
    main()
