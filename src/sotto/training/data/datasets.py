"""A data set of Hugging Face's kind as a manifest, with its sound in files beside it.

`name-key/manifest.jsonl` and `name-key/audio/`, made once. The bytes are those of the data set, not
encoded anew; what they hold is found out where every manifest is checked.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from sotto.errors import BadManifest, BadOption, ModelUnavailable
from sotto.runtime.container import length_of
from sotto.training.config import DataSpec
from sotto.training.data.dataset_rows import Row, Rows
from sotto.training.manifest import FILE
from sotto.training.telling import Tell

VERSION = 1
"""Of what is written; another one is made anew."""
_AUDIO = "audio"
"""The folder of the sound."""
_EVERY = 1000
"""Rows after which something is told."""
_ASKED = ("dataset", "subset", "dataset_split", "audio_column", "text_column", "language", "limit")
_DIGITS = 8
"""Of each half of a key: what was asked for, and the data set's state."""


def manifest_of_dataset(spec: DataSpec, folder: Path, tell: Tell = lambda line: None) -> Path:
    """The manifest of a data set's rows, in a folder of its own under `folder`.

    Where the hub cannot be asked for the data set's state, the last one that was made stands.
    Raises ModelUnavailable where the data set cannot be had, BadOption where it has not what was
    asked for, BadManifest with every row at fault; then nothing is kept.
    """
    if find_spec("datasets") is None:
        raise BadOption(
            "train", "expected the package datasets, got none: pip install 'sotto[train]'"
        )
    writer = _Writer(Rows(spec), tell)
    try:
        state = writer.rows.state()
    except ModelUnavailable as error:
        made = sorted(folder.glob(f"{writer.prefix}*/{FILE}"), key=_age)
        if not made:
            raise
        tell(f"{error.message}; taking {made[-1]}")
        return made[-1]
    home = folder / f"{writer.prefix}{_digest(state)}"
    if not (home / FILE).exists():
        tell(f"reading the data set {spec.dataset}")
        with _writing(folder):
            writer.make(home, state)
    return home / FILE


@dataclass(frozen=True)
class _Writer:
    """Rows → a manifest."""

    rows: Rows
    tell: Tell

    @property
    def prefix(self) -> str:
        """Of the names of all folders in which the same was asked for."""
        asked = [getattr(self.rows.spec, key) for key in _ASKED]
        return f"{self.rows.name}-{_digest(json.dumps([VERSION, *asked, self.split]))}"

    @property
    def split(self) -> str:
        """What the manifest says."""
        return self.rows.spec.split or "train"

    def make(self, home: Path, state: str) -> None:
        """All of it or nothing; processes that do so at once do not see each other's."""
        home.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=home.parent, prefix=f".{home.name}-") as place:
            part = Path(place) / "part"
            (part / _AUDIO).mkdir(parents=True)
            self._write(part, self.rows.read(state))
            try:
                part.rename(home)
            except OSError:
                if not (home / FILE).exists():  # else another process was there first
                    raise

    def _write(self, folder: Path, rows: Iterator[Row]) -> None:
        faults: list[str] = []
        number = 0
        with (folder / FILE).open("w", encoding="utf-8") as file:
            for number, row in enumerate(rows, 1):
                faults += _faults(row)
                if not faults and row.sound is not None:
                    name = f"{_AUDIO}/{number:07}{row.suffix}"
                    (folder / name).write_bytes(row.sound)
                    line = self._line(row, name, row.sound)
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                if number % _EVERY == 0:
                    self.tell(f"reading the data set {self.rows.id}: {number} rows")
        if faults:
            raise BadManifest(faults)
        if not number:
            raise BadOption("data", f"{self.rows.id}: expected rows, got none")

    def _line(self, row: Row, name: str, sound: bytes) -> dict[str, object]:
        seconds = length_of(io.BytesIO(sound))
        line = {
            "path": name,
            "text": row.text,
            "language": self.rows.spec.language,
            "speaker": row.speaker,
            "split": self.split,
            "seconds": None if seconds is None else round(seconds, 3),
        }
        return {key: value for key, value in line.items() if value is not None}


def _faults(row: Row) -> Iterator[str]:
    if not isinstance(row.text, str):
        yield f"{row.place}: expected a string for a text, got {row.text!r:.40}"
    if row.sound is None:
        yield f"{row.place}: expected sound, or a file of it, got none"


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadOption("datasets", f"cannot write {folder}: {error.strerror}") from error


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
