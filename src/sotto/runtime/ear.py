"""Sound → frames: log-mel and the probability of speech, brought together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sotto.audio.chunk import Mel, MelChunk, Speech
from sotto.audio.format import Samples
from sotto.audio.mel import LogMel
from sotto.errors import EngineFailed
from sotto.interfaces.detector import Detector, DetectorFactory


class Ear:
    """Samples at 16 kHz → frames. Mel and speech come at their own delays; frames leave with both.

    Over a whole stream it gives one frame for each 160 samples, the same however it is cut.
    """

    def __init__(self, n_mels: int, detector: Detector) -> None:
        self.n_mels = n_mels
        self._log_mel = LogMel(n_mels)
        self._detector = detector
        self._at = 0
        """The frame that leaves next."""
        self._mel: Mel = np.empty((0, n_mels), np.float32)
        self._speech: Speech = np.empty(0, np.float32)

    def receive(self, samples: Samples) -> MelChunk:
        """The frames that became known by these samples; there may be none."""
        return self._pair(self._log_mel.receive(samples), self._detector.receive(samples))

    @staticmethod
    def receive_all(
        ears: Sequence[Ear], pieces: Sequence[Samples], detectors: DetectorFactory
    ) -> list[MelChunk]:
        """`receive` of several ears whose detectors are all of one make, each its own piece."""
        mels: dict[int, Mel] = {}
        for n_mels in {ear.n_mels for ear in ears}:
            alike = [place for place, ear in enumerate(ears) if ear.n_mels == n_mels]
            streams = [ears[place]._log_mel for place in alike]
            own = LogMel.receive_all(streams, [pieces[place] for place in alike])
            mels.update(zip(alike, own, strict=True))
        speech = detectors.receive_all([ear._detector for ear in ears], pieces)
        return [ear._pair(mels[place], speech[place]) for place, ear in enumerate(ears)]

    def finish(self) -> MelChunk:
        """The last frames. Raises EngineFailed where the detector did not judge each of them."""
        chunk = self._pair(self._log_mel.finish(), self._detector.finish())
        if len(self._mel) or len(self._speech):
            raise EngineFailed(
                f"expected the detector to judge {chunk.end + len(self._mel)} frames, "
                f"got {chunk.end + len(self._speech)}"
            )
        return chunk

    def _pair(self, mel: Mel, speech: Speech) -> MelChunk:
        self._mel = np.concatenate([self._mel, mel])
        self._speech = np.concatenate([self._speech, speech])
        n = min(len(self._mel), len(self._speech))
        chunk = MelChunk(self._at, self._mel[:n], self._speech[:n])
        self._at += n
        # Copies: a view would keep alive all of a long piece for the few frames that wait.
        self._mel, self._speech = self._mel[n:].copy(), self._speech[n:].copy()
        return chunk
