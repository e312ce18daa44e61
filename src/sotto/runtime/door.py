"""Where sound stops: bytes of any kind in, mel with the probability of speech out.

A door belongs to one stream. One thread at a time may use it; it need not stay the same thread.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sotto.audio.chunk import Mel, MelChunk, Speech
from sotto.audio.format import PcmFormat, PcmReader, Samples
from sotto.audio.mel import LogMel
from sotto.audio.resample import Resampler
from sotto.errors import BadAudio, EngineFailed
from sotto.interfaces.detector import Detector


class SampleReader(Protocol):
    """Bytes of one stream → mono samples at 16 kHz."""

    def receive(self, data: bytes) -> Samples:
        """What became known by these bytes. Raises BadAudio."""
        ...

    def finish(self) -> Samples:
        """The rest, once no more bytes come. Raises BadAudio where nothing can be made of it."""
        ...

    @property
    def fault(self) -> BadAudio | None:
        """What was wrong with the stream's end, though all of its sound was made out."""
        ...

    def close(self) -> None:
        """Let go of what the reader holds, finished or not; at any time, and again."""
        ...


class WayIn(Protocol):
    """One stream's way in: bytes → frames."""

    def receive(self, data: bytes) -> MelChunk:
        """The frames that became known by these bytes. Raises BadAudio."""
        ...

    def release(self) -> MelChunk | None:
        """Frames that wait for others to be judged by, where the stream may pause here; None:
        none wait."""
        ...

    def finish(self) -> MelChunk:
        """The last frames, once no more bytes come. Raises BadAudio."""
        ...

    @property
    def fault(self) -> BadAudio | None:
        """What was wrong with the stream's end; known once it is finished."""
        ...

    def close(self) -> None:
        """Let go of the stream, finished or not; at any time, and again."""
        ...


class PcmSource:
    """Raw samples of any rate."""

    def __init__(self, pcm: PcmFormat) -> None:
        self._reader = PcmReader(pcm)
        self._resampler = Resampler(pcm.sample_rate)
        self._fault: BadAudio | None = None

    def receive(self, data: bytes) -> Samples:
        """What became known by these bytes. Raises BadAudio where a float is not finite."""
        return self._resampler.receive(self._reader.receive(data))

    def finish(self) -> Samples:
        """What the resampler held."""
        try:
            self._reader.finish()
        except BadAudio as error:
            self._fault = error
        return self._resampler.finish()

    @property
    def fault(self) -> BadAudio | None:
        """A sample that was cut in the middle."""
        return self._fault

    def close(self) -> None:
        """Nothing to let go of."""


class Ear:
    """Samples at 16 kHz → frames. Mel and speech come at their own delays; frames leave with both.

    Over a whole stream it gives one frame for each 160 samples, the same however it is cut.
    """

    def __init__(self, n_mels: int, detector: Detector) -> None:
        self._log_mel = LogMel(n_mels)
        self._detector = detector
        self._at = 0
        """The frame that leaves next."""
        self._mel: Mel = np.empty((0, n_mels), np.float32)
        self._speech: Speech = np.empty(0, np.float32)

    def receive(self, samples: Samples) -> MelChunk:
        """The frames that became known by these samples; there may be none."""
        return self._pair(self._log_mel.receive(samples), self._detector.receive(samples))

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


class Door:
    """The way in of sound."""

    def __init__(self, reader: SampleReader, ear: Ear) -> None:
        self._reader = reader
        self._ear = ear

    def receive(self, data: bytes) -> MelChunk:
        """The frames that became known by these bytes. Raises BadAudio."""
        return self._ear.receive(self._reader.receive(data))

    def release(self) -> None:
        """None: what the ear holds is less than a frame of sound, or the detector's."""

    def finish(self) -> MelChunk:
        """The last frames, once no more bytes come. Raises BadAudio."""
        tail = self._ear.receive(self._reader.finish())
        return MelChunk.join([tail, self._ear.finish()])

    @property
    def fault(self) -> BadAudio | None:
        """What was wrong with the stream's end; known once it is finished."""
        return self._reader.fault

    def close(self) -> None:
        """Let go of the stream, finished or not; at any time, and again."""
        self._reader.close()
