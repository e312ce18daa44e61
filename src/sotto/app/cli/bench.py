"""`sotto bench`: the measurements that the documentation quotes."""

from __future__ import annotations

import typer

from sotto.app.cli import (
    bench_chaos,
    bench_compare,
    bench_engine,
    bench_engine_page,
    bench_files,
    bench_idle,
    bench_page,
    bench_shape,
    bench_silent,
    bench_soak,
    bench_streams,
    bench_talk,
)

app = typer.Typer(
    name="bench", help="Measure what the documentation promises.", no_args_is_help=True
)

app.command("streams", help=bench_streams.HELP)(bench_streams.streams)
app.command("talk", help=bench_talk.HELP)(bench_talk.talk)
app.command("engine", help=bench_engine.HELP)(bench_engine.engine)
app.command("engine-page", help=bench_engine_page.HELP)(bench_engine_page.engine_page)
app.command("files", help=bench_files.HELP)(bench_files.files)
app.command("idle", help=bench_idle.HELP)(bench_idle.idle)
app.command("soak", help=bench_soak.HELP)(bench_soak.soak)
app.command("chaos", help=bench_chaos.HELP)(bench_chaos.chaos)
app.command("compare", help=bench_compare.HELP)(bench_compare.compare)
app.command("page", help=bench_page.HELP)(bench_page.page)
app.command("make-shape", help=bench_shape.HELP)(bench_shape.make_shape)
app.command("silent", help=bench_silent.HELP)(bench_silent.silent)
