"""What came of a search, all of it in one folder:

    trials.json   every trial, kept up to date while they run    trials/000/   each trial's run
    trials.svg    WER by value and by step                       best.toml     a recipe to train

`features/` in `trials/` is what all of them learn from.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from sotto.errors import BadOption
from sotto.training.config import Recipe
from sotto.training.learning.runs import Run
from sotto.training.learning.space import Choices, Domain, SearchSpec, Value
from sotto.training.synthesis.folders import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "trials.json"
BEST = "best.toml"
PICTURE = "trials.svg"

Status: TypeAlias = Literal["begun", "finished", "stopped", "failed"]
"""`begun` is also what a kill leaves behind; `stopped` is early, because others were better."""

_COLORS = {"begun": "tab:green", "finished": "tab:blue", "stopped": "tab:gray", "failed": "tab:red"}
_COLUMNS = 3
_TOP = 110
"""Percent: a network that loops in its first steps has ten times as much."""


class Trial(BaseModel):
    """One training with its own values."""

    model_config = ConfigDict(frozen=True)

    number: int
    values: dict[str, Value]
    status: Status = "begun"
    wer: float | None = None
    """The best so far, 0 to 1 or more."""
    steps: int = 0
    seconds: float = 0.0
    """Of work, up to the last validation."""
    error: str | None = None
    curve: tuple[tuple[int, float], ...] = ()
    """Step and WER of each validation."""

    @property
    def ended(self) -> bool:
        """Whether nothing will be done about it any more."""
        return self.status != "begun"

    @property
    def folder(self) -> str:
        """Its run's, in the search's."""
        return f"trials/{self.number:03}"

    def measured(self, metrics: Sequence[dict[str, float]], seconds: float) -> Self:
        """With what its run tells."""
        curve = tuple((int(line["step"]), line["wer"]) for line in metrics if "wer" in line)
        return self.model_copy(
            update={
                "curve": curve,
                "wer": min((wer for _, wer in curve), default=None),
                "steps": int(metrics[-1]["step"]) if metrics else 0,
                "seconds": round(seconds, 1),
            }
        )


class Trials(BaseModel):
    """All of a search, by number."""

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    trials: tuple[Trial, ...] = ()

    @property
    def best(self) -> Trial | None:
        """That with the least WER; None where none was measured."""
        return min(self._by_wer(), key=lambda trial: trial.wer or 0, default=None)

    def put(self, trial: Trial) -> Trials:
        """With a trial that is new or has changed."""
        others = {one.number: one for one in self.trials} | {trial.number: trial}
        return self.model_copy(update={"trials": tuple(others[key] for key in sorted(others))})

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows in words, the best first."""
        keys = list(self.trials[0].values) if self.trials else []
        measured = sorted(self._by_wer(), key=lambda trial: trial.wer or 0)
        rest = [trial for trial in self.trials if trial not in measured]
        head = ["trial", "WER %", "status", "steps", "minutes", *keys]
        return head, [_row(trial, keys) for trial in [*measured, *rest]]

    def _by_wer(self) -> list[Trial]:
        return [t for t in self.trials if t.wer is not None and t.status != "failed"]


def _row(trial: Trial, keys: Sequence[str]) -> list[str]:
    wer = "-" if trial.wer is None else f"{100 * trial.wer:.2f}"
    about = [str(trial.number), wer, trial.status, str(trial.steps), f"{trial.seconds / 60:.1f}"]
    return [*about, *(written(trial.values[key]) for key in keys)]


def written(value: Value) -> str:
    """For people: four digits are enough."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def read_trials(folder: Path, recipe: Recipe) -> Trials:
    """What is known of a recipe's search in a folder; nothing where it has not begun.

    Raises BadOption where the folder is another search's. `trials` and `at_once` may differ.
    """
    path = folder / FILE
    try:
        found = Trials.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Trials(recipe=recipe)
    except (OSError, ValidationError) as error:
        raise BadOption("run", f"expected a search's trials in {path}, got {error}") from error
    if _essence(found.recipe) != _essence(recipe):
        raise BadOption(
            "run",
            f"expected the search that {folder} was begun with, got another one: "
            "choose another --run, or remove the folder",
        )
    return found.model_copy(update={"recipe": recipe})


def _essence(recipe: Recipe) -> Recipe:
    if recipe.search is None:
        return recipe
    search = recipe.search.model_copy(update={"trials": 1, "at_once": 1})
    return recipe.model_copy(update={"search": search})


def write_into(folder: Path, name: str, text: str) -> None:
    """A file of the search, whole or not at all. Raises BadOption."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, text)
    except OSError as error:
        raise BadOption("run", f"cannot write {folder}: {error.strerror}") from error


@dataclass
class Ledger:
    """What is known of all trials, on disk at any time."""

    folder: Path
    all: Trials
    tell: Callable[[str], None]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """By number."""
        return self.all.trials

    def put(self, trial: Trial) -> None:
        """A trial that is new, or has changed."""
        self.all = self.all.put(trial)
        write_into(self.folder, FILE, self.all.model_dump_json(indent=1) + "\n")

    def run(self, trial: Trial) -> Run:
        """A trial's."""
        return Run(self.folder / trial.folder)


def toml_of(recipe: Recipe) -> str:
    """A recipe as a file that can lie anywhere: its paths are absolute; it searches no more.

    It says what was said, and leaves to the defaults what was left to them.
    """
    import tomli_w

    said = recipe.model_dump(
        mode="json", exclude_unset=True, exclude_none=True, exclude={"search", "roots"}
    )
    return tomli_w.dumps({key: value for key, value in said.items() if value not in ({}, [])})


def picture(trials: Sequence[Trial], spec: SearchSpec) -> str:
    """SVG: the WER of all trials by step, and the best of each by every value."""
    from matplotlib.figure import Figure

    rows = math.ceil((len(spec.space) + 1) / _COLUMNS)
    figure = Figure(figsize=(4 * _COLUMNS, 3 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    first, *rest = grid.flat
    _draw_curves(first, trials)
    for axes, (key, domain) in zip(rest, spec.space.items(), strict=False):
        _draw_values(axes, trials, key, domain)
    for axes in rest[len(spec.space) :]:
        axes.remove()
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _draw_curves(axes: Axes, trials: Sequence[Trial]) -> None:
    for trial in trials:
        steps = [step for step, _ in trial.curve]
        rates = [100 * wer for _, wer in trial.curve]
        axes.plot(steps, rates, color=_COLORS[trial.status], marker=".", linewidth=1)
    for status in sorted({trial.status for trial in trials}):
        axes.plot([], [], color=_COLORS[status], marker="o", label=status)
    axes.legend()
    _finish(axes, "step")


def _draw_values(axes: Axes, trials: Sequence[Trial], key: str, domain: Domain) -> None:
    for trial in trials:
        if trial.wer is not None:
            value = trial.values[key]
            place = domain.choices.index(value) if isinstance(domain, Choices) else value
            axes.plot(place, 100 * trial.wer, color=_COLORS[trial.status], marker="o")
    if isinstance(domain, Choices):
        axes.set_xticks(range(len(domain.choices)), [written(value) for value in domain.choices])
    elif domain.log:
        axes.set_xscale("log")
    _finish(axes, key)


def _finish(axes: Axes, about: str) -> None:
    axes.set_xlabel(about)
    axes.set_ylabel("WER of validation, %")
    axes.set_ylim(0, min(axes.get_ylim()[1], _TOP))
    axes.grid(alpha=0.3)
