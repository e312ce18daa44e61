"""`sotto bench idle`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli.bench_options import AsJson, Deflate, Model, Output, Pid, Set, Threads, Url
from sotto.app.cli.bench_outlet import Outlet, telling
from sotto.app.cli.bench_server import ServerChoice, ServerOptions

if TYPE_CHECKING:
    from sotto.bench.idle import Result

HELP = """Measure what connected streams cost in which nobody speaks.

N clients send digital silence at its pace. What one of them costs is the
difference to two of them, by the number of the others.

[bold]Example[/bold]

  sotto bench idle 200 --seconds 30
"""


def idle(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="[N]", min=3, help="Streams.")] = 100,
    seconds: Annotated[float, typer.Option(min=3, help="For which the server is watched.")] = 30.0,
    url: Url = None,
    pid: Pid = None,
    model: Model = None,
    threads: Threads = None,
    settings: Set = None,
    deflate: Deflate = False,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Connect, send silence, tell what it cost."""
    from sotto.bench.idle import cost
    from sotto.bench.results import document
    from sotto.bench.streams.sotto_stream import SottoStream
    from sotto.clock import SystemClock

    server = ServerChoice(ServerOptions(url, pid, model, threads, settings, ctx.obj))
    dialect = SottoStream(tuple(server.fields.items()), deflate)
    with telling() as tell, server.opened() as opened:
        result = cost(opened, dialect, SystemClock(), number, seconds, tell)
    options = server.options | {"streams": number, "seconds": seconds, "deflate": deflate}
    body = {
        "cpu_percent": result.cpu_percent,
        "rss": result.rss,
        "few": result.few,
        "many": result.many,
    }
    outlet = Outlet(output, as_json=as_json)
    outlet.keep(document("idle", options, body), lambda: _print(result))


def _print(result: Result) -> None:
    late = result.many.generated.late
    typer.echo(
        f"a silent stream of {result.streams}: {result.cpu_percent:.3f} % of a core, "
        f"{result.rss / 2**20:.3f} MB"
    )
    if late is not None:
        typer.echo(f"the generator's own lateness: {1000 * late.p99:.0f} ms (p99)")
    if result.many.generated.was_bottleneck:
        typer.echo("the generator was the bottleneck: this says nothing of the server")
