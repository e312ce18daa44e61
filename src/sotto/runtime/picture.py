"""A spectrogram in a file, of any kind that is known by its first bytes → frames."""

from __future__ import annotations

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from sotto.audio import image, mel8, webp
from sotto.audio.chunk import Mel, MelChunk
from sotto.audio.edges import heard_in
from sotto.audio.mel8 import ValueRange
from sotto.audio.png import SIGNATURE, make_png, parse_png
from sotto.errors import BadAudio
from sotto.runtime.container import limit_allocations

MAX_BYTES = 2 * mel8.MAX_BYTES
"""Of a file: packed rows never take twice their size, and metadata should not."""
HEAD = 12
"""First bytes of a file by which it is known."""

_TGA = b"\x08\x00\x03" + bytes(5)
_GRAY_STEPS = 219
_BLACK = 16
"""Luma of video has 220 levels from 16 on: ITU-R BT.601."""
_NEUTRAL, _TINT = 128, 4
"""What chroma is where there is no color, and how far it may be off."""


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with these 12 bytes is an image and no sound."""
    return head.startswith((SIGNATURE, mel8.MAGIC, _TGA)) or webp.is_webp(head)


def see(data: bytes, given: ValueRange | None = None) -> MelChunk:
    """What there is to hear in an image, from frame 0 on.

    `given`: what black and white stand for, where the image itself does not say. Raises BadAudio.
    """
    if data.startswith(mel8.MAGIC):
        return _of_mel8(data)
    if data.startswith(SIGNATURE):
        png = parse_png(data)
        return heard_in(_mel(_gray("png", png.plain), png.span or given))
    if webp.is_webp(data):
        return heard_in(_mel(_gray("webp", webp.parse_webp(data).plain), given))
    if data.startswith(_TGA):
        return heard_in(image.parse_image(data))
    raise BadAudio("expected an image as PNG, WebP, TGA or mel8, got something else")


def paint(mel: Mel) -> bytes:
    """The PNG of raw log10 power, float32[n, n_mels], with n from 1 to MAX_FRAMES."""
    span = ValueRange.of(mel)
    return make_png(np.ascontiguousarray(span.steps(mel).T[::-1]), span)


def _of_mel8(data: bytes) -> MelChunk:
    seen = mel8.parse_mel8(data)
    if not len(seen.mel):
        raise BadAudio("expected an image with frames, got none")
    if seen.speech is None:
        return heard_in(seen.mel)
    return MelChunk(0, seen.mel, seen.speech)


def _mel(gray: NDArray[np.uint8], span: ValueRange | None) -> Mel:
    """Of uint8[bands, frames], the highest band first."""
    if span is None:
        raise BadAudio("expected an image that tells its min and max, or both beside it, got none")
    return np.ascontiguousarray(span.values(gray[::-1]).T)


def _gray(codec: str, data: bytes) -> NDArray[np.uint8]:
    """uint8[height, width] of a file whose size is checked."""
    limit_allocations()
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = {"err_detect": "explode"}
    try:
        frames = decoder.decode(av.Packet(data)) or decoder.decode(None)
    except av.FFmpegError:
        frames = []
    if not frames:
        raise BadAudio("expected a picture that can be unpacked, got a damaged one")
    return _luma(frames[0])


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    if frame.format.name == "gray":
        return _plane(frame.planes[0])
    if frame.format.name == "argb":
        pixels = np.asarray(frame.to_ndarray(), np.uint8)
        opaque = (pixels[..., 0] == 255).all()
        if not opaque or (pixels[..., 1:] != pixels[..., 1:2]).any():
            raise BadAudio("expected a gray picture without transparency, got another")
        return np.ascontiguousarray(pixels[..., 1])
    if frame.format.name == "yuv420p":
        return _luma_of_video(frame)
    raise BadAudio(f"expected a gray picture, got {frame.format.name}")


def _luma_of_video(frame: av.VideoFrame) -> NDArray[np.uint8]:
    luma, *chroma = map(_plane, frame.planes)
    if any(np.abs(tint.astype(np.int16) - _NEUTRAL).max() > _TINT for tint in chroma):
        raise BadAudio("expected a gray picture, got one of color")
    levels = (luma.astype(np.float32) - _BLACK) * (255 / _GRAY_STEPS)
    gray: NDArray[np.uint8] = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return gray


def _plane(plane: VideoPlane) -> NDArray[np.uint8]:
    """uint8[height, width] of one whose lines may be padded."""
    lines = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
    return lines[:, : plane.width]
