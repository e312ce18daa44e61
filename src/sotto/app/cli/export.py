"""`sotto export`: a finished run in the form that the server reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli.options import need

if TYPE_CHECKING:
    from sotto.training.learning.runs import Run

HELP = """Write a trained model in the form that the server reads.

The exported model has to give the tokens of the trained weights on clips of
the run's data, else nothing is written.

[bold]Examples[/bold]

  sotto export runs/mine
  sotto export runs/mine --quantization float16 --output models/mine
  sotto serve --model runs/mine/export
"""


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    quantization: Annotated[
        str, typer.Option(help="int8, int8_float16, int16, float16, bfloat16, float32, ...")
    ] = "int8",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="RUN/export if not given."),
    ] = None,
) -> None:
    """Convert, compare, tell."""
    need("train", ("torch", "transformers"))
    from sotto.training.learning.runs import Run

    export_run(Run(run.resolve()), output, quantization)


def export_run(run: Run, output: Path | None, quantization: str) -> None:
    """Raises BadOption, ModelUnavailable."""
    from sotto.training.release.export import Exporter

    target = output or run.export
    found = Exporter(run).export(target.resolve(), quantization)
    typer.echo(
        f"exported: {target} ({quantization}; {found.share:.1%} of {found.tokens} tokens as the "
        f"trained weights give them, on {found.clips} clips)"
    )
    typer.echo(f"serve it: sotto serve --model {target}")
