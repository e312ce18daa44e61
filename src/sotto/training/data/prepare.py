"""A recipe's sets, checked and ready to be drawn from. Nothing is trained before all are good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import frames
from sotto.errors import BadManifest, BadOption
from sotto.training.config import DataSpec, Recipe
from sotto.training.data.datasets import manifest_of_dataset
from sotto.training.data.features import Features, FeatureStore
from sotto.training.data.mixing import LearningSet
from sotto.training.evaluation.scoring import normalize
from sotto.training.manifest import LONGEST, Entry, Manifest, check_manifests, read_manifest
from sotto.training.telling import Tell

MOST_NOISE = 6000
"""Frames of a recording of noise that are kept in memory."""


@dataclass(frozen=True)
class Prepared:
    """What a training draws from."""

    learn: tuple[LearningSet, ...]
    check: tuple[LearningSet, ...]
    """Validation."""
    never: frozenset[str]
    noises: tuple[Mel, ...]
    about: tuple[dict[str, object], ...]
    """Each set's path, hash, clips and hours."""

    @property
    def texts(self) -> list[str]:
        """All that is learned from."""
        return [text for each in self.learn for text in each.texts]


@dataclass(frozen=True)
class Preparer:
    """Reads what a recipe names."""

    recipe: Recipe
    store: FeatureStore
    tell: Tell = lambda line: None

    def prepare(self) -> Prepared:
        """Raises BadManifest with every fault of all sets, BadOption."""
        recipe = self.recipe
        learn, check = recipe.data, recipe.validation.data
        specs = [*learn, *check]
        manifests = [self._manifest_path(spec) for spec in specs]
        chosen = self._checked(specs, manifests)
        never = self._never(chosen[: len(learn)])
        self._no_leak(chosen[: len(learn)], chosen[len(learn) :])
        sets = [self._learning_set(spec, one) for spec, one in zip(specs, chosen, strict=True)]
        kept = [self._allowed(each, never) for each in sets[: len(learn)]]
        return Prepared(
            tuple(kept),
            tuple(sets[len(learn) :]),
            never,
            self._noises(),
            tuple(map(_about, [*kept, *sets[len(learn) :]])),
        )

    def _manifest_path(self, spec: DataSpec) -> Path:
        if spec.manifest is not None:
            return Path(spec.manifest)
        return manifest_of_dataset(spec, self.store.folder.parent / "datasets", self.tell)

    def _checked(
        self, specs: Sequence[DataSpec], manifests: Sequence[Path]
    ) -> tuple[Manifest, ...]:
        """One manifest may be named by several sets, each of which takes its own clips of it."""
        self.tell("checking the data")
        wanted: dict[Path, list[DataSpec]] = {}
        for spec, path in zip(specs, manifests, strict=True):
            wanted.setdefault(path, []).append(spec)

        def choose(manifest: Manifest) -> Manifest:
            home = manifest.path if manifest.path in wanted else manifest.path.parent
            takes = [set(_taken(manifest, spec)) for spec in wanted[home]]
            return replace(
                manifest, entries=tuple(e for e in manifest.entries if any(e in t for t in takes))
            )

        found = dict(
            zip(wanted, check_manifests(list(wanted), choose=choose, longest=LONGEST), strict=True)
        )
        chosen = []
        for spec, path in zip(specs, manifests, strict=True):
            entries = tuple(_taken(found[path], spec))
            if not entries:
                raise BadOption("data", f"{path}: expected clips to learn from, got none")
            chosen.append(replace(found[path], entries=entries))
        return tuple(chosen)

    def _never(self, learn: Iterable[Manifest]) -> frozenset[str]:
        """Texts of two words or more. Raises BadManifest where a speaker is learned from."""
        kept_out = [read_manifest(Path(path)) for path in self.recipe.never]
        entries = [entry for manifest in kept_out for entry in manifest.entries]
        speakers = {entry.speaker: entry for entry in entries if entry.speaker}
        _refuse(learn, speakers)
        texts = (normalize(entry.text) for entry in entries)
        return frozenset(text for text in texts if " " in text)

    def _no_leak(self, learn: Iterable[Manifest], check: Iterable[Manifest]) -> None:
        speakers = {e.speaker: e for one in check for e in one.entries if e.speaker}
        _refuse(learn, speakers)

    def _learning_set(self, spec: DataSpec, manifest: Manifest) -> LearningSet:
        self.tell(f"features of {manifest.name}")
        features = self.store.features(manifest)
        if spec.skip_longer:
            features = features.only(_short(features, spec.longest))
        _measure(spec, features)
        write = normalize if spec.text == "plain" else str
        return LearningSet(spec, features, tuple(write(e.text) for e in features.entries))

    def _allowed(self, one: LearningSet, never: frozenset[str]) -> LearningSet:
        """Without clips whose text is kept out, or of whose text nothing is left."""
        kept = [i for i, text in enumerate(one.texts) if text and normalize(text) not in never]
        if not kept:
            raise BadOption("data", f"{one.spec.source}: expected clips to learn from, got none")
        if len(kept) == len(one.texts):
            return one
        self.tell(f"{one.spec.source}: {len(one.texts) - len(kept)} clips left out")
        return LearningSet(
            one.spec, one.features.only(kept), tuple(one.texts[place] for place in kept)
        )

    def _noises(self) -> tuple[Mel, ...]:
        path = self.recipe.augment.noises
        if path is None:
            return ()
        (manifest,) = check_manifests([Path(path)], choose=_noise_to_learn)
        if not manifest.entries:
            raise BadOption("augment", f"{path}: expected clips of the kind 'noise', got none")
        features = self.store.features(manifest)
        return tuple(
            features.frames(clip)[:MOST_NOISE].astype(np.float32)
            for clip in range(len(manifest.entries))
        )


def _noise_to_learn(manifest: Manifest) -> Manifest:
    entries = (e for e in manifest.entries if e.kind == "noise" and e.split in (None, "train"))
    return replace(manifest, entries=tuple(entries))


def _taken(manifest: Manifest, spec: DataSpec) -> Iterable[Entry]:
    words = None if spec.words is None else set(spec.words)
    entries = [
        entry
        for entry in manifest.entries
        if entry.is_speech
        and (spec.split is None or entry.split == spec.split)
        and not (spec.skip_longer and (entry.seconds or 0) > spec.longest)
        and (words is None or words.issuperset(normalize(entry.text).split()))
    ]
    return entries[: spec.limit]


def _short(features: Features, longest: float) -> list[int]:
    """The clips that are not too long, whatever their manifest says."""
    return np.flatnonzero(features.lengths <= frames(longest)).tolist()


def _measure(spec: DataSpec, features: Features) -> None:
    """Raises BadManifest for clips without a frame, and for those longer than the recipe wants."""
    faults = [
        f"{entry.place}: expected 0.01 to {spec.longest:g} s of speech, got {length / 100:.2f} s"
        for entry, length in zip(features.entries, features.lengths.tolist(), strict=True)
        if not 1 <= length <= frames(spec.longest)
    ]
    if faults:
        raise BadManifest(faults)


def _refuse(learn: Iterable[Manifest], speakers: dict[str, Entry]) -> None:
    faults, told = [], set()
    for manifest in learn:
        for entry in manifest.entries:
            home = speakers.get(entry.speaker or "")
            if home is not None and entry.speaker not in told:
                told.add(entry.speaker)
                faults.append(
                    f"{entry.place}: expected a speaker who is not tested on, got "
                    f"{entry.speaker!r}, who is at {home.place}"
                )
    if faults:
        raise BadManifest(faults)


def _about(one: LearningSet) -> dict[str, object]:
    entries = one.features.entries
    manifest = Path(entries[0].place.rpartition(":")[0])
    return {
        "manifest": str(manifest),
        "sha256": hashlib.sha256(manifest.read_bytes()).hexdigest(),
        "clips": len(entries),
        "hours": round(float(one.features.lengths.sum()) / 360_000, 3),
        "speakers": len({entry.speaker for entry in entries}),
        "split": one.spec.split,
        "weight": one.spec.weight,
    }
