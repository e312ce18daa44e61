"""How much sound came, over all streams of a session."""

from __future__ import annotations

from dataclasses import dataclass

from sotto.audio.format import FRAMES_PER_SECOND, PcmFormat, seconds
from sotto.audio.mel8 import HEADER, parse_mel8_header
from sotto.errors import BadAudio
from sotto.runtime.requests import SoundFormat


@dataclass
class Meter:
    """Counts raw samples by their bytes, and images by their place on their client's clock."""

    taken: int = 0
    """Bytes of samples."""
    image_end: int = 0
    """The frame after the last of the images."""

    def at(self, sound: SoundFormat) -> int:
        """Frames that came."""
        if not isinstance(sound, PcmFormat):
            return self.image_end
        return self.taken * FRAMES_PER_SECOND // (sound.bytes_per_frame * sound.sample_rate)

    def begin(self, data: bytes, sound: SoundFormat) -> int:
        """The frame at which a stream begins whose first piece that is. Raises BadAudio."""
        if not isinstance(sound, PcmFormat):
            self.image_end = max(self.image_end, parse_mel8_header(data).position)
        return self.at(sound)

    def count(self, data: bytes, sound: SoundFormat) -> float:
        """Seconds that this piece is long. Raises BadAudio for an image that is none."""
        if not isinstance(sound, PcmFormat):
            head = parse_mel8_header(data)
            before, self.image_end = self.image_end, head.position + head.frames
            return seconds(max(self.image_end - before, 0))
        self.taken += len(data)
        return len(data) / (sound.bytes_per_frame * sound.sample_rate)


def since(begun: int, data: bytes, sound: SoundFormat) -> bytes:
    """The piece as a stream hears it that began at that frame. Raises BadAudio for an image from
    before it."""
    if isinstance(sound, PcmFormat):
        return data
    magic, version, flags, bands, position, *rest = HEADER.unpack_from(data)
    if position < begun:
        raise BadAudio(f"expected an image from frame {begun} on, got one at frame {position}")
    head = HEADER.pack(magic, version, flags, bands, position - begun, *rest)
    return head + data[HEADER.size :]
