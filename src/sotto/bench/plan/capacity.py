"""How many machines so many streams need. Pure: figures in, figures out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sotto.bench.plan.measured import Measured, Step, Stream, find
from sotto.bench.plan.shapes import SIZES, ratio
from sotto.errors import BadOption

PCM = 32_000
"""Bytes a second of 16-bit PCM at 16 kHz, content alone."""
FRAMES = 100
HALF = 2
"""Bytes of a float16, as which mel goes from replicas that hold connections to engines."""
WINDOW = 2.7
"""Seconds of sound in a look, on average: half an utterance of 4.8 s, and its pre-roll of 0.3 s."""


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    streams: int
    model: str
    device: str
    bound: float = 3.0
    """Seconds of p95 commit lag."""
    head_room: float = 0.2
    """Share of what a machine bears that is kept free, for hours that are busier than others."""
    spare: int = 1
    """Machines that may be away at once."""
    connection_cores: int = 4
    """Of a replica that holds connections."""
    busy: float = 0.6
    """Share of those cores that is used."""


@dataclass(frozen=True)
class Basis:
    """The figures that a plan stands on."""

    measured: Measured
    step: Step
    """The most streams that were borne."""
    scale: float = 1.0
    """By which the work of a look is more than in what was measured; 1: it was measured itself."""

    @property
    def is_estimate(self) -> bool:
        """Whether the model itself was not measured."""
        return self.scale != 1.0

    @property
    def streams(self) -> float:
        """That one engine bears."""
        return self.step.streams / self.scale


@dataclass(frozen=True)
class Plan:
    """What it takes."""

    wish: Wish
    basis: Basis
    engines: int
    """Replicas, those to spare among them; each is such a machine as was measured."""
    connections: int
    """Replicas that hold connections, those to spare among them."""
    each: int
    """Streams of an engine while all are there."""
    engine_memory: float | None
    """Bytes of an engine's process, beside its streams; None where the model was not measured."""
    stream_memory: float
    """Bytes of all streams together."""
    jobs: float
    """A second."""
    finals: float
    """That are written to the store, a second."""
    pcm: float
    """Bytes a second that come in, content alone, where all send 16-bit PCM at 16 kHz."""
    mel8: float
    """The same where all send images."""
    inner: float
    """Bytes a second of mel from connections to engines."""
    notes: tuple[str, ...] = field(default=())


def basis(wish: Wish, records: Sequence[Measured]) -> Basis:
    """What is measured of the model on the device, or else scaled. Raises BadOption."""
    own = find(wish.model, wish.device, records)
    if own is not None:
        return Basis(own, _borne(own, wish.bound))
    same = [one for one in records if one.device == wish.device and one.model in SIZES]
    if not same:
        raise BadOption(
            "device",
            f"expected figures of a Whisper model on {wish.device}, got none: measure there with "
            f"`sotto bench streams DATA --model {wish.model} --output report`, then "
            "`sotto plan --from report/streams.json`",
        )
    if wish.model not in SIZES:
        known = ", ".join(sorted({one.model for one in records} | set(SIZES)))
        raise BadOption("model", f"expected one of {known}, got {wish.model!r}")
    return _scaled(wish, same)


def _borne(measured: Measured, bound: float) -> Step:
    step = measured.borne(bound)
    if step is None:
        first = min(one.lag.p95 for one in measured.steps)
        raise BadOption(
            "bound",
            f"expected a lag that {measured.model} kept, got {bound:g} s: the least that was "
            f"measured is {first:.2f} s (p95)",
        )
    return step


def _scaled(wish: Wish, same: Sequence[Measured]) -> Basis:
    """From the size that is nearest in work and was within the bound."""
    scales = [(one, ratio(wish.model, one.model) or 1.0) for one in same]
    known, scale = min(
        ((one, scale) for one, scale in scales if one.borne(wish.bound) is not None),
        key=lambda pair: abs(math.log(pair[1])),
        default=(same[0], 1.0),
    )
    found = Basis(known, _borne(known, wish.bound), scale)
    if found.streams < 1:
        raise BadOption(
            "model",
            f"expected a machine that bears a stream of {wish.model}; by estimate from "
            f"{known.model}, {known.machine} bears {found.streams:.2f}: measure where it is to run "
            "with `sotto bench streams`, then `sotto plan --from report/streams.json`",
        )
    return found


def plan(wish: Wish, base: Basis, stream: Stream) -> Plan:
    """What so many streams need. Raises BadOption where head room leaves nothing."""
    usable = base.streams * (1 - wish.head_room)
    if usable < 1:
        raise BadOption(
            "head_room", f"expected one stream for an engine at least, got {usable:.2f}"
        )
    engines = math.ceil(wish.streams / math.floor(usable)) + wish.spare
    cores = wish.streams * stream.core
    connections = math.ceil(cores / (wish.connection_cores * wish.busy)) + wish.spare
    step = base.step
    rate = 1 / (step.seconds * step.streams)
    server, each = base.measured.memory
    jobs = step.jobs * rate * wish.streams
    bands = 128 if wish.model in ("large-v3", "turbo", "distil-large-v3") else 80
    return Plan(
        wish=wish,
        basis=base,
        engines=engines,
        connections=connections,
        each=math.ceil(wish.streams / engines),
        engine_memory=None if base.is_estimate else server,
        stream_memory=each * wish.streams,
        jobs=jobs,
        finals=step.utterances * rate * wish.streams,
        pcm=PCM * wish.streams,
        mel8=bands * FRAMES * wish.streams,
        inner=jobs * WINDOW * FRAMES * bands * HALF,
        notes=tuple(_notes(wish, base, stream)),
    )


def _notes(wish: Wish, base: Basis, stream: Stream) -> list[str]:
    """What the figures stand on, and what they do not know."""
    known, step = base.measured, base.step
    told = [
        f"measured: {known.model}, {known.device}, {known.machine}, {known.date}: "
        f"{step.streams} streams at a p95 commit lag of {step.lag.p95:.2f} s, speech "
        f"{known.talk:.0%} of the time"
    ]
    if base.is_estimate:
        told.append(
            f"ESTIMATE: {wish.model} was not measured on {wish.device}. Its work for a look is "
            f"{base.scale:.2f} times that of {known.model}; the streams are divided by that, and "
            "memory is not told"
        )
    if known.made_up:
        told.append("the model that was measured has this size and says made-up words")
    if step is known.steps[-1]:
        told.append("no more streams than these were tried within the bound: there may be room")
    told += [
        f"connections: {1000 * stream.core:.1f} ms of a core for each second of a stream "
        f"({stream.source})",
        "engines are whole servers, as they were measured: where connections are held elsewhere, "
        "an engine has more room",
        "not measured: the network itself, the store at this rate, and Ray between replicas",
    ]
    return told
