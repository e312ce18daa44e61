"""In which order a search tries: everything of it that needs no Ray.

Values are drawn by TPE: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sotto.training.learning.space import SearchSpec
from sotto.training.learning.trials import Trial

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


def remembered(spec: SearchSpec, trials: Sequence[Trial]) -> optuna.Study:
    """A study that knows how the trials of an earlier call went, and begins with the unfinished."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    for trial in trials:
        if not trial.ended:
            study.enqueue_trial(dict(trial.values))
            continue
        good = trial.status != "failed"
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.COMPLETE if good else optuna.trial.TrialState.FAIL,
                value=trial.wer if good else None,
                params=dict(trial.values),
                distributions=_distributions(spec),
            )
        )
    return study


def draw(study: optuna.Study, spec: SearchSpec) -> optuna.Trial:
    """The next trial: a function of the seed, its number and what is known by then.

    So a search that was stopped goes on as it would have, although no generator is kept.
    """
    import numpy as np
    from optuna.samplers import TPESampler

    mixed = np.random.SeedSequence((spec.seed, len(study.trials))).generate_state(1)
    study.sampler = TPESampler(seed=int(mixed[0]))
    return study.ask(_distributions(spec))


def _distributions(spec: SearchSpec) -> dict[str, BaseDistribution]:
    return {key: domain.distribution() for key, domain in spec.space.items()}
