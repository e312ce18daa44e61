"""The training loop: batches in, weights out; killed at any step, it goes on with the next.

Every step's randomness is drawn anew from the seed and the step's number, and every batch is a
function of its own number, so that nothing but weights and optimizer need to be kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from sotto.audio.format import FRAMES_PER_SECOND
from sotto.clock import Clock
from sotto.training.config import Recipe, Schedule
from sotto.training.data.batches import Batch, Batches
from sotto.training.data.mixing import LearningSet
from sotto.training.data.vocabulary import Vocabulary
from sotto.training.learning.listening import Listener
from sotto.training.learning.network import Learner, Loss, Network
from sotto.training.learning.runs import Run

REPORT_EVERY = 10
"""Steps."""
_NO_DECAY = 1
"""Dimensions of what weight decay leaves alone: biases and norms."""


@dataclass(frozen=True)
class Report:
    """How it goes."""

    step: int
    steps: int
    loss: float
    """Mean since the last report."""
    rate: float
    """The learning rate."""
    heard: float
    """Hours of sound so far, padding included, over all processes."""
    pace: float
    """Hours of sound an hour, in this process's lifetime."""
    left: float
    """Seconds, if it goes on so."""
    wer: float | None = None
    """0 to 1 or more, when it was measured at this step."""


@dataclass
class Progress:
    """What must outlive a kill besides weights; Accelerate keeps it with them."""

    step: int = 0
    heard: float = 0.0
    best: float = math.inf
    worse: int = 0
    """Measurements since the best."""
    losses: list[float] = field(default_factory=list)
    """Since the last report."""

    def state_dict(self) -> dict[str, object]:
        """For Accelerate."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, object]) -> None:
        """From Accelerate."""
        vars(self).update(state)


@dataclass
class Loop:
    """One training."""

    recipe: Recipe
    run: Run
    network: Network
    vocabulary: Vocabulary
    batches: Batches
    check: tuple[LearningSet, ...]
    clock: Clock
    loss: Loss
    tell: Callable[[Report], None] = lambda report: None
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        schedule = self.recipe.schedule
        self.accelerator = Accelerator(
            mixed_precision=schedule.precision,
            log_with="tensorboard",
            project_config=ProjectConfiguration(
                project_dir=str(self.run.folder), logging_dir=str(self.run.folder)
            ),
            step_scheduler_with_optimizer=False,
        )
        optimizer = AdamW(
            _groups(self.network, schedule.weight_decay), schedule.rate, betas=(0.9, 0.98)
        )
        scheduler = LambdaLR(optimizer, lambda step: pace(step, schedule))
        self.model, self.optimizer, self.scheduler = self.accelerator.prepare(
            Learner(self.network, self.loss), optimizer, scheduler
        )
        self.average = self._average()
        self.accelerator.register_for_checkpointing(self.progress)

    def train(self) -> Network:
        """The network at the end, its weights averaged if the recipe says so."""
        self._resume()
        self.accelerator.init_trackers("tensorboard")
        schedule, began = self.recipe.schedule, self.clock.monotonic()
        first = self.progress.heard
        batches = iter(self._loader())
        while self.progress.step < self._last and not self._stopped:
            self.progress.losses.append(self._step(batches))
            step = self.progress.step
            wer = self._measure() if self._due(step, self.recipe.validation.every) else None
            if self._due(step, REPORT_EVERY) or wer is not None:
                seconds = self.clock.monotonic() - began
                self._report(wer, self.progress.heard - first, seconds)
                self.progress.losses = []
            if self._due(step, schedule.save_every):
                self._save()
        self.accelerator.end_training()
        return self.result

    @property
    def result(self) -> Network:
        """What is measured and exported."""
        if self.average is not None:
            return cast("Network", self.average.module)
        return self._student

    @property
    def _student(self) -> Network:
        return cast("Network", self.accelerator.unwrap_model(self.model).network)

    @property
    def _stopped(self) -> bool:
        patience = self.recipe.validation.patience
        return patience is not None and self.progress.worse >= patience

    def _due(self, step: int, every: int) -> bool:
        return step % every == 0 or step == self._last

    @property
    def _last(self) -> int:
        schedule = self.recipe.schedule
        return min(schedule.steps, schedule.stop or schedule.steps)

    def _step(self, batches: Iterator[Batch]) -> float:
        """One update of the weights."""
        accelerator, schedule = self.accelerator, self.recipe.schedule
        step = self.progress.step
        torch.manual_seed(
            (self.recipe.seed + 1) * 1_000_003
            + step * accelerator.num_processes
            + accelerator.process_index
        )
        self.model.train()
        total = 0.0
        for _ in range(schedule.accumulate):
            batch = next(batches).to(accelerator.device)
            with accelerator.autocast():
                loss = self.model(batch) / schedule.accumulate
            accelerator.backward(loss)
            total += loss.item()
            frames = batch.features.shape[0] * batch.features.shape[2]
            self.progress.heard += frames / FRAMES_PER_SECOND / 3600 * accelerator.num_processes
        accelerator.clip_grad_norm_(self.model.parameters(), schedule.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.scheduler.step()
        if self.average is not None:
            self.average.update_parameters(self._student)
        self.progress.step += 1
        return total

    def _loader(self) -> DataLoader[Batch]:
        """This process's batches, from the next step on."""
        accelerator, schedule = self.accelerator, self.recipe.schedule
        stride = accelerator.num_processes
        first = self.progress.step * schedule.accumulate * stride + accelerator.process_index
        end = self._last * schedule.accumulate * stride
        return DataLoader(
            self.batches,  # type: ignore[arg-type]  # it has what a map-style set needs
            batch_size=None,
            sampler=range(first, end, stride),
            num_workers=schedule.workers,
        )

    def _average(self) -> AveragedModel | None:
        decay = self.recipe.schedule.average
        if not decay:
            return None
        average = AveragedModel(self._student, multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.accelerator.register_for_checkpointing(average)
        return average

    def _measure(self) -> float | None:
        """WER of validation, by every process alike."""
        if not self.check:
            return None
        listener = Listener(
            self.result, self.vocabulary, self.recipe.learning, self.accelerator.device
        )
        wer = listener.score(self.check).wer
        if wer is not None and wer < self.progress.best:
            self.progress.best, self.progress.worse = wer, 0
        else:
            self.progress.worse += 1
        return wer

    def _report(self, wer: float | None, heard: float, seconds: float) -> None:
        losses = self.progress.losses
        step, steps = self.progress.step, self._last
        pace_ = heard / seconds * 3600 if seconds else 0.0
        each = self.progress.heard / step
        report = Report(
            step,
            steps,
            sum(losses) / len(losses) if losses else math.nan,
            self.scheduler.get_last_lr()[0],
            self.progress.heard,
            pace_,
            (steps - step) * each / pace_ * 3600 if pace_ else math.inf,
            wer,
        )
        values = {"loss": report.loss, "rate": report.rate, "hours": report.heard}
        if wer is not None:
            values["wer"] = wer
        self.accelerator.log(values, step=step)
        if self.accelerator.is_main_process:
            self.run.tell({"step": step, **values})
            self.tell(report)

    def _save(self) -> None:
        def write(folder: Path) -> None:
            self.accelerator.save_state(str(folder), safe_serialization=False)

        if self.accelerator.is_main_process:
            self.run.save(self.progress.step, self.recipe.schedule.keep, write)
        self.accelerator.wait_for_everyone()

    def _resume(self) -> None:
        checkpoints = self.run.checkpoints()
        if checkpoints:
            self.accelerator.load_state(str(checkpoints[-1][1]))
        if self.accelerator.is_main_process:
            self.run.rewind(self.progress.step)


def pace(step: int, schedule: Schedule) -> float:
    """The learning rate's share of its peak: a linear rise, then half a cosine."""
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    whole = max(1, schedule.steps - schedule.warmup)
    done = min(1.0, (step - schedule.warmup) / whole)
    return schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * done)) / 2


def _groups(network: Network, decay: float) -> list[dict[str, object]]:
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    return [
        {"params": [w for w in learned if w.dim() > _NO_DECAY], "weight_decay": decay},
        {"params": [w for w in learned if w.dim() <= _NO_DECAY], "weight_decay": 0.0},
    ]
