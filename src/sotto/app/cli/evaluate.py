"""`sotto evaluate`: how well a model hears labelled speech."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sotto.app.settings import Settings
    from sotto.training.evaluation.normalization import Normalization as Compared
    from sotto.training.evaluation.report import Report
    from sotto.training.manifest import Manifest

WORST = 5
"""Utterances that the terminal shows; the report has more."""

HELP = """Measure how well a model hears labelled speech.

Each clip is heard whole, as `sotto transcribe` does, and as a stream, as a
client's would be. A manifest is JSON lines, with path and text; a folder is
taken for the manifest.jsonl in it.

[bold]Examples[/bold]

  sotto evaluate nano data/digits
  sotto evaluate small talks.jsonl --split eval --limit 100
  sotto evaluate runs/x/export data/a data/b --output report
  sotto evaluate small talks.jsonl --normalization english

english writes numbers, contractions and spellings in one way, as Whisper's
published English figures do; auto takes it where all clips are labelled en.
"""


Normalization: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="How texts are compared: basic, english, auto.")
]


def evaluate(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    model: Annotated[
        str, typer.Argument(help="A name of `sotto models list`, a hub id, or a folder.")
    ],
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Manifests, or folders that hold one.")
    ],
    split: Annotated[
        str | None, typer.Option(help="Only clips of train, dev or eval; all if not given.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N clips of each set.")
    ] = None,
    streamed: Annotated[
        bool, typer.Option("--streamed/--no-streamed", help="Whether to hear streams too.")
    ] = True,
    normalization: Normalization = "basic",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Write report.json and report.html."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check the data, hear every clip, tell what was found."""
    from sotto.app.cli.local import settings_for
    from sotto.app.evaluate import Wanted, make_folder, read_sets, write_report
    from sotto.training.evaluation.normalization import NormalizationName, choose
    from sotto.transcript.options import one_of

    asked = one_of(NormalizationName, "normalization", normalization)
    sets = read_sets(data, Wanted(split, limit))
    chosen = choose(asked, sets)
    if output is not None:
        make_folder(output)
    settings = settings_for([], model, ctx.obj)
    report = _examine(sets, settings, chosen, streamed=streamed)
    if output is not None:
        write_report(report, output)
    (_print_json if as_json else _print)(report)


def _examine(
    sets: Sequence[Manifest], settings: Settings, how: Compared, *, streamed: bool
) -> Report:
    """Hear every clip, by the service that a server of these settings would have."""
    from sotto.app.build import build_service
    from sotto.app.cli.local import loaded, run
    from sotto.app.cli.progress import counting
    from sotto.app.evaluate import Examiner
    from sotto.clock import SystemClock

    service = build_service(settings)
    name = settings.models.default
    examiner = Examiner(service, name, SystemClock(), streamed=streamed, normalization=how)

    async def work() -> Report:
        async with loaded(service, settings):
            with counting("clips", sum(len(manifest.entries) for manifest in sets)) as tell:
                heard = count(1)
                return await examiner.examine(sets, lambda outcome: tell(next(heard)))

    return run(work())


def _print_json(report: Report) -> None:
    import json

    typer.echo(json.dumps(report.json(), ensure_ascii=False, indent=1))


def _print(report: Report) -> None:
    from sotto.app.cli.table import print_table
    from sotto.training.evaluation.report import HEAD, rows, side_by_side, takes

    print_table(HEAD, rows(report))
    typer.echo(f"\nnormalization: {report.normalization.name}")
    if report.total.difference is not None:
        typer.echo(f"streamed against offline: {report.total.difference:+.2f} points of WER")
    for clip in report.worst(WORST):
        typer.echo(f"\n{clip.set}/{clip.entry.name}")
        for way, take in takes(clip).items():
            said, heard = side_by_side(take.alignment)
            typer.echo(f"  said      {said}\n  {way:8}  {heard}")
