"""The forms in which a clip may reach the server, and the bytes that each takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sotto.audio.anonymize import Anonymizer
from sotto.audio.chunk import Mel, MelChunk
from sotto.audio.edges import heard_in
from sotto.audio.griffin_lim import rebuilt
from sotto.audio.mel8 import ValueRange, make_mel8
from sotto.bench.clips import Clip
from sotto.bench.silent.client import Sent, disguise_for, send
from sotto.bench.silent.codecs import heard_again, to_opus, to_pcm, to_wav, to_webp
from sotto.runtime.mel_door import MelDoor
from sotto.runtime.picture import paint, see

MESSAGE = 10
"""Frames: the page sends ten messages a second."""
RANGE_BYTES = 8
"""Two float32 that a bare grid of values needs beside it."""


@dataclass(frozen=True)
class Sound:
    """A file that is decoded, as any sound."""

    file: bytes


@dataclass(frozen=True)
class Wire:
    """One clip in one form."""

    bytes: int
    """That were sent, without the protocol around them."""
    heard: Sound | MelChunk


@dataclass(frozen=True)
class Form:
    """A way to send clips."""

    name: str
    make: Callable[[Clip], Wire]


PCM = "PCM, 16 bits"
FLOAT = "log-mel, float32"
EIGHT = "8-bit PNG"
GATED = "mel8, as the page sends it"
STRONGER = "the stronger mode"
REBUILT = "sound rebuilt from 8 bits"
REBUILT_STRONGER = "sound rebuilt from the stronger mode"


def audio_forms() -> list[Form]:
    """Those that hold the voice."""
    return [
        Form(PCM, lambda clip: Wire(len(to_pcm(clip.samples)), Sound(to_wav(clip.samples)))),
        Form("Opus, 24 kb/s", _opus),
    ]


def image_forms(n_mels: int) -> list[Form]:
    """Those that are a spectrogram, of so many bands."""

    def of(image: Callable[[Mel], Wire]) -> Callable[[Clip], Wire]:
        return lambda clip: image(clip.spectrogram(n_mels))

    return [
        Form(FLOAT, of(lambda mel: Wire(mel.nbytes, heard_in(mel)))),
        Form("mel8, messages of 100 ms", of(lambda mel: _messages(_cut(mel), n_mels))),
        Form("mel8, one message", of(lambda mel: _one(make_mel8(mel)))),
        Form(EIGHT, of(lambda mel: _one(paint(mel)))),
        Form("8-bit WebP, without loss", of(_webp)),
        *(Form(f"{bits} bits, packed", of(_packed(bits))) for bits in (6, 5, 4, 3)),
    ]


def client_forms(clips: Sequence[Clip], n_mels: int) -> list[Form]:
    """What the page itself sends of these clips, which node works out. Raises ClientFailed."""
    sounds = [clip.samples for clip in clips]
    plain = send(sounds, n_mels, [None] * len(clips))
    hidden = send(sounds, n_mels, [disguise_for(clip.seed) for clip in clips])

    def of(sent: Sequence[Sent]) -> Callable[[Clip], Wire]:
        by_clip = dict(zip(clips, sent, strict=True))
        return lambda clip: _messages([m.data for m in by_clip[clip].messages], n_mels)

    return [Form(GATED, of(plain)), Form(STRONGER, of(hidden))]


def rebuilt_forms(iterations: int) -> list[Form]:
    """Not sent by anybody: what somebody can make of images who wants to listen."""

    def of(images: Callable[[Clip], Mel]) -> Callable[[Clip], Wire]:
        def make(clip: Clip) -> Wire:
            file = to_wav(rebuilt(images(clip), iterations))
            return Wire(0, Sound(file))

        return make

    return [Form(REBUILT, of(in_8_bits)), Form(REBUILT_STRONGER, of(in_disguise))]


def in_8_bits(clip: Clip) -> Mel:
    """float32[n, 80]: what an image of 8 bits says."""
    span = ValueRange.of(clip.mel)
    return span.values(span.steps(clip.mel))


def in_disguise(clip: Clip, another: int = 0) -> Mel:
    """The same of the stronger mode, in the clip's own disguise; another number, another one."""
    mel = Anonymizer(80, disguise_for(clip.seed + another)).frames(clip.mel)
    span = ValueRange.of(mel)
    return span.values(span.steps(mel))


def in_bits(mel: Mel, bits: int) -> Mel:
    """Each value at the nearest of 2^bits levels from the least to the greatest."""
    span = ValueRange.of(mel)
    levels = np.linspace(span.least, span.greatest, 2**bits)
    width = max(span.greatest - span.least, 1e-6)
    steps = np.rint((mel - span.least) * ((2**bits - 1) / width)).astype(np.int64)
    return np.asarray(levels[steps], np.float32)


def as_opus(clip: Clip) -> Clip:
    """The clip as it comes out of Opus."""
    return clip.sounding(heard_again(to_opus(clip.samples)))


def _opus(clip: Clip) -> Wire:
    file = to_opus(clip.samples)
    return Wire(len(file), Sound(file))


def _one(image: bytes) -> Wire:
    return Wire(len(image), see(image))


def _webp(mel: Mel) -> Wire:
    span = ValueRange.of(mel)
    image = to_webp(_upright(span.steps(mel)))
    return Wire(len(image) + RANGE_BYTES, see(image, span))


def _packed(bits: int) -> Callable[[Mel], Wire]:
    """Counted as its values one after the other, `bits` each, and the range beside them."""

    def make(mel: Mel) -> Wire:
        size = -(-mel.size * bits // 8) + RANGE_BYTES
        return Wire(size, heard_in(in_bits(mel, bits)))

    return make


def _cut(mel: Mel) -> list[bytes]:
    """Images as a client sends them who leaves nothing out and marks nothing."""
    starts = range(0, len(mel), MESSAGE)
    return [make_mel8(mel[at : at + MESSAGE], position=at) for at in starts]


def _messages(messages: Sequence[bytes], n_mels: int) -> Wire:
    door = MelDoor(n_mels)
    chunks = [door.receive(message) for message in messages]
    return Wire(sum(map(len, messages)), MelChunk.join([*chunks, door.finish()]))


def _upright(steps: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[n_mels, n], the highest band on top."""
    return np.ascontiguousarray(steps.T[::-1])
