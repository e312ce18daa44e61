"""`sotto tune`: many trainings of one recipe, with other values each, for the least WER.

Ray runs them at once, each in its own process, and stops what others leave behind (ASHA: Li et al.
2020, "A System for Massively Parallel Hyperparameter Tuning"). Optuna says what to try next. What
they know is kept in `trials.json`, not in Ray's own files: so a search that was killed goes on
with any version of Ray, and a trial in the middle of its run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sotto.clock import Clock
from sotto.errors import BadOption
from sotto.training.config import Recipe
from sotto.training.learning.ray_trials import Plan, run_trials
from sotto.training.learning.space import SearchSpec, check_space
from sotto.training.learning.trials import (
    BEST,
    PICTURE,
    Ledger,
    Trials,
    picture,
    read_trials,
    toml_of,
    write_into,
)
from sotto.training.recipes import make_recipe


def tune(
    table: Mapping[str, object],
    path: Path,
    roots: Mapping[str, str],
    folder: Path,
    clock: Clock,
    tell: Callable[[str], None],
) -> Trials:
    """Begin the search, or go on with it, to its end; `tell` is told a line for each event.

    Raises BadManifest and BadOption before anything is tried, BadOption where no trial succeeds.
    """
    recipe = make_recipe(table, path, roots)
    spec = _spec(recipe, path)
    folder = folder.resolve()
    plan = Plan(
        {key: value for key, value in table.items() if key != "search"},
        path.resolve(),
        {name: str(Path(root).resolve()) for name, root in roots.items()},
        folder,
        clock,
    )
    ledger = Ledger(folder, read_trials(folder, recipe), tell)
    missing = spec.trials - sum(trial.ended for trial in ledger.trials)
    if missing > 0:
        _prepare(plan, tell)
        run_trials(plan, spec, ledger, missing)
    return _conclude(plan, spec, ledger.all)


def _prepare(plan: Plan, tell: Callable[[str], None]) -> None:
    """Once for all trials, so that they do not write the same features at the same time."""
    from sotto.training.learning.train import Telling, Training

    Training(plan.recipe({}), plan.folder / "trials" / "first", plan.clock, Telling(tell)).prepare()


def _spec(recipe: Recipe, path: Path) -> SearchSpec:
    if recipe.search is None:
        raise BadOption("search", f"{path}: expected a table [search], got none")
    if not recipe.validation.data:
        raise BadOption("search", f"{path}: expected validation data to compare by, got none")
    check_space(recipe.search, Recipe)
    return recipe.search


def _conclude(plan: Plan, spec: SearchSpec, trials: Trials) -> Trials:
    """Write what was found. Raises BadOption where nothing was."""
    best = trials.best
    if best is None:
        raise BadOption("search", f"{_nothing(trials)}; see {plan.folder}")
    write_into(plan.folder, PICTURE, picture(trials.trials, spec))
    wer = 100 * (best.wer or 0)
    about = f"# The best of {len(trials.trials)} trials, number {best.number}: WER {wer:.2f} %\n\n"
    write_into(plan.folder, BEST, about + toml_of(plan.recipe(best.values)))
    return trials


def _nothing(trials: Trials) -> str:
    failed = [trial for trial in trials.trials if trial.status == "failed"]
    if len(failed) < len(trials.trials):
        return "expected a trial that gets to a validation, got none: give the command again"
    return (
        f"expected a trial that succeeds, got {len(failed)} that failed: mend the recipe and "
        f"remove the search's folder; the first failed with: {failed[0].error}"
    )
