"""A spectrogram in a file, of any kind that is known by its first bytes → frames."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from sotto.audio import image, mel8, webp
from sotto.audio.chunk import Mel, MelChunk
from sotto.audio.edges import heard_in
from sotto.audio.mel8 import Mel8, ValueRange
from sotto.audio.png import SIGNATURE, make_png, parse_png, png_size
from sotto.errors import BadAudio
from sotto.runtime.container import limit_allocations

MAX_BYTES = 2 * mel8.MAX_BYTES
"""Of a file: packed rows never take twice their size, and metadata should not."""
HEAD = 12
"""First bytes of a file by which it is known."""

_UNKNOWN = "expected an image as PNG, WebP, TGA or mel8, got something else"
_TGA = b"\x08\x00\x03" + bytes(5)
_GRAY_STEPS = 219
_BLACK = 16
"""Luma of video has 220 levels from 16 on: ITU-R BT.601."""
_NEUTRAL, _TINT = 128, 4
"""What chroma is where there is no color, and how far it may be off."""


@dataclass(frozen=True)
class Outline:
    """What an image says of itself before its values are looked at."""

    bands: int
    frames: int
    position: int | None
    """Its first frame on its maker's clock; None for a picture, which knows none."""


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with these 12 bytes is an image and no sound."""
    return head.startswith((SIGNATURE, mel8.MAGIC, _TGA)) or webp.is_webp(head)


def see(data: bytes, given: ValueRange | None = None) -> MelChunk:
    """What there is to hear in an image, from frame 0 on.

    `given`: what black and white stand for, where the image itself does not say. Raises BadAudio.
    """
    seen = look(data, given)
    if not len(seen.mel):
        raise BadAudio("expected an image with frames, got none")
    if seen.speech is None:
        return heard_in(seen.mel)
    return MelChunk(0, seen.mel, seen.speech)


def look(data: bytes, given: ValueRange | None = None) -> Mel8:
    """An image of any kind, as if it were a message of a stream; a picture stands at frame 0.

    Raises BadAudio.
    """
    if data.startswith(mel8.MAGIC):
        return mel8.parse_mel8(data)
    if data.startswith(SIGNATURE):
        png = parse_png(data)
        return Mel8(0, _mel(_gray("png", png.plain), png.span or given), None)
    if webp.is_webp(data):
        return Mel8(0, _mel(_gray("webp", webp.parse_webp(data).plain), given), None)
    if data.startswith(_TGA):
        return Mel8(0, image.parse_image(data), None)
    raise BadAudio(_UNKNOWN)


def outline(data: bytes) -> Outline:
    """Of an image of any kind; nothing is unpacked. Raises BadAudio."""
    if data.startswith(mel8.MAGIC):
        head = mel8.parse_mel8_header(data)
        return Outline(head.bands, head.frames, head.position)
    if data.startswith(SIGNATURE):
        width, height = png_size(data)
    elif webp.is_webp(data):
        seen = webp.parse_webp(data)
        width, height = seen.width, seen.height
    elif data.startswith(_TGA):
        width, height = image.image_size(data)
    else:
        raise BadAudio(_UNKNOWN)
    return Outline(height, width, None)


def paint(mel: Mel) -> bytes:
    """The PNG of raw log10 power, float32[n, n_mels], with n from 1 to MAX_FRAMES."""
    span = ValueRange.of(mel)
    return make_png(np.ascontiguousarray(span.steps(mel).T[::-1]), span)


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
