"""Recipes as they are read: checked, and with every path absolute.

Relative paths begin at the recipe's folder. `[roots]` names folders that paths may begin with, as
`{name}/…`; the command line can put other folders in their place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from sotto.errors import BadOption
from sotto.training.config import DataSpec, Recipe
from sotto.training.places import Places
from sotto.training.synthesis.spec import SynthesisSpec


def read_recipe(path: Path, roots: Mapping[str, str] | None = None) -> Recipe:
    """The recipe, its paths absolute. Raises BadOption with every fault."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadOption("recipe", f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadOption("recipe", f"{path}: {error}") from error
    return make_recipe(table, path, roots)


def make_recipe(
    table: Mapping[str, object], path: Path, roots: Mapping[str, str] | None = None
) -> Recipe:
    """The recipe of a file's table, which may have been changed since. Raises BadOption."""
    try:
        recipe = Recipe.model_validate(table)
    except ValidationError as error:
        raise BadOption("recipe", "\n".join(_faults(error, path))) from error
    return _settled(recipe, Places(path, recipe.roots, roots or {}))


def _faults(error: ValidationError, path: Path) -> Iterator[str]:
    for detail in error.errors():
        where = ".".join(str(part) for part in detail["loc"])
        yield f"{path}: {where or 'recipe'}: {detail['msg']}, got {detail['input']!r}"


def _settled(recipe: Recipe, places: Places) -> Recipe:
    """The recipe with every path of it absolute."""

    def data(spec: DataSpec) -> DataSpec:
        return places.checkpoint(places.changed(spec, "manifest"), "dataset")

    def synthesis(spec: SynthesisSpec) -> SynthesisSpec:
        lists = {key: places.all(getattr(spec, key)) for key in ("sentences", "never")}
        return places.changed(spec, "output", "rooms", "noises").model_copy(update=lists)

    checked = tuple(map(data, recipe.validation.data))
    return recipe.model_copy(
        update={
            "roots": places.roots,
            "data": tuple(map(data, recipe.data)),
            "never": places.all(recipe.never),
            "augment": places.changed(recipe.augment, "noises"),
            "validation": recipe.validation.model_copy(update={"data": checked}),
            "synthesize": tuple(map(synthesis, recipe.synthesize)),
            "model": places.checkpoint(recipe.model, "start"),
            "distillation": places.checkpoint(recipe.distillation, "teacher"),
        }
    )
