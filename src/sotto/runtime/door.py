"""Where sound stops: bytes of any kind in, mel with the probability of speech out.

A door belongs to one stream. One thread at a time may use it; it need not stay the same thread.
"""

from __future__ import annotations

from typing import Protocol

from sotto.audio.chunk import MelChunk
from sotto.audio.format import PcmFormat, PcmReader, Samples
from sotto.audio.resample import Resampler
from sotto.errors import BadAudio
from sotto.runtime.ear import Ear


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

    @property
    def decodes(self) -> bool:
        """Whether a few bytes may be much work: others should not wait for it."""
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

    @property
    def decodes(self) -> bool:
        """No: a sample is a sample."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""


class Door:
    """The way in of sound."""

    def __init__(self, reader: SampleReader, ear: Ear) -> None:
        self.reader = reader
        self.ear = ear

    def receive(self, data: bytes) -> MelChunk:
        """The frames that became known by these bytes. Raises BadAudio."""
        return self.ear.receive(self.reader.receive(data))

    def release(self) -> None:
        """None: what the ear holds is less than a frame of sound, or the detector's."""

    def finish(self) -> MelChunk:
        """The last frames, once no more bytes come. Raises BadAudio."""
        tail = self.ear.receive(self.reader.finish())
        return MelChunk.join([tail, self.ear.finish()])

    @property
    def fault(self) -> BadAudio | None:
        """What was wrong with the stream's end; known once it is finished."""
        return self.reader.fault

    def close(self) -> None:
        """Let go of the stream, finished or not; at any time, and again."""
        self.reader.close()
