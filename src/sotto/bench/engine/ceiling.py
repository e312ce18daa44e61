"""What windows cost at least: operations and bytes, from a checkpoint's sizes alone. Pure.

An addition is an operation and so is a multiplication; those of layer norms, softmax and GELU are
not counted, nor are biases: all together they are below a hundredth. Bytes are those that must pass
between memory and processor however well a program is written: weights once for each pass over
however many windows, what is kept of each window for as long as it is decoded, what comes in and
what goes out. What lies between two layers need not leave the processor, and is not counted. After
Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance Model".
"""

from __future__ import annotations

from dataclasses import dataclass

from sotto.audio.format import FRAMES_PER_TOKEN
from sotto.plugins.engines.torch_whisper.shape import TAPS, Shape

PROMPT = 4
"""Tokens before the first word: start, language, task, and that no times follow."""


@dataclass(frozen=True)
class Numbers:
    """How large the numbers are that an engine computes with."""

    dtype: str
    """In which it multiplies: float32, float16, bfloat16 or int8."""
    weight: int
    """Bytes of one that was learned."""
    state: int
    """Bytes of one that follows from the sound."""


@dataclass(frozen=True)
class Work:
    """Of one pass."""

    operations: float
    bytes: float


@dataclass(frozen=True)
class Peaks:
    """What a machine does at best."""

    operations: float
    """A second, in products of large matrices."""
    bandwidth: float
    """Bytes a second, read or written."""
    launch: float
    """Seconds from one small operation to the next, asked for one after the other."""


@dataclass(frozen=True)
class Asked:
    """Windows that are decoded at once."""

    windows: int
    frames: int
    """That the encoder reads of each, padding included; even."""
    words: float
    """Tokens of each before the end token; the mean, where others enter as some leave."""

    @property
    def positions(self) -> int:
        """Of the encoder."""
        return self.frames // FRAMES_PER_TOKEN


@dataclass(frozen=True)
class Least:
    """Seconds that a machine needs at least, and for what."""

    encode: float
    decode: float
    compute: float
    """The part of both in which the processor is busier than the memory."""

    @property
    def seconds(self) -> float:
        """Of all."""
        return self.encode + self.decode

    @property
    def bound(self) -> str:
        """What sets most of the time."""
        return "compute" if self.compute >= self.seconds / 2 else "bandwidth"


@dataclass(frozen=True)
class Ceiling:
    """Of a checkpoint."""

    shape: Shape
    numbers: Numbers

    def encoder(self, asked: Asked) -> Work:
        """One pass over all windows, convolutions included."""
        shape, frames, positions = self.shape, asked.frames, asked.positions
        width, inner = shape.width, shape.encoder_ffn
        first, second = TAPS * shape.n_mels * width, TAPS * width**2
        layer = 4 * width**2 + 2 * width * inner
        multiplied = frames * first + positions * second
        multiplied += shape.encoder_layers * positions * (layer + 2 * positions * width)
        weights = first + second + positions * width + shape.encoder_layers * layer
        passed = frames * shape.n_mels + positions * width
        return self._work(asked.windows, multiplied, weights, passed)

    def cross(self, asked: Asked) -> Work:
        """What the decoder looks up of each window: made once."""
        layers, width = self.shape.decoder_layers, self.shape.width
        weights = layers * 2 * width**2
        passed = asked.positions * width * (1 + 2 * layers)
        return self._work(asked.windows, asked.positions * weights, weights, passed)

    def decoder(self, asked: Asked, past: float, tokens: int = 1) -> Work:
        """One pass over so many tokens of each window, after so many: a step, or the first ones.

        The token that follows is chosen after the last of them only.
        """
        shape = self.shape
        layers, width = shape.decoder_layers, shape.width
        layer = 6 * width**2 + 2 * width * shape.decoder_ffn
        seen = past + tokens + asked.positions
        choice = width * shape.vocabulary
        multiplied = layers * tokens * (layer + 2 * seen * width) + choice
        weights = layers * layer + choice
        return self._work(asked.windows, multiplied, weights, layers * 2 * width * seen)

    def least(self, asked: Asked, peaks: Peaks) -> Least:
        """For windows that are encoded, and decoded to their end token."""
        encode = [self.encoder(asked), self.cross(asked)]
        steps = round(asked.words)
        decode = [self.decoder(asked, 0, PROMPT)]
        decode += [self.decoder(asked, PROMPT + step) for step in range(steps)]
        works = [*encode, *decode]
        return Least(
            encode=sum(_seconds(work, peaks) for work in encode),
            decode=sum(_seconds(work, peaks) for work in decode),
            compute=sum(_seconds(work, peaks) for work in works if _computes(work, peaks)),
        )

    def _work(self, windows: int, multiplied: float, weights: float, passed: float) -> Work:
        """`multiplied` and `passed` are of one window."""
        numbers = self.numbers
        moved = numbers.weight * weights + numbers.state * windows * passed
        return Work(2 * windows * multiplied, moved)


def _seconds(work: Work, peaks: Peaks) -> float:
    return max(work.operations / peaks.operations, work.bytes / peaks.bandwidth)


def _computes(work: Work, peaks: Peaks) -> bool:
    return work.operations / peaks.operations >= work.bytes / peaks.bandwidth
