"""The log-mel frames of a manifest's clips, computed once and kept on disk.

Half of the time of a training on few cores would go into making them again at every step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from sotto.audio.mel import LogMel
from sotto.errors import BadOption
from sotto.runtime.container import read_file
from sotto.training.manifest import Entry, Manifest

VERSION = 1
"""Of what a file of features holds; another one is made anew."""

Frames = NDArray[np.float16]
"""float16[n, n_mels]: raw log10 mel power; the error of rounding is below 0.004."""


@dataclass(frozen=True)
class Features:
    """Every clip's frames, one after the other."""

    entries: tuple[Entry, ...]
    starts: NDArray[np.int64]
    """int64[clips]: where each clip begins."""
    lengths: NDArray[np.int64]
    """int64[clips], in frames."""
    mel: Frames
    """float16[frames, n_mels], read from disk as it is needed."""

    def frames(self, clip: int) -> Frames:
        """float16[n, n_mels]."""
        return self.mel[self.starts[clip] : self.starts[clip] + self.lengths[clip]]

    def only(self, clips: Sequence[int]) -> Features:
        """Those of some clips, in this order."""
        places = np.array(clips, np.int64)
        entries = tuple(self.entries[clip] for clip in clips)
        return Features(entries, self.starts[places], self.lengths[places], self.mel)


@dataclass(frozen=True)
class FeatureStore:
    """A folder with the features of manifests that were read before."""

    folder: Path
    n_mels: int
    workers: int = 1

    def features(self, manifest: Manifest, tell: Callable[[], None] = lambda: None) -> Features:
        """Those of a manifest, all of whose clips were checked; `tell` is called for each clip.

        Raises BadOption where the folder cannot be written.
        """
        path = self.folder / f"{manifest.name}-{self._key(manifest.entries)}.npy"
        counts = path.with_suffix(".lengths.npy")
        if not counts.exists():
            with _writing(path):
                self._make(manifest.entries, path, counts, tell)
        lengths = np.load(counts)
        starts = np.cumsum(lengths) - lengths
        return Features(manifest.entries, starts, lengths, np.load(path, mmap_mode="r"))

    def _key(self, entries: Iterable[Entry]) -> str:
        """Changes with the files and with what is made of them."""
        digest = hashlib.sha256(json.dumps([VERSION, self.n_mels]).encode())
        for entry in entries:
            about = entry.path.stat()
            digest.update(f"{entry.name}\n{about.st_size}\n{about.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]

    def _make(
        self, entries: Sequence[Entry], path: Path, lengths: Path, tell: Callable[[], None]
    ) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.folder) as name:
            raw, whole, counted = (Path(name) / part for part in ("raw", "mel.npy", "lengths.npy"))
            counts = []
            with raw.open("wb") as file:
                for frames in self._frames([entry.path for entry in entries]):
                    file.write(frames.tobytes())
                    counts.append(len(frames))
                    tell()
            rows = np.memmap(raw, np.float16, "r") if sum(counts) else np.empty(0, np.float16)
            np.save(whole, rows.reshape(-1, self.n_mels))
            np.save(counted, np.array(counts, np.int64))
            whole.replace(path)
            # Last: that it is there says that both are whole.
            counted.replace(lengths)

    def _frames(self, paths: Sequence[Path]) -> Iterator[Frames]:
        work = partial(mel_of_file, n_mels=self.n_mels)
        if self.workers < 2 or len(paths) < 2:
            yield from map(work, paths)
            return
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            yield from pool.map(work, paths, chunksize=16)


def mel_of_file(path: Path, n_mels: int) -> Frames:
    """The frames of a file's sound, as the server's own door makes them. Raises BadAudio."""
    log_mel = LogMel(n_mels)
    pieces = [log_mel.receive(samples) for samples in read_file(path)]
    return np.concatenate([*pieces, log_mel.finish()]).astype(np.float16)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadOption("features", f"cannot write {path}: {error.strerror}") from error
