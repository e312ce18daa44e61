"""Trials of a search in Ray: each a training in its own process, stopped where others are better.

Ray keeps nothing of its own: what is known lies in the ledger. So a search that was killed goes on
with any version of Ray, and a trial in the middle of its run.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import optuna
import ray
from ray import cloudpickle
from ray import tune as ray_tune
from ray.exceptions import RayTaskError
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher

from sotto.clock import Clock
from sotto.errors import BadOption, ServerError, SottoError
from sotto.training.config import Recipe
from sotto.training.learning.runs import Run
from sotto.training.learning.search import draw, remembered
from sotto.training.learning.space import SearchSpec, Value, changed
from sotto.training.learning.trials import Ledger, Trial, written
from sotto.training.recipes import make_recipe

if TYPE_CHECKING:
    from sotto.training.learning.loop import Report

METRIC = "wer"
"""What a trial reports: its best WER so far."""
AGE = "validation"
"""Which validation it is, from 1."""
_FOREVER = 10**6
"""Validations; ASHA's own limit, which is none of ours: schedules end."""
_STORE = 100 * 1024**2
"""Bytes of Ray's shared memory. Nothing of size goes through it."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints a box even if it is told to be silent
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # a run's folder has it all
}


@dataclass(frozen=True)
class Plan:
    """What every trial begins with; it goes to other processes, in other folders."""

    table: Mapping[str, object]
    """The recipe as it is written, without `[search]`."""
    path: Path
    roots: Mapping[str, str]
    folder: Path
    """The search's."""
    clock: Clock

    def recipe(self, values: Mapping[str, Value]) -> Recipe:
        """That of a trial. Raises BadOption where its values do not go together."""
        return make_recipe(changed(self.table, values), self.path, self.roots)


@contextmanager
def _ray() -> Iterator[None]:
    """Ray on this machine, for as long as it is needed. Raises ServerError."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            object_store_memory=_STORE,
        )
    except Exception as error:  # Ray raises nothing narrower when it does not start
        ray.shutdown()
        raise ServerError(f"expected Ray to start, got: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def run_trials(plan: Plan, spec: SearchSpec, ledger: Ledger, missing: int) -> None:
    """Run so many trials to their end, the unfinished of an earlier call first."""
    with TemporaryDirectory() as scratch, _ray():
        ray_tune.run(
            partial(_work, plan),
            name="search",
            num_samples=missing,
            max_concurrent_trials=spec.at_once,
            resources_per_trial=_share(spec.at_once),
            search_alg=_Draws(spec, ledger),
            scheduler=_stopping(spec, ledger.trials),
            callbacks=[_Watch(ledger)],
            storage_path=scratch,
            reuse_actors=False,  # a process for each: Accelerate keeps state in its own
            raise_on_failed_trial=False,
            verbose=0,
        )


def _share(at_once: int) -> dict[str, float]:
    """Of processors and GPUs for one trial; Ray takes whole ones, or parts of one."""
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cpus, gpus = there.get("CPU", 1) / at_once, there.get("GPU", 0) / at_once
    return {"cpu": math.floor(cpus) or _part(cpus), "gpu": 1 if gpus >= 1 else _part(gpus)}


def _part(share: float) -> float:
    return math.floor(share * 1000) / 1000


def _stopping(spec: SearchSpec, trials: Sequence[Trial]) -> ASHAScheduler:
    """ASHA, which knows how the trials of an earlier call went."""
    scheduler = ASHAScheduler(
        time_attr=AGE,
        metric=METRIC,
        mode="min",
        grace_period=spec.grace,
        max_t=_FOREVER,
        stop_last_trials=False,
    )
    for trial in trials:
        if trial.ended:
            _tell_of(trial, scheduler)
    return scheduler


def _tell_of(trial: Trial, scheduler: ASHAScheduler) -> None:
    # Of a trial it takes the id alone, and it never looks at who runs it.
    known: Any = SimpleNamespace(trial_id=f"known-{trial.number}")
    nobody: Any = None
    scheduler.on_trial_add(nobody, known)
    for age in range(1, len(trial.curve) + 1):
        news = {AGE: age, METRIC: min(wer for _, wer in trial.curve[:age])}
        scheduler.on_trial_result(nobody, known, news)


def _work(plan: Plan, config: Mapping[str, Any]) -> None:
    """One trial, in a process of its own."""
    run = Run(plan.folder / Trial(number=config["number"], values={}).folder)
    try:
        recipe = plan.recipe(config["values"])
        from sotto.training.learning.train import Telling, Training

        def hear(report: Report) -> None:
            if math.isnan(report.loss):
                raise BadOption("search", f"expected a loss, got NaN at step {report.step}")
            # The last one is told when the result is written: one may be stopped at any other.
            if report.wer is not None and report.step < report.steps:
                ray_tune.report(_news(run))

        Training(recipe, run.folder, plan.clock, Telling(report=hear)).train()
        ray_tune.report(_news(run))
    except SottoError as error:
        # Ray copies and pickles what a trial raises, with its causes, and most of ours cannot be.
        raise RuntimeError(error.message) from None


def _news(run: Run) -> dict[str, float]:
    """Raises BadOption where nothing was measured."""
    rates = [line["wer"] for line in run.metrics() if "wer" in line]
    if not rates:
        raise BadOption("search", "expected words in the validation data, got none")
    return {METRIC: min(rates), AGE: len(rates)}


class _Draws(Searcher):
    """Optuna's values for Ray, with the trial's number in our own count."""

    def __init__(self, spec: SearchSpec, ledger: Ledger) -> None:
        super().__init__(metric=METRIC, mode="min")
        self._spec, self._ledger = spec, ledger
        self._study = remembered(spec, ledger.trials)
        self._asked: dict[str, optuna.Trial] = {}

    def suggest(self, trial_id: str) -> dict[str, object]:
        drawn = draw(self._study, self._spec)
        self._asked[trial_id] = drawn
        if drawn.number >= len(self._ledger.trials):
            self._ledger.put(Trial(number=drawn.number, values=drawn.params))
        return {"number": drawn.number, "values": drawn.params}

    def on_trial_complete(
        self,
        trial_id: str,
        result: Mapping[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002 - Ray's
    ) -> None:
        drawn = self._asked.pop(trial_id)
        if error or not result or METRIC not in result:
            self._study.tell(drawn, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(drawn, result[METRIC])

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger has it."""


@dataclass
class _Watch(ray_tune.Callback):
    """Writes down what becomes of trials."""

    ledger: Ledger
    before: dict[int, float] = field(default_factory=dict)
    """Seconds of work in earlier calls."""

    def on_trial_start(
        self, iteration: int, trials: list[RayTrial], trial: RayTrial, **info: Any
    ) -> None:
        known = self._known(trial)
        self.before[known.number] = known.seconds
        said = ", ".join(f"{key} {written(value)}" for key, value in known.values.items())
        self.ledger.tell(f"trial {known.number}: {said}")

    def on_trial_result(
        self,
        iteration: int,
        trials: list[RayTrial],
        trial: RayTrial,
        result: Mapping[str, Any],
        **info: Any,
    ) -> None:
        known = self._known(trial)
        seconds = self.before[known.number] + result["time_total_s"]
        news = known.measured(self.ledger.run(known).metrics(), seconds)
        self.ledger.put(news)
        if len(news.curve) > len(known.curve):
            step, wer = news.curve[-1]
            self.ledger.tell(f"trial {known.number}: step {step}, WER {100 * wer:.1f} %")

    def on_trial_complete(
        self, iteration: int, trials: list[RayTrial], trial: RayTrial, **info: Any
    ) -> None:
        known = self._known(trial)
        self._end(
            known.model_copy(
                update={"status": "finished" if self.ledger.run(known).finished else "stopped"}
            )
        )

    def on_trial_error(
        self, iteration: int, trials: list[RayTrial], trial: RayTrial, **info: Any
    ) -> None:
        update = {"status": "failed", "error": _reason(trial)}
        self._end(self._known(trial).model_copy(update=update))

    def _end(self, trial: Trial) -> None:
        self.ledger.put(trial)
        why = f": {trial.error}" if trial.error else ""
        self.ledger.tell(f"trial {trial.number} {trial.status}{why}")
        # They are several times the model's size, and there may be hundreds of trials.
        shutil.rmtree(self.ledger.run(trial).folder / "checkpoints", ignore_errors=True)

    def _known(self, trial: RayTrial) -> Trial:
        number: int = trial.config["number"]
        return self.ledger.trials[number]


def _reason(trial: RayTrial) -> str:
    path = trial.pickled_error_file
    if path is None:
        return "unknown"
    error = cloudpickle.loads(Path(path).read_bytes())
    if isinstance(error, RayTaskError):
        return str(error.cause) or type(error.cause).__name__
    return str(error).partition("\n")[0]
