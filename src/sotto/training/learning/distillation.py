"""A smaller model that learns to say what a larger one says.

Gandhi et al. 2023, "Distil-Whisper: Robust Knowledge Distillation via Large-Scale Pseudo
Labelling": the student begins as some of the teacher's layers, as far apart as can be; it learns
the teacher's own transcripts, of which those are left out that are far from the text; and besides
the words it learns the teacher's probabilities for all others.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import ModuleList, functional
from transformers import WhisperForConditionalGeneration

from sotto.errors import BadOption
from sotto.training.config import Distillation, Learning
from sotto.training.data.batches import Batch
from sotto.training.data.mixing import LearningSet
from sotto.training.data.targets import IGNORED
from sotto.training.evaluation.scoring import normalize, score
from sotto.training.learning.listening import Listener
from sotto.training.learning.network import Network, cross_entropy
from sotto.training.telling import Tell


def student_of(
    teacher: WhisperForConditionalGeneration, spec: Distillation
) -> WhisperForConditionalGeneration:
    """A copy with fewer layers. Raises BadOption where the teacher has not that many."""
    student = copy.deepcopy(teacher).requires_grad_(requires_grad=True)
    config, model = student.config, student.model
    encoder = spec.encoder_layers or config.encoder_layers
    model.encoder.layers = _thinned(model.encoder.layers, encoder, "encoder")
    model.decoder.layers = _thinned(model.decoder.layers, spec.decoder_layers, "decoder")
    for place, layer in enumerate(model.decoder.layers):
        layer.self_attn.layer_idx = layer.encoder_attn.layer_idx = place
    config.encoder_layers, config.decoder_layers = encoder, spec.decoder_layers
    config.num_hidden_layers = encoder
    # The teacher's heads to align words by are of layers that may be gone.
    vars(student.generation_config).pop("alignment_heads", None)
    model.encoder.requires_grad_(requires_grad=not spec.freeze_encoder)
    return student


def spread(total: int, kept: int) -> list[int]:
    """Layers that lie as far apart as can be, the first and the last among them."""
    if kept == 1:
        return [total - 1]
    return [round(place * (total - 1) / (kept - 1)) for place in range(kept)]


def _thinned(layers: ModuleList, kept: int, name: str) -> ModuleList:
    if kept > len(layers):
        raise BadOption(
            "recipe", f"expected at most {len(layers)} {name} layers as the teacher's, got {kept}"
        )
    return ModuleList([layers[place] for place in spread(len(layers), kept)])


@dataclass(frozen=True)
class Distiller:
    """The loss of a student that has its teacher beside it."""

    teacher: Network
    spec: Distillation
    learning: Learning

    def __call__(self, student: Network, batch: Batch) -> Tensor:
        """Cross entropy with the transcript, and KL divergence from the teacher's probabilities."""
        encoded = student.encode(batch.features)
        logits = student.logits(batch.tokens, encoded)
        with torch.no_grad():
            self.teacher.to(batch.features.device).eval()  # where the student is
            expected = self.teacher.logits(batch.tokens, self.teacher.encode(batch.features))
        counted = batch.labels != IGNORED
        divergence = self._divergence(logits[counted], expected[counted])
        loss = cross_entropy(logits, batch.labels, self.learning.smoothing)
        loss = loss + self.spec.divergence * divergence
        if self.learning.ctc:
            loss = loss + self.learning.ctc * student.ctc_loss(encoded, batch)
        return loss

    def _divergence(self, logits: Tensor, expected: Tensor) -> Tensor:
        """Hinton et al. 2015: softened by the temperature, whose square keeps gradients alike."""
        heat = self.spec.temperature
        student = functional.log_softmax(logits.float() / heat, dim=-1)
        teacher = functional.log_softmax(expected.float() / heat, dim=-1)
        found = functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
        return found * heat**2


@dataclass(frozen=True)
class Labeller:
    """Gives sets the teacher's transcripts, without clips that it hears too badly."""

    teacher: Listener
    worst: float
    """WER against the text."""
    never: frozenset[str]
    """Normalized texts that must not be learned."""
    tell: Tell

    def __call__(self, one: LearningSet) -> LearningSet:
        """Sets whose clips are strung together keep their texts: these are of words.

        Raises BadOption where no clip is left.
        """
        if one.spec.join is not None:
            return one
        self.teacher.network.eval()
        heard = self.teacher.texts(one)
        kept = [clip for clip, text in enumerate(heard) if self._is_good(one.texts[clip], text)]
        self.tell(f"{one.spec.source}: the teacher's transcripts of {len(kept)} of {len(heard)}")
        if not kept:
            raise BadOption(
                "recipe",
                f"expected clips of {one.spec.source} that the teacher hears with a WER of at most "
                f"{self.worst:g}, got none",
            )
        write = normalize if one.spec.text == "plain" else str
        texts = tuple(write(heard[clip]) for clip in kept)
        return LearningSet(one.spec, one.features.only(kept), texts)

    def _is_good(self, said: str, heard: str) -> bool:
        wer = score(said, heard).wer
        allowed = normalize(heard) not in self.never
        return bool(heard) and allowed and (wer is None or wer <= self.worst)
