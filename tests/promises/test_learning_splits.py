"""What our models are tested on, they never learned from: people and sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sotto.training.config import Recipe
from sotto.training.data.features import Features
from sotto.training.data.mixing import LearningSet, Mixer
from sotto.training.evaluation.scoring import normalize
from sotto.training.manifest import Entry, read_manifest
from sotto.training.recipes import read_recipe
from tests.speech import DATA, needs_data

pytestmark = [pytest.mark.data, needs_data]

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
TESTED = ("digit_strings", "librispeech_test_other")
"""Sets of which every clip is for tests."""


@pytest.fixture(scope="module", params=RECIPES, ids=lambda path: path.stem)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return read_recipe(request.param, {"data": str(DATA)})


@pytest.fixture(scope="module")
def learned(recipe: Recipe) -> list[Entry]:
    """Every clip of a human being that a recipe learns from."""
    return [entry for one in human_sets(recipe) for entry in one.features.entries]


@pytest.fixture(scope="module")
def tested() -> list[Entry]:
    """Every clip beside the checkout that is for tests."""
    entries = [entry for path in DATA.glob("*/manifest.jsonl") for entry in entries_of(path)]
    return [entry for entry in entries if entry.split == "eval" or is_tested(entry.path)]


def entries_of(path: Path) -> tuple[Entry, ...]:
    return tuple(entry for entry in read_manifest(path).entries if entry.is_speech)


def is_tested(path: Path) -> bool:
    return any(name in path.parts for name in TESTED)


def texts(entries: list[Entry]) -> set[str]:
    """Of two words or more."""
    return {text for entry in entries if " " in (text := normalize(entry.text))}


def human_sets(recipe: Recipe) -> list[LearningSet]:
    """As a training has them, but silent."""
    found = []
    for spec in recipe.data:
        path = Path(spec.manifest or "")
        if DATA.resolve() not in path.resolve().parents:
            continue
        entries = tuple(entry for entry in entries_of(path) if spec.split in (None, entry.split))
        lengths = np.array([max(1, round(100 * (entry.seconds or 1))) for entry in entries])
        starts, nothing = np.cumsum(lengths) - lengths, np.zeros((0, 80), np.float16)
        features = Features(entries, starts, lengths, nothing)
        found.append(LearningSet(spec, features, tuple(entry.text for entry in entries)))
    return found


def test_the_tests_are_kept_out_by_the_recipe(recipe: Recipe) -> None:
    assert {Path(path).name for path in recipe.never} >= set(TESTED)
    assert len(human_sets(recipe)) >= 3


def test_nobody_who_is_tested_on_is_learned_from(learned: list[Entry], tested: list[Entry]) -> None:
    assert all(entry.speaker for entry in [*learned, *tested])  # else there is nothing to compare
    assert len(learned) > 1000
    assert not {entry.speaker for entry in learned} & {entry.speaker for entry in tested}
    assert not {entry.path.resolve() for entry in learned} & {e.path.resolve() for e in tested}


def test_no_sentence_that_is_tested_on_is_learned(
    learned: list[Entry], tested: list[Entry]
) -> None:
    """Of the sets that are kept out; scripted sets have the same sentences in all their splits."""
    kept_out = texts([entry for entry in tested if is_tested(entry.path)])
    assert len(kept_out) > 100
    assert not kept_out & texts(learned)


def test_no_string_that_is_tested_on_is_strung_together(
    recipe: Recipe, tested: list[Entry]
) -> None:
    kept_out = frozenset(texts([entry for entry in tested if is_tested(entry.path)]))
    sets = [one for one in human_sets(recipe) if one.spec.join is not None]
    asked = recipe.model_copy(update={"data": tuple(one.spec for one in sets)})
    mixer = Mixer(asked, sets, kept_out)
    drawn = set()
    for number in range(20):
        for batch in mixer.block(number):
            for example in batch:
                said = [piece.text for piece in example.pieces if piece.text]
                drawn |= {normalize(" ".join(said)), normalize(example.prompt)}
    assert len(drawn) > 1000
    assert not drawn & kept_out
