"""`sotto bench make-shape`: a checkpoint that costs what a real one costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sotto.app.cli.options import need

HELP = """Make a checkpoint of Whisper's shape that is made to measure with.

It costs what the real one costs, layer by layer, and says a fixed number of
made-up words for each second of sound that is loud; in silence it says none.
Sotto and whatever builds on CTranslate2 can load it.

[bold]Examples[/bold]

  sotto bench make-shape base models/base-shape
  sotto bench make-shape small models/small-shape --rate 2.5
  sotto serve --model models/base-shape
"""


def make_shape(
    shape: Annotated[
        str,
        typer.Argument(
            metavar="SHAPE",
            help="tiny, base, small, medium, large-v3, large-v3-turbo or distil-large-v3.",
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="A folder that is empty or is not there.")
    ],
    rate: Annotated[float, typer.Option(help="Words, each a token, for a second: 0.5 to 6.")] = 3.0,
    form: Annotated[
        str, typer.Option("--format", "-f", help="ct2, or hf: Hugging Face's form, float32.")
    ] = "ct2",
    quantization: Annotated[
        str, typer.Option(help="Of ct2: int8, int16, float16, float32, ...")
    ] = "int8",
    seed: Annotated[int, typer.Option(min=0, help="Of the weights that decide nothing.")] = 0,
) -> None:
    """Craft, write, tell."""
    need("train", ("torch", "transformers"))
    from sotto.bench.shapes.make import Making, make
    from sotto.bench.shapes.sizes import Slots, shape_of

    making = Making(shape, shape_of(shape), Slots(rate), form, quantization, seed)
    make(making, output.resolve())
    typer.echo(f"made: {output} ({shape}, {rate:g} words a second)")
    if form == "ct2":
        typer.echo(f"serve it: sotto serve --model {output}")
