"""`sotto tune`: search for the values of a recipe that lead to the least WER."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sotto.app.cli.options import need
from sotto.app.cli.train import RUNS, RecipePath, Roots

HELP = """Search for the values of a recipe that lead to the least WER.

The recipe's table \\[search] says which keys to vary, and how many trainings
to try. Those that others leave behind are stopped early. A search that was
stopped, even killed, goes on where it was when the command is given again;
with more trials in the recipe, it goes on from its end. For how a server runs
on this machine, see `sotto tune-machine`.

[bold]Examples[/bold]

  sotto tune mine.toml --root data=/data/speech
  sotto train runs/mine-search/best.toml
"""

NEEDED = ("torch", "transformers", "accelerate", "matplotlib", "ray", "optuna", "tomli_w")


def tune(
    recipe_path: RecipePath,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run", metavar="DIR", help="The search's folder; runs/NAME-search if not given."
        ),
    ] = None,
    root: Roots = None,
) -> None:
    """Try, tell, write down the best."""
    import tomllib

    from sotto.app.cli.table import print_table
    from sotto.app.cli.train import read
    from sotto.clock import SystemClock

    recipe = read(recipe_path, root)
    need("train,ray", NEEDED)
    from sotto.training.learning.tune import tune as search

    table = tomllib.loads(recipe_path.read_text(encoding="utf-8"))
    roots = dict(one.split("=", 1) for one in root or ())
    folder = run or RUNS / f"{recipe.name}-search"
    tell = partial(typer.echo, err=True)
    found = search(table, recipe_path, roots, folder, SystemClock(), tell)
    print_table(*found.table())
    if not all(trial.ended for trial in found.trials):
        typer.echo("\nnot all have ended: give the command again to go on")
    typer.echo(f"\nbest: {folder / 'best.toml'}")
