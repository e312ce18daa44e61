"""The way in of those who send no sound: images of its spectrogram → frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from sotto.audio.chunk import Mel, MelChunk, Speech
from sotto.audio.edges import EdgeStream
from sotto.audio.format import seconds
from sotto.audio.mel import SILENCE
from sotto.audio.mel8 import Mel8, parse_mel8
from sotto.errors import BadAudio

MAX_GAP = 60_000
"""Frames, 10 minutes, that may be left out between two images; an empty one moves the clock on."""


def gap(position: int, due: int) -> int:
    """Frames that were left out between frame `due` and an image at `position`. Raises BadAudio."""
    if position < due:
        raise BadAudio(f"expected an image from frame {due} on, got one at frame {position}")
    if position - due > MAX_GAP:
        raise BadAudio(
            f"expected at most {seconds(MAX_GAP):g} s of silence before an image, "
            f"got {seconds(position - due):g} s"
        )
    return position - due


class Judge(Protocol):
    """Where speech is in a run of frames without a gap, whose client does not say it."""

    def receive(self, mel: Mel) -> Speech:
        """float32[k]: the next frames' probabilities, as far as they are known by now."""
        ...

    def release(self) -> Speech:
        """float32[k]: those of all frames that came."""
        ...


class MelDoor:
    """Each message is one image of audio/mel8.py, with as many bands as the model reads.

    Frames that were not sent are silence. Where the client does not say which are speech, the edges
    in the image do; a run of such frames is judged by itself, since a seam between it and silence
    that nobody heard would be an edge.
    """

    def __init__(
        self, n_mels: int, judge: Callable[[int], Judge] = EdgeStream, *, origin: int = 0
    ) -> None:
        """`judge`: makes one for so many bands; it is asked for each run. `origin`: the frame of
        the clients' clock that is the first here."""
        self._n_mels = n_mels
        self._origin = origin
        self._new_judge = judge
        self._judge = judge(n_mels)
        self._at = 0
        """The frame that leaves next."""
        self._waiting: list[Mel] = []
        """Frames whose probability of speech is not known yet."""
        self._due = 0
        """The frame after them."""

    def receive(self, data: bytes) -> MelChunk:
        """The frames that became known by this image. Raises BadAudio."""
        return self.take(parse_mel8(data))

    def take(self, image: Mel8) -> MelChunk:
        """The same of one that is understood. Raises BadAudio where it does not follow."""
        bands = image.mel.shape[1]
        if bands != self._n_mels:
            raise BadAudio(
                f"expected images of {self._n_mels} bands, as `ready` says, got one of {bands}"
            )
        left_out = gap(image.position, self._origin + self._due)
        before = [self._left_out(left_out)] if left_out else []
        return MelChunk.join([*before, self._seen(image)])

    @property
    def due(self) -> int:
        """The frame at which an image without a gap before it stands."""
        return self._due

    def release(self) -> MelChunk:
        """The frames that wait, judged as if the run ended here; it may go on."""
        return self._leave(self._nothing, self._judge.release())

    def finish(self) -> MelChunk:
        """The last frames."""
        return self.release()

    @property
    def fault(self) -> BadAudio | None:
        """None: an image is whole, or refused."""
        return None

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def _nothing(self) -> Mel:
        return np.empty((0, self._n_mels), np.float32)

    def _left_out(self, n: int) -> MelChunk:
        """The end of a run, and the silence after it."""
        before = self.release()
        self._judge = self._new_judge(self._n_mels)
        silence = np.full((n, self._n_mels), SILENCE, np.float32)
        return MelChunk.join([before, self._leave(silence, np.zeros(n, np.float32))])

    def _seen(self, image: Mel8) -> MelChunk:
        if image.speech is None:
            return self._leave(image.mel, self._judge.receive(image.mel))
        before = self.release()
        self._judge = self._new_judge(self._n_mels)
        return MelChunk.join([before, self._leave(image.mel, image.speech)])

    def _leave(self, mel: Mel, speech: Speech) -> MelChunk:
        """The frames whose probability is known, of those that wait and these."""
        if len(mel):
            self._waiting.append(mel)
        self._due += len(mel)
        n = len(speech)
        if not n:
            return MelChunk(self._at, self._nothing, speech)
        there = np.concatenate(self._waiting)
        chunk = MelChunk(self._at, there[:n], speech)
        self._at += n
        self._waiting = [there[n:].copy()]
        return chunk
