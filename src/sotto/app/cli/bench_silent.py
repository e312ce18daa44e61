"""`sotto bench silent`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sotto.app.cli.bench_options import Data, Limit

if TYPE_CHECKING:
    from sotto.app.settings import Settings
    from sotto.bench.silent.material import Sources
    from sotto.bench.silent.run import Findings

HELP = """Measure what silent mode costs, and what it hides.

DATA are labelled clips with words that the model knows. --learn and --link name
sets of many speakers: attackers learn from the train split of the first, and
are tried on the eval split of the second.

[bold]Example[/bold]

  sotto bench silent data/digit_strings data/commands --split eval \\
      --learn data/librispeech --link data/test_other --noise data/noise \\
      --output report --doc docs/silent-mode.md
"""

LEARN_CLIPS, LINK_CLIPS, DETECT_CLIPS, ITERATIONS = 12, 6, 120, 32
"""With these the command takes some ten minutes on two cores."""

Folders: TypeAlias = list[Path]

Known: TypeAlias = Annotated[
    str, typer.Option("--model", "-m", help="A name of `sotto models list`, or a folder.")
]
SplitOfData: TypeAlias = Annotated[
    str | None, typer.Option(help="Only clips of DATA of this split.")
]
Learn: TypeAlias = Annotated[
    Folders | None, typer.Option(help="Speakers that attackers learn from; may be repeated.")
]
Link: TypeAlias = Annotated[
    Folders | None, typer.Option(help="Speakers to be linked; may be repeated.")
]
Noise: TypeAlias = Annotated[Folders | None, typer.Option(help="Recordings without speech.")]
LearnClips: TypeAlias = Annotated[int, typer.Option(min=2, help="Of each speaker, to learn.")]
LinkClips: TypeAlias = Annotated[int, typer.Option(min=2, help="Of each speaker, to link.")]
DetectClips: TypeAlias = Annotated[int, typer.Option(min=1, help="Of all, to find speech in.")]
Iterations: TypeAlias = Annotated[int, typer.Option(min=1, help="Of Griffin and Lim.")]
Embedding: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:NAME",
        help="A speaker embedding: called with samples at 16 kHz, it gives a vector.",
    ),
]
Report: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write silent.json.")
]
Doc: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page.")]


def silent(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    data: Data,
    model: Known = "nano",
    split: SplitOfData = None,
    limit: Limit = None,
    learn: Learn = None,
    link: Link = None,
    noise: Noise = None,
    learn_clips: LearnClips = LEARN_CLIPS,
    link_clips: LinkClips = LINK_CLIPS,
    detect_clips: DetectClips = DETECT_CLIPS,
    iterations: Iterations = ITERATIONS,
    embedding: Embedding = None,
    output: Report = None,
    doc: Doc = None,
) -> None:
    """Read the data, measure, tell what was found."""
    from sotto.app.cli.local import settings_for
    from sotto.app.evaluate import Wanted, make_folder, read_sets
    from sotto.bench.silent.material import Sources

    spoken = read_sets(data, Wanted(split, limit))
    sources = Sources(
        spoken,
        learn or [],
        link or [],
        noise or [],
        learn_clips,
        link_clips,
        detect_clips,
        iterations,
        embedding,
    )
    for folder in (output, None if doc is None else doc.parent):
        if folder is not None:
            make_folder(folder)
    findings = _measured(settings_for([], model, ctx.obj), sources)
    _print(findings)
    if output is not None:
        _write(output / "silent.json", _json(findings))
    if doc is not None:
        from sotto.bench.silent.report import as_page

        _write(doc, as_page(findings, _command(split, sources)))


def _measured(settings: Settings, sources: Sources) -> Findings:
    import sotto
    from sotto.app.build import build_service
    from sotto.app.cli.local import loaded, run
    from sotto.bench.silent.run import Bench

    def tell(part: str) -> None:
        typer.echo(f"measuring: {part}", err=True)

    async def work() -> Findings:
        async with loaded(service, settings):
            name = settings.models.default
            async with service.models.use(name) as (_, recognizer):
                n_mels = recognizer.traits.n_mels
            return await Bench(service, name, sotto.__version__, n_mels, material).findings(tell)

    material = sources.read()
    service = build_service(settings)
    return run(work())


def _print(findings: Findings) -> None:
    from sotto.app.cli.table import print_table
    from sotto.bench.silent.tables import TABLES

    for name, table in TABLES.items():
        made = table(findings)
        if made.rows:
            typer.echo(f"\n{name}")
            print_table(made.head, made.rows)
    for sentence in findings.missing:
        typer.echo(f"\n{sentence}")


def _json(findings: Findings) -> str:
    import json

    from sotto.bench.silent.report import as_json

    return json.dumps(as_json(findings), ensure_ascii=False, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    from sotto.errors import BadOption

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadOption("output", f"cannot write {path}: {error.strerror}") from error


def _command(split: str | None, sources: Sources) -> str:
    """The command for a page: sets by their names, since a path is only one machine's."""
    words = ["sotto bench silent", *(f"data/{manifest.name}" for manifest in sources.spoken)]
    words += [] if split is None else [f"--split {split}"]
    for option, paths in (
        ("learn", sources.learn),
        ("link", sources.link),
        ("noise", sources.noise),
    ):
        words += [f"--{option} data/{path.name}" for path in paths]
    for option, value, usual in (
        ("learn-clips", sources.learn_clips, LEARN_CLIPS),
        ("link-clips", sources.link_clips, LINK_CLIPS),
        ("detect-clips", sources.detect_clips, DETECT_CLIPS),
        ("iterations", sources.iterations, ITERATIONS),
    ):
        words += [] if value == usual else [f"--{option} {value}"]
    return " ".join([*words, "--doc docs/silent-mode.md"])
