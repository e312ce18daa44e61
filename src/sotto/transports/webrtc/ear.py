"""A client's track as raw sound: whatever comes, at once, so that nothing piles up behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from av import AudioFrame, AudioResampler

from sotto.audio.format import PcmFormat

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCRtpReceiver

SOUND = PcmFormat(sample_rate=48_000)
"""What is heard of every track: Opus' own rate."""
MAX_GAP = SOUND.sample_rate
"""Samples of silence, one second, that stand in for what was lost on the way."""
PREFETCH = 1
"""Packets of 20 ms that are waited for before one is heard. aiortc waits for four, and loses
nothing less by it: what comes out of order is put in order either way."""


async def listen(track: MediaStreamTrack, hear: Callable[[bytes], None]) -> None:
    """Give all of its sound, as SOUND, until the track ends."""
    from aiortc import MediaStreamError

    ear = Ear()
    try:
        while True:
            frame = await track.recv()
            if isinstance(frame, AudioFrame):
                hear(ear.receive(frame))
    except MediaStreamError:
        return


class Ear:
    """Frames of any rate and channels → mono, on the track's own clock."""

    def __init__(self) -> None:
        self._resampler = AudioResampler("s16", "mono", SOUND.sample_rate)
        self._due: float | None = None
        """Seconds at which the next frame begins where none is lost."""

    def receive(self, frame: AudioFrame) -> bytes:
        """The frame's sound, after silence for what is missing before it."""
        out = self._resampler.resample(frame)
        sound = b"".join(bytes(each.planes[0])[: each.samples * 2] for each in out)
        return bytes(self._missing(frame) * SOUND.bytes_per_frame) + sound

    def _missing(self, frame: AudioFrame) -> int:
        """Samples."""
        at, due = frame.time, self._due
        if at is None:
            return 0
        self._due = at + frame.samples / frame.sample_rate
        missing = 0 if due is None else round((at - due) * SOUND.sample_rate)
        return min(max(missing, 0), MAX_GAP)


def hasten(receiver: RTCRtpReceiver) -> None:
    """Hear its packets sooner, where this version of aiortc has what is to be changed for it."""
    buffer = getattr(receiver, "_RTCRtpReceiver__jitter_buffer", None)
    if isinstance(getattr(buffer, "_prefetch", None), int):
        buffer._prefetch = PREFETCH  # type: ignore[union-attr]  # no public name leads there
