"""Sound whose words are told apart by how loud they are, and a service that hears them exactly.

What it hears does not depend on where a stream begins: so what is lost, doubled or moved shows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sotto.app.build import build_service
from sotto.app.setting_sources import Flag
from sotto.app.settings import Settings, load
from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, SAMPLE_RATE
from sotto.clock import SystemClock
from sotto.interfaces.engine import DecodeJob, Hypothesis
from sotto.interfaces.store import TranscriptStore
from sotto.runtime.batcher import Batcher, Recognizer
from sotto.runtime.front_end import FrontEnd
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool, ModelSpec
from sotto.runtime.schedule import Schedule
from sotto.runtime.service import Service
from sotto.testing.detectors import Loudness
from sotto.testing.engines import VOCABULARY, OracleEngine

WORDS = VOCABULARY[:8]
QUIETEST = 0.03
"""Amplitude of the first word; each is 3.5 dB louder than the one before."""
STEP = 0.35
"""The same, as log10 of power."""
AUDIBLE = -6.0
"""Raw log10 mel of the loudest band; between silence, -10, and the quietest word."""

Script = Sequence[tuple[str, int, int]]
"""Words, each from a frame to before another; with 8 frames of silence between them at least."""


def sound_of(script: Script, frames: int) -> bytes:
    """16-bit samples at 16 kHz."""
    samples = np.zeros(frames * HOP)
    times = np.arange(len(samples)) / SAMPLE_RATE
    for word, start, end in script:
        place = slice(start * HOP, end * HOP)
        loud = QUIETEST * 10 ** (STEP / 2 * WORDS.index(word))
        samples[place] = loud * np.sin(2 * np.pi * 1_000 * times[place])
    return np.round(samples * 32_767).astype("<i2").tobytes()


def some_script(seed: int, utterances: int = 6) -> tuple[list[tuple[str, int, int]], int]:
    """Words in utterances, some of them far apart, and how many frames there are."""
    chance = random.Random(seed)
    words, at = [], chance.randrange(20, 200)
    for _ in range(utterances):
        for _ in range(chance.randrange(1, 5)):
            length = chance.randrange(15, 60)
            words.append((chance.choice(WORDS), at, at + length))
            at += length + chance.randrange(8, 40)
        at += chance.choice([70, 100, 150, 400, 1_500])
    return words, at


class LoudEngine(OracleEngine):
    """Writes what is loud as OracleEngine reads it."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        return super().decode([replace(job, mel=_written(job.mel)) for job in jobs])


def _written(mel: Mel) -> Mel:
    loudness = mel.max(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loudness > AUDIBLE, [False]])))
    written = np.zeros_like(mel)
    for start, end in edges.reshape(-1, 2).tolist():
        level = (float(np.median(loudness[start:end])) - LOUDNESS_OF_FIRST) / STEP
        written[start:end, 0] = min(max(round(level), 0), len(WORDS) - 1) + 1
        written[start:end, 1] = np.arange(end - start)
        written[start:end, 2] = end - start
        written[start:end, 3] = 1
    return written


def _loudness_of_first() -> float:
    from sotto.audio.mel import LogMel

    samples = np.frombuffer(sound_of([(WORDS[0], 0, 100)], 100), "<i2").astype(np.float32) / 32_768
    return float(np.median(LogMel(80).receive(samples)[10:90].max(axis=1)))


LOUDNESS_OF_FIRST = _loudness_of_first()


def patient() -> Settings:
    """Nothing that takes a while ends an utterance."""
    return load([Flag("--idle", "server.idle_flush", 600.0)], environ={})


def loud_service(store: TranscriptStore | None = None) -> Service:
    """Everything as in a server but for the model and the detector."""
    metrics, clock = Metrics(), SystemClock()

    def load_model(spec: ModelSpec) -> Recognizer:
        schedule = Schedule(max_batch=8, limit=256, exact=True)  # type: ignore[var-annotated]
        return Batcher(spec.name, LoudEngine(), schedule, clock, metrics)

    models: ModelPool[Recognizer] = ModelPool([ModelSpec("loud", 1)], load_model, clock)
    service = build_service(patient(), store, models)
    service.front_end = FrontEnd(Loudness())
    return service
