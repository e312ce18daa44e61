"""A trained model in the form that the engine serves, once it is shown to hear the same."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import WINDOW_FRAMES
from sotto.errors import BadOption, ModelUnavailable
from sotto.training.data.features import mel_of_file
from sotto.training.learning.runs import Run
from sotto.training.manifest import read_manifest
from sotto.training.release.card import card

if TYPE_CHECKING:
    from sotto.training.learning.listening import Listener

Quantization: TypeAlias = Literal[
    "int8", "int8_float32", "int8_float16", "int16", "float16", "bfloat16", "float32"
]
QUANTIZATIONS: tuple[str, ...] = get_args(Quantization)
LEAST = 0.8
"""Of tokens that a quantized model must have as the trained weights have them."""
CLIPS = 32
"""On which the two are compared."""
_COPIED = ("tokenizer.json", "preprocessor_config.json")
_SPARE = 8
"""Tokens more than the trained weights wrote, to see whether the exported ones go on."""
_REVISION = 12
"""Digits of the hash that names a revision."""


@dataclass(frozen=True)
class Comparison:
    """The trained weights and the exported ones, on the same clips."""

    clips: int
    tokens: int
    same: int
    """Tokens up to the first difference in each clip."""

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.same / self.tokens if self.tokens else 1.0


@dataclass(frozen=True)
class Exporter:
    """Exports a finished run."""

    run: Run

    def export(self, output: Path, quantization: str) -> Comparison:
        """Write the CTranslate2 form into a folder, in place of what it holds.

        Trained and exported weights hear the same clips: without quantization the tokens must be
        the same, with it `LEAST` of them. Raises BadOption, or ModelUnavailable where they are
        not; then nothing is written.
        """
        if quantization not in QUANTIZATIONS:
            expected = ", ".join(QUANTIZATIONS)
            raise BadOption("quantization", f"expected one of {expected}, got {quantization!r}")
        if not self.run.finished:
            raise BadOption("run", f"expected a finished run with {self.run.model}, got none")
        listener, clips = _listener(self.run), self.clips()
        language = self.languages[0]
        with self.run.replacing(output) as part:
            # The converter wants folders that it makes.
            whole, made = part / "float32", part / "made"
            _convert(self.run.model, whole, "float32")
            _require(compare(listener, whole, clips, language), 1.0, "float32")
            shutil.rmtree(whole)
            _convert(self.run.model, made, quantization)
            for file in made.iterdir():
                file.rename(part / file.name)
            made.rmdir()
            found = compare(listener, part, clips, language)
            _require(found, LEAST, quantization)
            self._align(part)
            self._describe(part)
        return found

    def clips(self) -> list[Mel]:
        """Some of those that the run was measured on or has learned; else the clip that ships."""
        recipe = self.run.recipe()
        names = [spec.manifest for spec in (*recipe.validation.data, *recipe.data)]
        found = [Path(name) for name in names if name is not None and Path(name).exists()]
        paths = [
            entry.path
            for name in found
            for entry in read_manifest(name).entries[:CLIPS]
            if entry.is_speech and entry.path.exists()
        ]
        bundled = Path(str(files("sotto") / "assets" / "digits.flac"))
        bands = recipe.model.n_mels
        return [
            mel_of_file(path, bands)[:WINDOW_FRAMES].astype(np.float32)
            for path in paths[:CLIPS] or [bundled]
        ]

    @property
    def languages(self) -> list[str]:
        """What it may say that it knows."""
        recipe = self.run.recipe()
        said = {spec.language or "en" for spec in recipe.data}
        return list(recipe.claims.languages or sorted(said))

    def _align(self, folder: Path) -> None:
        """By the heads that the recipe names."""
        heads = self.run.recipe().claims.alignment_heads
        if heads:
            path = folder / "config.json"
            config = json.loads(path.read_text(encoding="utf-8")) | {"alignment_heads": heads}
            path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def _describe(self, folder: Path) -> None:
        """`sotto.json`, which the server reads, and the card, which people read."""
        text = json.dumps(self.claims(folder), indent=2, ensure_ascii=False)
        (folder / "sotto.json").write_text(f"{text}\n", encoding="utf-8")
        (folder / "README.md").write_text(card(self.run, self.run.recipe()), encoding="utf-8")

    def claims(self, folder: Path) -> dict[str, object]:
        """What a checkpoint says of itself; the keys are those of `Traits`."""
        recipe = self.run.recipe()
        exact = recipe.learning.context == "exact"
        weights = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
        about = {
            "n_mels": recipe.model.n_mels,
            "languages": self.languages,
            "translates": recipe.claims.translates,
            "audio_context": "exact" if exact else None,
            "takes_context": recipe.learning.prompt > 0,
            "second_look": not exact,
            "guard": recipe.claims.guard,
            "sure": recipe.claims.sure,
            "doubt": recipe.claims.doubt,
            "longest": recipe.claims.longest,
            "notice": recipe.claims.notice,
            "revision": f"{self.run.folder.name} {weights[:_REVISION]}",
        }
        return {key: value for key, value in about.items() if value is not None}


def compare(listener: Listener, folder: Path, clips: Sequence[Mel], language: str) -> Comparison:
    """Greedy decoding by the trained weights and by an exported folder, clip by clip."""
    from ctranslate2 import StorageView
    from ctranslate2.models import Whisper

    model = Whisper(str(folder), device="cpu", compute_type="default")
    words = listener.vocabulary
    start = [*words.start(language), words.no_timestamps]
    tokens = same = 0
    for clip in clips:
        features = listener.features([clip])
        (trained,) = listener.decode(features, [start])
        most = len(start) + len(trained) + _SPARE
        (result,) = model.generate(
            StorageView.from_array(np.ascontiguousarray(features.cpu().numpy())),
            [start],
            beam_size=1,
            max_length=most,
            suppress_blank=False,
            suppress_tokens=[],
        )
        expected = [*trained, words.eot]
        got = [*result.sequences_ids[0], words.eot]
        tokens += len(expected)
        same += _common(expected, got)
    return Comparison(len(clips), tokens, same)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def _listener(run: Run) -> Listener:
    import torch

    from sotto.training.learning.checkpoints import read_whisper
    from sotto.training.learning.listening import Listener
    from sotto.training.learning.network import Network

    whisper, vocabulary = read_whisper(str(run.model))
    network = Network(whisper.float()).eval()
    return Listener(network, vocabulary, run.recipe().learning, torch.device("cpu"))


def _convert(model: Path, output: Path, quantization: str) -> None:
    from ctranslate2.converters import TransformersConverter

    converter = TransformersConverter(str(model), copy_files=list(_COPIED))
    converter.convert(str(output), quantization=quantization)


def _require(found: Comparison, least: float, quantization: str) -> None:
    if found.share < least:
        raise ModelUnavailable(
            f"expected {quantization} weights to give at least {least:.0%} of the tokens of the "
            f"trained ones, got {found.share:.1%} of {found.tokens}"
        )
