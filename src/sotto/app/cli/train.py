"""`sotto train`: fine-tune a Whisper checkpoint, or train one from nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli.options import need

if TYPE_CHECKING:
    from sotto.training.config import Recipe
    from sotto.training.learning.loop import Report
    from sotto.training.learning.train import Telling

RUNS = Path("runs")

HELP = """Fine-tune a Whisper checkpoint, or train one from nothing.

A recipe says everything: which data, which model, how long. All clips are
checked before anything starts. A run that was stopped, even killed, goes on
where it was when the command is given again.

[bold]Examples[/bold]

  sotto train recipes/nano.toml --root data=/data/speech
  sotto train mine.toml --distil openai/whisper-small --run runs/small-fast
  accelerate launch -m sotto train mine.toml      # several GPUs
"""

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file.")]
Roots = Annotated[
    list[str] | None,
    typer.Option("--root", metavar="NAME=DIR", help="A folder for {NAME} in the recipe's paths."),
]


def train(
    recipe_path: RecipePath,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="The run's folder; runs/NAME if not given."),
    ] = None,
    root: Roots = None,
    distil: Annotated[
        str | None,
        typer.Option(
            "--distil",
            metavar="TEACHER",
            help="Learn from a larger model: a run, folder or hub id.",
        ),
    ] = None,
    quantization: Annotated[
        str, typer.Option(help="Of the export that follows; none leaves it out.")
    ] = "int8",
) -> None:
    """Train, then export."""
    recipe = _distilling(read(recipe_path, root), distil)
    need("train", ("torch", "transformers", "accelerate", "matplotlib"))
    from sotto.app.cli.export import export_run
    from sotto.clock import SystemClock
    from sotto.training.learning.train import Training

    folder = run or RUNS / recipe.name
    with telling() as told:
        done = Training(recipe, folder.resolve(), SystemClock(), told).train()
    typer.echo(f"trained: {folder / 'model'}")
    if quantization != "none":
        export_run(done, None, quantization)


def read(path: Path, roots: Sequence[str] | None) -> Recipe:
    """The recipe with the roots of the command line. Raises BadOption."""
    from sotto.errors import BadOption
    from sotto.training.recipes import read_recipe

    pairs = [root.partition("=") for root in roots or ()]
    for name, equals, folder in pairs:
        if not (name and equals and folder):
            raise BadOption("root", f"expected NAME=DIR, got {name}{equals}{folder}")
    return read_recipe(path, {name: folder for name, _, folder in pairs})


def _distilling(recipe: Recipe, teacher: str | None) -> Recipe:
    if teacher is None:
        return recipe
    where = str(Path(teacher).resolve()) if Path(teacher).exists() else teacher
    return recipe.model_copy(
        update={"distillation": recipe.distillation.model_copy(update={"teacher": where})}
    )


@contextmanager
def telling() -> Iterator[Telling]:
    """A live line on a terminal, a line for each report elsewhere."""
    from rich.console import Console

    from sotto.training.learning.train import Telling

    console = Console(stderr=True, highlight=False)
    if not sys.stderr.isatty():
        yield Telling(console.print, lambda report: console.print(line(report)))
        return
    with console.status("") as status:

        def report(news: Report) -> None:
            status.update(line(news))
            if news.wer is not None:
                console.print(line(news))

        yield Telling(status.update, report)


def line(report: Report) -> str:
    """One report in words."""
    wer = "" if report.wer is None else f" · WER {100 * report.wer:.1f} %"
    minutes = report.left / 60
    left = "" if minutes == float("inf") else f" · {_time(minutes)} left"
    return (
        f"step {report.step} of {report.steps} · loss {report.loss:.3f}{wer} · "
        f"{report.heard:.1f} h heard · {report.pace:.0f} h/h{left}"
    )


def _time(minutes: float) -> str:
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.0f} min"
