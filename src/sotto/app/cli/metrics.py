"""`sotto metrics`: what `/metrics` of a server shows, and what it means."""

from __future__ import annotations

import typer

HELP = """List the metrics of a server, as the table in docs/metrics.md.

Example:

  [bold]sotto metrics[/bold]
"""


def metrics() -> None:
    """Print the table."""
    from sotto.runtime.metric_table import markdown
    from sotto.runtime.metrics import Metrics

    typer.echo(markdown(Metrics()), nl=False)
