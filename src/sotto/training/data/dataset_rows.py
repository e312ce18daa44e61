"""The rows of a data set, of the Hugging Face hub or a folder, with sound as the file it came in.

Rows are streamed: nothing is kept that was not asked for, and of a few rows only these are loaded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from sotto.errors import BadOption, ModelUnavailable
from sotto.training.config import DataSpec

SPEAKERS = ("speaker_id", "speaker", "client_id")
"""Columns that may name who speaks; the first that is there does."""
_TIMEOUT = 10.0
"""Seconds in which the hub must begin to answer."""
_SUFFIX = re.compile(r"\.\w{1,8}", re.ASCII)


@dataclass(frozen=True)
class Row:
    """What a row says of a clip."""

    place: str
    """`data set:row`, for errors; the first row is 0."""
    text: object
    sound: bytes | None
    """A file's; None where there is none."""
    suffix: str
    """Of that file, or empty."""
    speaker: str | None


@dataclass(frozen=True)
class Rows:
    """Where a set's rows come from."""

    spec: DataSpec

    @property
    def id(self) -> str:
        """As the recipe has it."""
        return self.spec.dataset or ""

    @property
    def name(self) -> str:
        """Fit for a file."""
        return re.sub(r"[^\w.-]", "-", PurePosixPath(self.id).name)

    @property
    def home(self) -> Path | None:
        """The folder; None on the hub."""
        path = Path(self.id)
        return path if path.is_dir() else None

    def state(self) -> str:
        """Changes with the data: the hub's revision, or the names, sizes and times of the files.

        Raises ModelUnavailable, BadOption.
        """
        if self.home is None:
            return _revision(self.id)
        digest = hashlib.sha256()
        for path in sorted(self.home.rglob("*")):
            # The library keeps caches of its own in a folder that it saved.
            if path.is_file() and not path.name.startswith("cache-"):
                about = path.stat()
                name = path.relative_to(self.home)
                digest.update(f"{name}\n{about.st_size}\n{about.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def read(self, state: str) -> Iterator[Row]:
        """Those of a state. Raises ModelUnavailable, BadOption."""
        spec = self.spec
        with _reading(self.id):
            dataset = self._load(state)
            columns = list(dataset.column_names or next(iter(dataset), {}))
            wanted = (spec.audio_column, spec.text_column)
            if not set(wanted) <= set(columns):
                raise BadOption(
                    "data",
                    f"{self.id}: expected the columns {' and '.join(wanted)}, "
                    f"got {', '.join(columns) or 'none'}",
                )
            who = [column for column in SPEAKERS if column in columns][:1]
            kept = dataset.select_columns([*wanted, *who])
            encoded = _encoded(kept, spec.audio_column)
            for number, row in enumerate(islice(encoded, spec.limit)):
                yield self._row(number, row, *who)

    def _row(self, number: int, row: Mapping[str, Any], who: str | None = None) -> Row:
        sound, path = self._sound(row[self.spec.audio_column])
        return Row(
            f"{self.id}:{number}",
            row[self.spec.text_column],
            sound,
            _suffix(path),
            self._speaker(row[who]) if who else None,
        )

    def _load(self, state: str) -> Any:
        from datasets import load_dataset_builder

        spec, home = self.spec, self.home
        if home is not None and any(
            (home / name).exists() for name in ("state.json", "dataset_dict.json")
        ):
            return self._saved()
        builder = load_dataset_builder(self.id, spec.subset, revision=None if home else state)
        if hasattr(builder.config, "decode_num_threads"):
            builder.config.decode_num_threads = 0  # else sound of the hub is decoded on its way
        return builder.as_streaming_dataset(split=spec.dataset_split)

    def _saved(self) -> Any:
        """What `save_to_disk` wrote: one split, or some."""
        from datasets import load_from_disk

        wanted, saved = self.spec.dataset_split, load_from_disk(self.id)
        if self.spec.subset is not None:
            raise BadOption("data", f"{self.id}: expected no subset, got {self.spec.subset!r}")
        if not isinstance(saved, dict):
            return saved
        if wanted not in saved:
            raise BadOption(
                "data",
                f"{self.id}: expected a dataset_split of {', '.join(saved)}, got {wanted!r}",
            )
        return saved[wanted]

    def _sound(self, value: object) -> tuple[bytes | None, str | None]:
        """A file's bytes, and where it was, as far as is known."""
        match value:
            case bytes():
                return value, None
            case str():
                return self._file(value), value
            case {"bytes": bytes() as found, "path": str() as path}:
                return found, path
            case {"bytes": bytes() as found}:
                return found, None
            case {"path": str() as path}:
                return self._file(path), path
            case _:
                return None, None

    def _file(self, path: str) -> bytes | None:
        """Read from a path or URL, which may lie in an archive: `zip://a.wav::hf://…`."""
        import fsspec

        if self.home is not None:
            place = path if "://" in path else str(self.home / path)
        elif path.rpartition("::")[2].startswith("hf://"):
            place = path
        else:  # a row of the hub may name a file of the hub, but none of this machine
            return None
        try:
            with fsspec.open(place, "rb") as file:
                found: bytes = file.read()
        except FileNotFoundError:
            return None
        return found

    def _speaker(self, value: object) -> str | None:
        """Told apart from another data set's of the same number."""
        return None if value in (None, "") else f"{self.name}/{value}"


def _encoded(dataset: Any, column: str) -> Any:
    """With sound not decoded; else than in these ways the library wants torchcodec for it."""
    from datasets import Audio, Dataset, Value

    if not isinstance((dataset.features or {}).get(column), Audio):
        return dataset
    if isinstance(dataset, Dataset):
        return dataset.cast_column(column, Audio(decode=False))
    if dataset.info.builder_name == "audiofolder":  # gives paths; all others give both
        return dataset.cast_column(column, Value("string"))
    return dataset.cast_column(column, {"bytes": Value("binary"), "path": Value("string")})


def _suffix(path: str | None) -> str:
    found = PurePosixPath((path or "").split("::")[0]).suffix
    return found if _SUFFIX.fullmatch(found) else ""


def _revision(id_: str) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    with _reading(id_):
        try:
            found = HfApi().dataset_info(id_, timeout=_TIMEOUT).sha
        except HFValidationError as error:
            raise BadOption(
                "data", f"expected a folder or a data set of the hub, got {id_!r}"
            ) from error
    return found or ""


@contextmanager
def _reading(id_: str) -> Iterator[None]:
    """What the libraries raise → ours."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HTTPError,  # not theirs but their HTTP client's: httpx in version 1, httpx2 in version 2
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"{id_} asks who you are: accept its terms on the hub, then set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelUnavailable(
            f"expected a folder or a data set that the hub shows you, got {id_}"
        ) from error
    except (HTTPError, OSError) as error:
        raise ModelUnavailable(f"cannot read the data set {id_}: {_first_line(error)}") from error
    except (ValueError, RuntimeError, ImportError, DatasetsError) as error:
        raise BadOption("data", f"{id_}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
