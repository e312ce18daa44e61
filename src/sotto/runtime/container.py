"""Any audio or video file, and any stream that a browser records → mono samples at 16 kHz.

PyAV, which brings ffmpeg's demuxers and decoders, is imported here, and in picture.py for pictures
whose size is checked. What it is given comes from strangers, so it sees bytes and never a name;
takes only formats that cannot refer to other files or addresses; never decodes video, not even to
find out what it is; and what it allocates, a decoded piece, and all that one message may decode to
have a largest size each.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from sotto.audio.format import MAX_CHANNELS, MAX_RATE, MIN_RATE, SAMPLE_RATE, Samples
from sotto.audio.resample import Resampler
from sotto.errors import BadAudio
from sotto.runtime.pull import BrokenOff, Held, PullThread, Readable

FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,"
    "wav,webm,wv"
)
"""ffmpeg's names of the containers that are taken; `mov` is mp4 and m4a too, `asf` is wma."""

CODECS = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,ape,dca,eac3,flac,gsm,"
    "gsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,mp1,mp1float,mp2,mp2float,mp3,mp3float,"
    "opus,pcm_alaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,"
    "pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,speex,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,"
    "wmav2,wmavoice"
)
"""ffmpeg's names of the decoders that are run."""

MAX_SILENT_BYTES = 16 << 20
"""What a stream may send without any sound: a container can announce a packet of any size."""
MAX_FRAME_SAMPLES = 1 << 19
"""Samples of a channel in one decoded piece. The longest are those of TTA, 1.05 s."""

MAX_ALLOCATION = 128 << 20
"""Bytes that ffmpeg may ask for at once. A WAV of 100 bytes can make it ask for 2 GB, filled."""

_MAGIC = {b"OggS": "ogg", b"\x1aE\xdf\xa3": "matroska"}
"""First bytes → format. ffmpeg itself looks at 2,048 bytes first: a second of low-rate Opus."""
MAGIC_BYTES = 4
"""Those by which a stream that a browser records is known."""
_OPTIONS = {"format_whitelist": FORMATS, "codec_whitelist": CODECS}
_LIVE = {"probesize": "2048", "analyzeduration": "0"}
"""A second look at the bytes, which ffmpeg likes to take, would cost a stream its first seconds."""
_SUCH_AS = "such as wav, mp3, flac, ogg, webm or mp4"


def read_file(file: Path | BinaryIO) -> Iterator[Samples]:
    """The sound of a file, seekable or not, in pieces of a second or a little more.

    A file that breaks off gives what it holds. Raises BadAudio where it is no sound, or sound
    beyond the limits; OSError where it cannot be read.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            yield from read_file(opened)
        return
    if _is_empty(file):
        raise BadAudio(f"expected a file with sound, {_SUCH_AS}; got an empty one")
    held = Held()
    try:
        for samples in _decode(file, _OPTIONS):
            held.add(samples)
            if held.length >= SAMPLE_RATE:
                yield held.take()
    except BrokenOff:
        pass  # what came before is all there is
    if held.length:
        yield held.take()


def is_recorded(head: bytes) -> bool:
    """Whether what begins so is a container as recorders in browsers make them."""
    return head[:MAGIC_BYTES] in _MAGIC


def length_of(file: BinaryIO) -> float | None:
    """Seconds of sound, where the container says so; the file is left at its beginning."""
    if not file.seekable():
        return None
    try:
        with av.open(file, "r", options=_OPTIONS, metadata_errors="replace") as container:
            duration = container.duration
    except av.FFmpegError:
        return None
    finally:
        file.seek(0)
    return duration / av.time_base if duration and duration > 0 else None


class ContainerReader:
    """One stream of a container's bytes, cut anywhere, as MediaRecorder sends them.

    PyAV pulls its bytes, so it runs in a thread that sleeps while there are none. `receive` waits
    until that thread has used up what it was given: the same bytes always give the same samples.
    The thread ends with `finish`, `close`, an error, or when the reader is forgotten.
    """

    def __init__(self) -> None:
        self._head = b""
        self._silent = 0
        """Bytes since the last sound."""
        self._worker: PullThread | None = None

    def receive(self, data: bytes) -> Samples:
        """What these bytes made decodable. Raises BadAudio."""
        if self._worker is None:
            self._head += data
            if len(self._head) < MAGIC_BYTES:
                return np.empty(0, np.float32)
            data, self._head = self._head, b""
            self._worker = self._start(data)
        samples = self._worker.feed(data)
        self._silent = 0 if len(samples) else self._silent + len(data)
        if self._silent > MAX_SILENT_BYTES:
            self.close()
            raise BadAudio(
                f"expected sound within {MAX_SILENT_BYTES} bytes, got {self._silent} without any"
            )
        return samples

    def finish(self) -> Samples:
        """The rest, once no more bytes come. Raises BadAudio where there were bytes but no sound.

        A container that breaks off is no error: a recorder that vanishes leaves one.
        """
        if self._worker is None:
            if not self._head:
                return np.empty(0, np.float32)
            self._worker = self._start(self._head)
            self._worker.feed(self._head)
        return self._worker.end()

    @property
    def fault(self) -> BadAudio | None:
        """None: a container that breaks off tells by `finish`, or ends where it ends."""
        return None

    @property
    def decodes(self) -> bool:
        """Yes: a second of silence may be a handful of bytes."""
        return True

    def close(self) -> None:
        """Stop the thread, wherever the stream stands; at any time, more than once if need be."""
        if self._worker is not None:
            self._worker.abandon()
            self._worker.join()

    def _start(self, head: bytes) -> PullThread:
        container_format = _MAGIC.get(head[:MAGIC_BYTES])
        worker = PullThread(lambda pipe: _decode(pipe, _OPTIONS | _LIVE, container_format))
        weakref.finalize(self, worker.abandon)
        return worker


def _is_empty(file: BinaryIO) -> bool:
    if not file.seekable():
        return False
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return here == end


def _decode(
    file: Readable, options: dict[str, str], container_format: str | None = None
) -> Generator[Samples, None, None]:
    """The sound, in the pieces in which it was packed. Raises BadAudio, BrokenOff."""
    heard = 0
    cause: av.FFmpegError | None = None
    resampler = Resampler(SAMPLE_RATE)
    try:
        for frame in _frames(file, options, container_format):
            if frame.sample_rate != resampler.rate:  # the first frame, or a chained Ogg
                yield resampler.finish()
                resampler = Resampler(frame.sample_rate)
            heard += frame.samples
            yield resampler.receive(_mono(frame))
    except av.FFmpegError as error:
        cause = error
    yield resampler.finish()
    if not heard:
        raise BadAudio("expected sound, got a container out of which none can be had") from cause
    if cause:
        raise BrokenOff("expected a whole container, got one that breaks off") from cause


def _frames(
    file: Readable, options: dict[str, str], container_format: str | None
) -> Iterator[av.AudioFrame]:
    """Raises BadAudio where the bytes are no container with sound, FFmpegError where they end."""
    limit_allocations()
    try:
        container = av.open(file, "r", container_format, options, metadata_errors="replace")
    except av.FFmpegError as error:
        raise BadAudio(
            f"expected audio or video, {_SUCH_AS}; got bytes that are none of these, or too few"
        ) from error
    with container:
        for packet in container.demux(_audio_stream(container)):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue  # one damaged packet is a click, not the end
            for frame in frames:
                _check(frame.sample_rate, frame.layout.nb_channels)
                yield frame


def limit_allocations() -> None:
    """For all of ffmpeg in this process; PyAV has no name for it, but loads the library it is in.

    Where a platform does not find symbols in such a way (Windows), there is no such limit.
    """
    with suppress(AttributeError):
        ctypes.CDLL(av.frame.__file__).av_max_alloc(ctypes.c_size_t(MAX_ALLOCATION))


def _audio_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise BadAudio(f"expected a container with an audio stream, got one with {kinds} alone")
    stream = container.streams.audio[0]
    # PyAV's types leave out that ffmpeg may have no decoder for a stream.
    codec = cast("AudioCodecContext | None", stream.codec_context)
    if codec is None or codec.name not in CODECS.split(","):
        name = "an unknown one" if codec is None else codec.name
        raise BadAudio(f"expected an audio codec such as opus, aac, mp3 or flac; got {name}")
    # 0 is "not known before the first frame", which is checked again.
    _check(codec.sample_rate or MIN_RATE, codec.channels or 1)
    codec.options = {"max_samples": str(MAX_FRAME_SAMPLES)}
    return stream


def _check(rate: int, channels: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise BadAudio(f"expected a sample rate of {MIN_RATE} to {MAX_RATE}, got {rate}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise BadAudio(f"expected 1 to {MAX_CHANNELS} channels, got {channels}")


def _mono(frame: av.AudioFrame) -> Samples:
    """The mean of a frame's channels, -1..1."""
    packed: NDArray[Any] = frame.to_ndarray()
    """[channels, n] where the format is planar, else [1, n × channels]."""
    sound = packed.T if frame.format.is_planar else packed.reshape(frame.samples, -1)
    if sound.dtype.kind == "f":
        if not np.isfinite(sound).all():
            raise BadAudio("expected finite samples, got NaN or infinity")
        sound = np.clip(sound, -1.0, 1.0)  # before the mean, lest the sum overflow
        middle, full_scale = 0.0, 1.0
    else:
        full_scale = 2.0 ** (8 * sound.itemsize - 1)
        middle = np.iinfo(sound.dtype).min + full_scale  # 128 where bytes are unsigned, else 0
    mono: Samples = (sound.mean(axis=1, dtype=np.float32) - middle) / full_scale
    return mono
