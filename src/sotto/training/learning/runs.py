"""A run's folder: what was asked for, what it was made with, how it went, and what came of it.

recipe.json      everything that was asked for        versions.json   of what it was made with
data.json        each set's hash, clips, hours        metrics.jsonl   a line for each report
curves.svg       loss and WER                         tensorboard/    the same for TensorBoard
checkpoints/     to go on from                        model/          the result, Hugging Face
export/          the result, as the server reads it
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sotto.errors import BadOption
from sotto.training.config import Recipe

_STEP = "step-"
_PART = ".part"
_VERSIONS = ("sotto", "torch", "transformers", "accelerate", "tokenizers", "numpy", "ctranslate2")


@dataclass(frozen=True)
class Run:
    """One training's folder."""

    folder: Path

    @property
    def model(self) -> Path:
        """The result, in Hugging Face's form."""
        return self.folder / "model"

    @property
    def export(self) -> Path:
        """The result, as the engine reads it."""
        return self.folder / "export"

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return self.model.is_dir()

    def check(self, recipe: Recipe) -> None:
        """Raises BadOption where the folder is another recipe's."""
        path = self.folder / "recipe.json"
        if path.exists() and self.recipe() != recipe:
            raise BadOption(
                "run",
                f"expected the recipe that {self.folder} was begun with, got another one: "
                "choose another --run, or remove the folder",
            )

    def open(self, recipe: Recipe) -> None:
        """Begin it, if it is not begun. Raises BadOption where it cannot be written."""
        if (self.folder / "recipe.json").exists():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.write("versions.json", _versions())
            self.write("recipe.json", recipe.model_dump(mode="json"))
        except OSError as error:
            raise BadOption("run", f"cannot write {self.folder}: {error.strerror}") from error

    def recipe(self) -> Recipe:
        """What was asked for. Raises BadOption."""
        path = self.folder / "recipe.json"
        try:
            return Recipe.model_validate_json(path.read_text())
        except (OSError, ValueError) as error:
            raise BadOption(
                "run", f"expected a run's folder, got {self.folder}: {error}"
            ) from error

    def write(self, name: str, value: object) -> None:
        """A JSON file, whole or not at all."""
        text = json.dumps(value, indent=1, ensure_ascii=False)
        self.write_text(name, f"{text}\n")

    def write_text(self, name: str, text: str) -> None:
        """A file, whole or not at all."""
        part = self.folder / f".{name}{_PART}"
        part.write_text(text, encoding="utf-8")
        part.replace(self.folder / name)

    @contextmanager
    def replacing(self, folder: Path) -> Iterator[Path]:
        """A new folder that takes the place of one when all of it is written."""
        part = folder.with_name(f".{folder.name}{_PART}")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)

    def metrics(self) -> list[dict[str, float]]:
        """All lines so far; one that was cut off by a kill is left out."""
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return []
        lines = path.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def rewind(self, step: int) -> None:
        """Forget the metrics of steps that will be made again."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        self.write_text("metrics.jsonl", "".join(kept))

    def tell(self, metrics: Mapping[str, float]) -> None:
        """Add a line."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(metrics) + "\n")

    def checkpoints(self) -> list[tuple[int, Path]]:
        """Whole ones, by step."""
        found = (self.folder / "checkpoints").glob(f"{_STEP}*")
        return sorted((int(path.name.removeprefix(_STEP)), path) for path in found)

    def save(self, step: int, keep: int, write: Callable[[Path], None]) -> None:
        """A checkpoint that `write` makes in a folder; of older ones only `keep` - 1 stay."""
        with self.replacing(self.folder / "checkpoints" / f"{_STEP}{step:07}") as part:
            write(part)
        for _, old in self.checkpoints()[:-keep]:
            shutil.rmtree(old)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
