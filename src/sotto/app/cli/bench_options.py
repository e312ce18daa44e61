"""Options that several commands of `sotto bench` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

# What is said.

Data: TypeAlias = Annotated[
    list[Path], typer.Argument(metavar="DATA...", help="Manifests, or folders that hold one.")
]
Split: TypeAlias = Annotated[str | None, typer.Option(help="Only clips of this split.")]
Limit: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Only the first N clips of each DATA.")
]
Language: TypeAlias = Annotated[str, typer.Option("--language", "-l", help="A code such as en.")]
Deflate: TypeAlias = Annotated[
    bool, typer.Option("--deflate", help="Offer to compress messages, as browsers do.")
]

# To which server.

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A server that runs: http://host:port; else one is started."),
]
Pid: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="PID", help="Its process, where it is on this machine."),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A name of `sotto models list`, or a folder; nano."),
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processor threads of the engine.")
]
Set: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the server; may be given several times."
    ),
]

# Beside which others.

Peers: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        metavar="NAME=PYTHON",
        help="Another server beside Sotto, and the Python that has it; may be repeated.",
    ),
]
Decoder: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The same model for peers that decode in PyTorch."),
]
OnePass: TypeAlias = Annotated[
    bool, typer.Option("--one-pass", help="No peer decodes a window again for being doubtful.")
]

# Where the result goes.

Output: TypeAlias = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Write the result, as JSON, there."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
