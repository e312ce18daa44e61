"""`sotto synthesize`: labelled speech for a recipe, made by text-to-speech."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sotto.app.cli.train import RecipePath, Roots

HELP = """Make the labelled speech that a recipe asks for.

Sentences are spoken by the text-to-speech programs of this machine (espeak-ng,
flite), in many voices, rooms and noises; the same seed gives the same clips.
What is there already is kept.

[bold]Examples[/bold]

  sotto synthesize recipes/nano.toml --root data=/data/speech
"""


def synthesize(
    recipe_path: RecipePath,
    root: Roots = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes at once; one a core if not given.")
    ] = None,
) -> None:
    """Every set of the recipe in turn."""
    from sotto.app.cli.progress import counting
    from sotto.app.cli.train import read
    from sotto.errors import BadOption
    from sotto.training.synthesis.sets import synthesize as make

    recipe = read(recipe_path, root)
    if not recipe.synthesize:
        raise BadOption("recipe", f"{recipe_path}: expected [[synthesize]] tables, got none")
    for spec in recipe.synthesize:
        with counting(Path(spec.output).name, spec.clips) as tell:
            manifest = make(spec, Path(spec.output), workers=jobs or os.cpu_count() or 1, tell=tell)
        typer.echo(f"made: {manifest}")
