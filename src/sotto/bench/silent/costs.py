"""What each form asks of either side's processor, and how long it holds sound back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sotto.audio.anonymize import Anonymizer
from sotto.audio.chunk import Mel
from sotto.audio.edges import EdgeStream
from sotto.audio.format import HOP, SAMPLE_RATE, PcmFormat, Samples
from sotto.audio.mel import LogMel
from sotto.audio.mel8 import make_mel8
from sotto.bench.clips import spectrogram
from sotto.bench.silent.client import Message, Sent, disguise_for, has_node, send
from sotto.bench.silent.codecs import to_opus, to_pcm
from sotto.bench.silent.forms import MESSAGE
from sotto.interfaces.detector import DetectorFactory
from sotto.runtime.door import Door, PcmSource, WayIn
from sotto.runtime.ear import Ear
from sotto.runtime.mel_door import MelDoor

PIECE = MESSAGE * HOP
"""Samples: 100 ms."""
MILLISECONDS = 1000 / SAMPLE_RATE
"""Of a sample."""


@dataclass(frozen=True)
class Cost:
    """One step of the work."""

    side: str
    work: str
    share: float
    """Of one core, while sound comes in real time."""


@dataclass(frozen=True)
class Delay:
    """How long after it was heard a frame comes to the session, with no network between."""

    way: str
    client: float
    """ms, mean: until its message leaves."""
    both: float
    """ms, mean: until it leaves the server's door, too."""
    longest: float
    """ms, of both: 95th percentile."""


def costs(
    sound: Samples, n_mels: int, detectors: DetectorFactory, cpu: Callable[[], float]
) -> list[Cost]:
    """Of each step, over one long sound. `cpu`: seconds that this process worked."""
    length = len(sound) / SAMPLE_RATE
    sides = {"client, Python": _client(sound, n_mels), "server": _server(sound, n_mels, detectors)}
    return [
        Cost(side, work, _spent(step, cpu) / length)
        for side, steps in sides.items()
        for work, step in steps.items()
    ]


def page_costs(sound: Samples, n_mels: int) -> list[Cost]:
    """Of the page's own modules under node; none without it. Raises ClientFailed."""
    if not has_node():
        return []
    length = len(sound) / SAMPLE_RATE
    work = {"log-mel, Sobel, gate, 8 bits": None, "the same in disguise": disguise_for(0)}
    return [
        Cost(
            "client, JavaScript", name, send([sound], n_mels, [one])[0].milliseconds / 1e3 / length
        )
        for name, one in work.items()
    ]


def delays(
    sound: Samples, n_mels: int, detectors: DetectorFactory, sent: Sent | None
) -> list[Delay]:
    """Of each way to stream; `sent`: what the page's client sent of the same sound."""
    door = Door(PcmSource(PcmFormat()), Ear(n_mels, detectors()))
    found = [
        _delay("PCM, messages of 100 ms", _pcm(sound), door),
        _delay("mel8, messages of 100 ms", list(_images(sound, n_mels)), MelDoor(n_mels)),
    ]
    if sent is not None:
        found.append(_delay("mel8, as the page sends it", sent.messages, MelDoor(n_mels)))
    return found


Steps = dict[str, Callable[[], object]]


def _client(sound: Samples, n_mels: int) -> Steps:
    pieces, rows = _pieces(sound), _rows(sound, n_mels)
    log_mel, edges = LogMel(n_mels), EdgeStream(n_mels)
    hidden = Anonymizer(n_mels, disguise_for(0))
    return {
        "Opus": lambda: to_opus(sound),
        "log-mel": lambda: [log_mel.receive(piece) for piece in pieces],
        "Sobel": lambda: [edges.receive(row) for row in rows],
        "8 bits": lambda: [make_mel8(row) for row in rows],
        "disguise": lambda: [hidden.frames(row) for row in rows],
    }


def _server(sound: Samples, n_mels: int, detectors: DetectorFactory) -> Steps:
    pcm = [to_pcm(piece) for piece in _pieces(sound)]
    rows = _rows(sound, n_mels)
    plain = [make_mel8(row, position=at * MESSAGE) for at, row in enumerate(rows)]
    marks = [np.ones(len(row), np.float32) for row in rows]
    marked = [
        make_mel8(row, position=at * MESSAGE, speech=speech)
        for at, (row, speech) in enumerate(zip(rows, marks, strict=True))
    ]
    door = Door(PcmSource(PcmFormat()), Ear(n_mels, detectors()))
    seen, trusted = MelDoor(n_mels), MelDoor(n_mels)
    return {
        "PCM: log-mel and Silero": lambda: [door.receive(message) for message in pcm],
        "mel8: Sobel": lambda: [seen.receive(image) for image in plain],
        "mel8, speech marked by the client": lambda: [trusted.receive(image) for image in marked],
    }


def _spent(step: Callable[[], object], cpu: Callable[[], float]) -> float:
    began = cpu()
    step()
    return cpu() - began


def _pieces(sound: Samples) -> list[Samples]:
    return [sound[at : at + PIECE] for at in range(0, len(sound), PIECE)]


def _rows(sound: Samples, n_mels: int) -> list[Mel]:
    mel = spectrogram(sound, n_mels)
    return [mel[at : at + MESSAGE] for at in range(0, len(mel), MESSAGE)]


def _pcm(sound: Samples) -> list[Message]:
    messages, heard = [], 0
    for piece in _pieces(sound):
        first, heard = heard, heard + len(piece)
        messages.append(Message(heard, first // HOP, heard // HOP, to_pcm(piece)))
    return messages


def _images(sound: Samples, n_mels: int) -> Iterator[Message]:
    """Each as soon as its ten frames are there."""
    log_mel = LogMel(n_mels)
    waiting, at = np.empty((0, n_mels), np.float32), 0
    for first in range(0, len(sound), HOP):
        waiting = np.concatenate([waiting, log_mel.receive(sound[first : first + HOP])])
        while len(waiting) >= MESSAGE:
            image = make_mel8(waiting[:MESSAGE], position=at)
            yield Message(first + HOP, at, at + MESSAGE, image)
            waiting, at = waiting[MESSAGE:], at + MESSAGE


def _delay(way: str, messages: Sequence[Message], door: WayIn) -> Delay:
    """Of the frames that were sent; those of silence that was left out are nobody's delay."""
    left: list[float] = []
    sent: set[int] = set()
    come: dict[int, float] = {}
    for message in messages:
        own = range(message.at, message.end)
        left += [_behind(message.heard, frame) for frame in own]
        sent.update(own)
        chunk = door.receive(message.data)
        come |= {at: _behind(message.heard, at) for at in range(chunk.start, chunk.end)}
    both = [delay for frame, delay in come.items() if frame in sent]
    return Delay(
        way,
        client=float(np.mean(left)),
        both=float(np.mean(both)),
        longest=float(np.percentile(both, 95)),
    )


def _behind(heard: int, frame: int) -> float:
    """ms that a frame's middle lies behind: that of its hop, half of one behind its beginning."""
    return (heard - (frame + 0.5) * HOP) * MILLISECONDS
