"""All measurements in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.bench.silent.client import MISSING, Sent, has_node, send
from sotto.bench.silent.costs import Cost, Delay, costs, delays, page_costs
from sotto.bench.silent.detecting import FalseAlarms, Found, compare, false_alarms, rulers
from sotto.bench.silent.forms import (
    FLOAT,
    audio_forms,
    client_forms,
    image_forms,
    rebuilt_forms,
)
from sotto.bench.silent.hearing import Listener, Understood
from sotto.bench.silent.linking import Lineup, Linked
from sotto.bench.silent.material import Material
from sotto.runtime.service import Service

COSTED = 60.0
"""Seconds of sound over which costs are taken."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Findings:
    """All rows of all tables."""

    model: str
    version: str
    understood: Sequence[Understood]
    linked: Sequence[Linked]
    found: Sequence[Found]
    alarms: Sequence[FalseAlarms]
    costs: Sequence[Cost]
    delays: Sequence[Delay]
    missing: Sequence[str]
    """Sentences: which rows are not there, and why."""


@dataclass(frozen=True)
class Bench:
    """A loaded model, and what is measured with it."""

    service: Service
    model: str
    version: str
    n_mels: int
    material: Material

    async def findings(self, tell: Tell = lambda name: None) -> Findings:
        """`tell` is told the name of each table that is begun.

        Raises BadAudio, ClientFailed, and what the service raises.
        """
        tell("words")
        understood = await self._understood()
        tell("linking")
        linked = self._linked()
        tell("detectors")
        found, alarms = self._detected()
        tell("costs")
        spent, held = self._costs()
        return Findings(
            self.model,
            self.version,
            understood,
            linked,
            found,
            alarms,
            spent,
            held,
            tuple(self._missing()),
        )

    async def _understood(self) -> list[Understood]:
        clips = self.material.spoken
        if not clips:
            return []
        forms = [*audio_forms(), *image_forms(self.n_mels)]
        if has_node():
            forms += client_forms(clips, self.n_mels)
        forms += rebuilt_forms(self.material.iterations)
        return await Listener(self.service, self.model).understand(clips, forms, FLOAT)

    def _linked(self) -> list[Linked]:
        of = self.material
        if not of.learned or not of.linked:
            return []
        return Lineup(of.learned, of.linked, of.iterations, of.embedding).results()

    def _detected(self) -> tuple[list[Found], list[FalseAlarms]]:
        of, usual = self.material, self.service.limits.segmenter
        tried = rulers(self.service.front_end.detectors, usual.threshold, usual.release)
        found = compare(of.detected, of.noises, tried) if of.detected else []
        return found, false_alarms(of.noises, tried) if of.noises else []

    def _costs(self) -> tuple[list[Cost], list[Delay]]:
        sound = _one_sound(self.material)
        if not len(sound):
            return [], []
        sent: Sent | None = None
        if has_node():
            (sent,) = send([sound], self.n_mels, [None])
        detectors = self.service.front_end.detectors
        spent = costs(sound, self.n_mels, detectors, time.process_time)
        spent += page_costs(sound, self.n_mels)
        return spent, delays(sound, self.n_mels, detectors, sent)

    def _missing(self) -> list[str]:
        of = self.material
        absent = []
        if not has_node():
            absent.append(f"What the page sends is left out: {MISSING}.")
        if not of.learned or not of.linked:
            absent.append("Linking is left out: it needs --learn and --link.")
        elif of.embedding is None:
            absent.append(
                "A pre-trained embedding is left out: none was given with --embedding. What stands "
                "here was taught by the command itself, on the clips of --learn."
            )
        if not of.noises:
            absent.append("Noise is left out: it needs --noise.")
        return absent


def _one_sound(material: Material) -> Samples:
    """Whole clips, about a minute."""
    clips = material.detected or material.spoken
    parts: list[Samples] = []
    for clip in clips:
        if sum(map(len, parts)) >= COSTED * SAMPLE_RATE:
            break
        parts.append(clip.samples)
    return np.concatenate([np.empty(0, np.float32), *parts])
