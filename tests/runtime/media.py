"""Sound in containers of every kind, made on the spot, and ways to read it."""

import gc
import io
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from typing import Any

import av
import numpy as np

from sotto.audio.format import Samples
from sotto.runtime.container import ContainerReader

HERTZ = 440


def tone(seconds: float, rate: int) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * HERTZ * time)).astype(np.float32)


def picture(at: int) -> av.VideoFrame:
    frame = av.VideoFrame(64, 48, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.pts = at
    return frame


def sounds(layout: str, seconds: float, rate: int) -> Iterator[av.AudioFrame]:
    channels = 2 if layout == "stereo" else 1
    sound = np.repeat(tone(seconds, rate)[None], channels, axis=0)
    for at in range(0, sound.shape[1], 960):
        piece = np.ascontiguousarray(sound[:, at : at + 960])
        frame = av.AudioFrame.from_ndarray(piece, "fltp", layout)
        frame.sample_rate, frame.pts = rate, at
        yield frame


def make(
    form: str, codec: str, *, layout: str = "mono", seconds: float = 1.0, rate: int = 48_000
) -> bytes:
    """A tone in a container. `form` may end in `+video`, or in `+frag`: mp4 as a stream."""
    name, _, extra = form.partition("+")
    options = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}
    file = io.BytesIO()
    with av.open(file, "w", name, options if extra == "frag" else {}) as out:
        work: list[tuple[Any, Iterable[Any]]] = []
        if codec:
            audio = out.add_stream(codec, rate=rate, layout=layout)
            work.append((audio, sounds(layout, seconds, rate)))
        if extra == "video":
            video = out.add_stream("mpeg4", rate=10)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            work.append((video, map(picture, range(10))))
        for stream, frames in work:
            for frame in (*frames, None):
                out.mux(stream.encode(frame))
    return file.getvalue()


FILES = {
    "webm": ("webm", "libopus"),
    "ogg": ("ogg", "libopus"),
    "mp3": ("mp3", "libmp3lame"),
    "mp4 with video": ("mp4+video", "aac"),
    "fragmented mp4": ("mp4+frag", "aac"),
    "mkv with video": ("matroska+video", "flac"),
    "aac": ("adts", "aac"),
    "flac": ("flac", "flac"),
    "wav": ("wav", "pcm_s16le"),
    "wav of 8 bits": ("wav", "pcm_u8"),
    "wav of 24 bits": ("wav", "pcm_s24le"),
    "wav of floats": ("wav", "pcm_f32le"),
    "wav of doubles": ("wav", "pcm_f64le"),
}
STREAMS = ("webm", "ogg", "mp3", "fragmented mp4", "aac", "flac", "wav")
MEDIA = {name: make(form, codec) for name, (form, codec) in FILES.items()}


class Pipe:
    """A file that can only be read on, as standard input."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seekable(self) -> bool:
        return False


def push(data: bytes, cuts: Iterable[int] = ()) -> Samples:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    with closing(ContainerReader()) as reader:
        parts = [reader.receive(data[a:b]) for a, b in pairwise(edges)]
        return np.concatenate([*parts, reader.finish()])


def wav(sound: Samples, rate: int, form: str = "<i2") -> bytes:
    """A WAV file by hand, so that its header may lie."""
    floats = np.dtype(form).kind == "f"
    data = (sound if floats else np.round(sound * 32_767)).astype(form).tobytes()
    size = np.dtype(form).itemsize
    head = b"WAVEfmt " + np.array([16], "<u4").tobytes()
    head += np.array([3 if floats else 1, 1], "<u2").tobytes()
    head += np.array([rate, rate * size % 2**32], "<u4").tobytes()
    head += np.array([size, 8 * size], "<u2").tobytes()
    body = head + b"data" + np.array([len(data)], "<u4").tobytes() + data
    return b"RIFF" + np.array([len(body)], "<u4").tobytes() + body


def pull_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sotto-pull"]


def assert_no_thread_is_left() -> None:
    gc.collect()
    for thread in pull_threads():
        thread.join(timeout=10)
    assert not pull_threads()
