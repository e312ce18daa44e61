"""The way in of those who send no sound: images of its spectrogram → frames."""

from __future__ import annotations

import numpy as np

from sotto.audio.chunk import Mel, MelChunk, Speech
from sotto.audio.edges import EdgeStream
from sotto.audio.format import seconds
from sotto.audio.mel import SILENCE
from sotto.audio.mel8 import Mel8, parse_mel8
from sotto.errors import BadAudio

MAX_GAP = 60_000
"""Frames, 10 minutes, that may be left out between two images; an empty one moves the clock on."""


class MelDoor:
    """Each message is one image of audio/mel8.py, with as many bands as the model reads.

    Frames that were not sent are silence. Where the client does not say which are speech, the edges
    in the image do; a run of such frames is judged by itself, since a seam between it and silence
    that nobody heard would be an edge.
    """

    def __init__(self, n_mels: int) -> None:
        self._n_mels = n_mels
        self._at = 0
        """The frame that leaves next."""
        self._edges = EdgeStream(n_mels)
        self._waiting: Mel = self._nothing
        """Frames whose probability of speech is not known yet."""

    def receive(self, data: bytes) -> MelChunk:
        """The frames that became known by this image. Raises BadAudio."""
        image = parse_mel8(data)
        due = self._at + len(self._waiting)
        self._check(image, due)
        left = [self._left_out(image.position - due)] if image.position > due else []
        return MelChunk.join([*left, self._seen(image)])

    def release(self) -> MelChunk:
        """The frames that wait, judged as if the run ended here; it may go on."""
        return self._leave(self._nothing, self._edges.release())

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

    def _check(self, image: Mel8, due: int) -> None:
        bands = image.mel.shape[1]
        if bands != self._n_mels:
            raise BadAudio(
                f"expected images of {self._n_mels} bands, as `ready` says, got one of {bands}"
            )
        if image.position < due:
            raise BadAudio(
                f"expected an image from frame {due} on, got one at frame {image.position}"
            )
        if image.position - due > MAX_GAP:
            raise BadAudio(
                f"expected at most {seconds(MAX_GAP):g} s of silence before an image, "
                f"got {seconds(image.position - due):g} s"
            )

    def _left_out(self, n: int) -> MelChunk:
        """The end of a run, and the silence after it."""
        before = self.release()
        self._edges = EdgeStream(self._n_mels)
        silence = np.full((n, self._n_mels), SILENCE, np.float32)
        return MelChunk.join([before, self._leave(silence, np.zeros(n, np.float32))])

    def _seen(self, image: Mel8) -> MelChunk:
        if image.speech is None:
            return self._leave(image.mel, self._edges.receive(image.mel))
        before = self.release()
        self._edges = EdgeStream(self._n_mels)
        return MelChunk.join([before, self._leave(image.mel, image.speech)])

    def _leave(self, mel: Mel, speech: Speech) -> MelChunk:
        """The frames whose probability is known, of those that wait and these."""
        there = np.concatenate([self._waiting, mel])
        n = len(speech)
        chunk = MelChunk(self._at, there[:n], speech)
        self._at += n
        self._waiting = there[n:].copy()
        return chunk
