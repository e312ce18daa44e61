"""Checkpoints in the package, in a folder of ours, at a path, or on the Hugging Face hub."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from sotto.errors import ModelUnavailable, UnknownModel
from sotto.interfaces.checkpoints import Progress
from sotto.plugins.checkpoints import catalog

WEIGHTS = "model.bin"
NEEDED: tuple[tuple[str, ...], ...] = (
    ("config.json",),
    ("tokenizer.json",),
    ("vocabulary.json", "vocabulary.txt"),
    (WEIGHTS,),
)
"""One file of each row makes a folder a checkpoint: CTranslate2 reads the vocabulary, we the
tokenizer."""

FILES = (
    "sotto.json",
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocabulary.json",
    "vocabulary.txt",
    WEIGHTS,
)
"""What is fetched, in this order: the weights come last, so that a folder that an interrupted
download left behind never looks complete."""

_REPO = re.compile(r"[\w.-]+/[\w.-]+")


def missing(folder: Path) -> str | None:
    """The first needed file that a folder lacks, for people; None where it is a checkpoint."""
    for row in NEEDED:
        if not any((folder / name).is_file() for name in row):
            return " or ".join(row)
    return None


def size(folder: Path) -> int:
    """Bytes of the checkpoint's files."""
    return sum((folder / name).stat().st_size for name in FILES if (folder / name).is_file())


def _is_path(name: str) -> bool:
    """Whether a name is meant as a place on this machine."""
    return name.startswith((".", "~", "/")) or Path(name).is_absolute() or _is_folder(name)


def _is_folder(name: str) -> bool:
    return bool(name) and Path(name).is_dir()  # Path("") is the current folder


class Checkpoints:
    """Finds and fetches checkpoints; those that are fetched lie in `folder`, one folder each."""

    def __init__(self, folder: Path, endpoint: str | None = None) -> None:
        self.folder = folder
        self._endpoint = endpoint
        """URL of the hub; None takes the hub library's own (HF_ENDPOINT)."""

    def find(self, name: str) -> Path | None:
        """The folder of a checkpoint that is on this machine, else None."""
        place = self.place(name)
        return place if missing(place) is None else None

    def place(self, name: str) -> Path:
        """Where a checkpoint lies, or would lie once it is pulled."""
        entry = catalog.lookup(name)
        if entry is not None and entry.repo is None:
            return Path(str(resources.files("sotto"))) / "assets" / entry.name
        own = self.folder / name
        if missing(own) is None:  # copied there by hand, under a name of its owner's choice
            return own
        if entry is None and _is_path(name):
            return Path(name).expanduser().absolute()
        repo = entry.repo if entry and entry.repo else name
        return self.folder / repo.replace("/", "--")

    def downloaded(self) -> list[str]:
        """Names of the checkpoints in `folder`, as `find` takes them."""
        if not self.folder.is_dir():
            return []
        here = sorted(path.name for path in self.folder.iterdir() if missing(path) is None)
        return [name.replace("--", "/", 1) for name in here]

    def pull(self, name: str, progress: Progress | None = None) -> Path:
        """The checkpoint's folder, downloaded where it was not here.

        Raises UnknownModel where nothing has that name, ModelUnavailable where it cannot be
        reached or is no checkpoint.
        """
        place = self.place(name)
        lacks = missing(place)
        if lacks is None:
            return place
        entry = catalog.lookup(name)
        if entry is None and _is_path(name):
            raise ModelUnavailable(
                f"expected a checkpoint in {place}, got "
                f"{f'a folder without {lacks}' if place.is_dir() else 'no such folder'}"
            )
        repo = entry.repo if entry else name
        if repo is None:
            raise ModelUnavailable(f"expected {lacks} in {place}: the package is incomplete")
        if not _REPO.fullmatch(repo):
            raise UnknownModel(name, [*catalog.names(), "owner/repository", "/a/folder"])
        from sotto.plugins.checkpoints import hub

        hub.fetch(hub.Request(name, repo, place, self._endpoint), FILES, progress)
        if (lacks := missing(place)) is not None:
            raise ModelUnavailable(
                f"expected a CTranslate2 conversion of Whisper in {repo}, got no {lacks}"
            )
        return place
