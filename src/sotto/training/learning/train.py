"""`sotto train`: from a recipe to a run's folder with a model in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from accelerate import PartialState

from sotto.clock import Clock
from sotto.errors import BadOption
from sotto.training.config import Recipe
from sotto.training.data.augment import Augmenter
from sotto.training.data.batches import Batches
from sotto.training.data.features import FeatureStore
from sotto.training.data.mixing import Mixer
from sotto.training.data.prepare import Prepared, Preparer
from sotto.training.data.targets import Writer
from sotto.training.data.vocabulary import Vocabulary, learn_vocabulary
from sotto.training.learning.checkpoints import read_network, read_whisper, write_network
from sotto.training.learning.curves import curves
from sotto.training.learning.distillation import Distiller, Labeller, student_of
from sotto.training.learning.listening import Listener
from sotto.training.learning.loop import Loop, Report
from sotto.training.learning.network import Loss, Network, hybrid, new_whisper
from sotto.training.learning.runs import Run
from sotto.training.telling import Tell


@dataclass(frozen=True)
class Telling:
    """Who is told how it goes."""

    line: Tell = lambda line: None
    report: Callable[[Report], None] = lambda report: None


@dataclass(frozen=True)
class Start:
    """What stands before the first step."""

    network: Network
    vocabulary: Vocabulary
    loss: Loss
    prepared: Prepared


@dataclass(frozen=True)
class Training:
    """One recipe in one folder."""

    recipe: Recipe
    folder: Path
    clock: Clock
    telling: Telling = field(default_factory=Telling)

    def train(self) -> Run:
        """Begin the run, or go on with it, to its end.

        Raises BadManifest and BadOption before anything is trained or written.
        """
        recipe, run = self.recipe, Run(self.folder)
        run.check(recipe)
        if run.finished:
            self.telling.line(f"{run.folder} is finished")
            return run
        state = PartialState()
        with state.main_process_first():  # so that the others find the features made
            prepared = self.prepare()
        torch.manual_seed(recipe.seed)
        start = self._start(prepared)
        if state.is_main_process:
            run.open(recipe)
            run.write("data.json", list(prepared.about))
        state.wait_for_everyone()
        result = self._loop(run, start).train()
        if state.is_main_process:
            run.write_text("curves.svg", curves(run.metrics()))
            with run.replacing(run.model) as part:
                write_network(result, start.vocabulary, part)
        return run

    def prepare(self) -> Prepared:
        """The checked data, with its features. Raises BadManifest, BadOption."""
        recipe = self.recipe
        workers = recipe.schedule.workers + 1
        store = FeatureStore(self.folder.parent / "features", recipe.model.n_mels, workers)
        return Preparer(recipe, store, self.telling.line).prepare()

    def _start(self, prepared: Prepared) -> Start:
        """Raises BadOption where the recipe does not fit its checkpoint."""
        recipe, spec = self.recipe, self.recipe.model
        if recipe.distillation.teacher is not None:
            return self._distil(recipe.distillation.teacher, prepared)
        if spec.start is None:
            vocabulary = learn_vocabulary(prepared.texts, spec.vocabulary)
            network = Network(new_whisper(spec, vocabulary))
        else:
            network, vocabulary = read_network(spec.start)
            self._fit_bands(network.whisper.config.num_mel_bins, spec.start)
        network.whisper.model.encoder.requires_grad_(requires_grad=not spec.freeze_encoder)
        return Start(network, vocabulary, hybrid(recipe.learning), prepared)

    def _distil(self, name: str, prepared: Prepared) -> Start:
        recipe = self.recipe
        whisper, vocabulary = read_whisper(name)
        self._fit_bands(whisper.config.num_mel_bins, name)
        teacher = Network(whisper).requires_grad_(requires_grad=False)
        worst = recipe.distillation.worst
        if worst is not None:
            listener = Listener(teacher, vocabulary, recipe.learning, torch.device("cpu"))
            label = Labeller(listener, worst, prepared.never, self.telling.line)
            learn = [label(one) for one in prepared.learn]
            prepared = replace(prepared, learn=tuple(learn))
        student = Network(student_of(whisper, recipe.distillation))
        loss = Distiller(teacher, recipe.distillation, recipe.learning)
        return Start(student, vocabulary, loss, prepared)

    def _fit_bands(self, found: int, name: str) -> None:
        asked = self.recipe.model.n_mels
        if asked != found:
            raise BadOption("recipe", f"expected n_mels {found} as {name} has, got {asked}")

    def _loop(self, run: Run, start: Start) -> Loop:
        recipe, prepared = self.recipe, start.prepared
        positions = start.network.whisper.model.encoder.embed_positions
        positions.weight.requires_grad = False  # sinusoids
        for weight in start.network.ctc.parameters():
            weight.requires_grad = recipe.learning.ctc > 0
        if recipe.model.gradient_checkpointing:
            start.network.whisper.activation_checkpointing_enable()
        batches = Batches(
            Mixer(recipe, prepared.learn, prepared.never),
            Augmenter(recipe.augment, recipe.model.n_mels, prepared.noises),
            Writer(start.vocabulary, recipe.learning),
            recipe.learning,
        )
        return Loop(
            recipe,
            run,
            start.network,
            start.vocabulary,
            batches,
            prepared.check,
            self.clock,
            start.loss,
            self.telling.report,
        )
