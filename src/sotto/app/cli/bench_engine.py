"""`sotto bench engine`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sotto.app.cli.bench_options import AsJson, Language, Limit, Output, Set, Split
from sotto.app.cli.bench_outlet import Outlet, telling
from sotto.app.cli.options import need
from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.app.cli.bench_engine_run import Bench
    from sotto.bench.engine.subject import Subject
    from sotto.bench.results import Json
    from sotto.bench.streams.run import Tell
    from sotto.bench.streams.search import Search

ENGINES = ("ctranslate2", "torch")
"""Where none is named."""

HELP = """Measure engines alone: windows a second, and how many streams they bear.

Each engine decodes the same windows, more and more of them at once, and what it
does is held against what this machine could do at best, which is measured first.
Then, with --streams, it bears virtual streams: real sessions in its process, that
say the labelled clips of DATA (without DATA the digits that ship) at real-time pace,
until the 95th percentile of the commit lag passes --bound.

A --shape is a checkpoint with the sizes of one of Whisper's, made here to measure
with; the same one for all engines.

[bold]Examples[/bold]

  sotto bench engine --shape tiny --engine torch --engine ctranslate2
  sotto bench engine --model models/base --device cuda --streams -o report
  sotto bench engine --device cuda --shape base --shape large-v3-turbo \\
      --engine torch --engine ctranslate2 --engine huggingface --streams -o report
"""

Sets: TypeAlias = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[DATA...]", help="Manifests, or folders that hold one."),
]
Engines: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--engine", metavar="NAME", help="ctranslate2, torch, huggingface; repeatable."),
]
Shapes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="NAME", help="tiny … large-v3-turbo; repeatable."),
]
Models: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", metavar="NAME", help="A name, or a folder; repeatable."),
]
Device: TypeAlias = Annotated[str, typer.Option(help="cpu or cuda; auto: cuda, if there is one.")]
ComputeType: TypeAlias = Annotated[str, typer.Option(help="float32, float16, int8 …")]
Threads: TypeAlias = Annotated[
    int, typer.Option(min=0, metavar="N", help="Processor threads; 0: the engine's own choice.")
]
Cases: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--case", metavar="NAME", help="look, file, mixed; repeatable; all."),
]
Most: TypeAlias = Annotated[int, typer.Option(min=1, max=4096, help="Windows at once, at most.")]
Seconds: TypeAlias = Annotated[float, typer.Option(min=0.1, help="For each case of each engine.")]
Keep: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where shapes are kept, made once.")
]
Streams: TypeAlias = Annotated[bool, typer.Option("--streams", help="Virtual streams as well.")]
Counts: TypeAlias = Annotated[
    str | None, typer.Option(metavar="N,N,…", help="These numbers of streams, no search.")
]
First: TypeAlias = Annotated[int, typer.Option(min=1, help="Streams that the search begins with.")]
MostStreams: TypeAlias = Annotated[int, typer.Option(min=1, help="Streams that it ends with.")]
Bound: TypeAlias = Annotated[
    float, typer.Option(min=0.1, help="Seconds of p95 commit lag that are borne.")
]
Spoken: TypeAlias = Annotated[
    float, typer.Option(min=3, help="Seconds of streams in which words are counted.")
]
WarmUp: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Seconds before that in which they are not.")
]
Processes: TypeAlias = Annotated[
    int, typer.Option(min=0, help="That have the streams' sessions; 0: the engine's own.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of what is said, and when.")]


def engine(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    data: Sets = None,
    split: Split = None,
    limit: Limit = None,
    engines: Engines = None,
    shapes: Shapes = None,
    models: Models = None,
    device: Device = "auto",
    compute_type: ComputeType = "default",
    threads: Threads = 0,
    cases: Cases = None,
    most: Most = 512,
    seconds: Seconds = 20.0,
    keep: Keep = None,
    streams: Streams = False,
    counts: Counts = None,
    first: First = 16,
    most_streams: MostStreams = 4096,
    bound: Bound = 1.0,
    spoken: Spoken = 30.0,
    warm_up: WarmUp = 5.0,
    processes: Processes = 0,
    seed: Seed = 0,
    language: Language = "en",
    settings: Set = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Make the shapes, measure each engine in a process of its own, tell."""
    need("train", ("torch", "transformers"))
    from sotto.app.cli.bench_engine_run import Bench, Crowds
    from sotto.bench.engine.subject import Plan
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.step import Bounds
    from sotto.bench.virtual.step import Asked

    plan = Plan(_cases(cases), most, seconds)
    said = _pairs(settings or [])
    crowds = None
    if streams:
        asked = Asked(Talk(warm_up=warm_up, counted=spoken), Bounds(bound), seed)
        choose = _choose(counts, first, most_streams)
        paths = tuple(data or ())
        crowds = Crowds(paths, split, limit, language, asked, choose, said, ctx.obj, processes)
    place = Place(_device(device), compute_type, threads)
    named = Named(tuple(shapes or ()), tuple(models or ()), _engines(engines))
    about = asdict(plan) | asdict(place) | {"settings": said}
    if crowds is not None:
        about |= {"streams": asdict(crowds.asked), "data": [path.name for path in crowds.data]}
        about |= {"processes": processes}
    outlet = Outlet(output, as_json=as_json)
    with telling() as tell, _checkpoints(named, keep, ctx.obj, tell) as checkpoints:
        bench = Bench(tuple(_subjects(named, place, checkpoints)), plan, crowds, tell)
        found = _measure(bench, about, output)
    outlet.keep(found, lambda: _print(found))
    if any(subject["points"] == [] for subject in found["subjects"]):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Place:
    """Where and how engines run."""

    device: str
    compute_type: str
    threads: int


@dataclass(frozen=True)
class Named:
    """What is to be measured, by name."""

    shapes: tuple[str, ...]
    models: tuple[str, ...]
    engines: tuple[str, ...]


def _cases(names: list[str] | None) -> tuple[str, ...]:
    """Raises BadOption."""
    from sotto.bench.engine.cases import CASES

    chosen = tuple(names or CASES)
    for name in chosen:
        if name not in CASES:
            raise BadOption("case", f"expected one of {', '.join(CASES)}, got {name!r}")
    return chosen


def _engines(names: list[str] | None) -> tuple[str, ...]:
    """Raises BadOption."""
    from sotto.app.engines import REMOTE
    from sotto.app.registry import names as plugins
    from sotto.bench.engine.subject import HUGGING_FACE

    known = [*(name for name in plugins("engines") if name != REMOTE), HUGGING_FACE]
    chosen = tuple(names or ENGINES)
    for name in chosen:
        if name not in known:
            raise BadOption("engine", f"expected one of {', '.join(known)}, got {name!r}")
    return chosen


def _choose(counts: str | None, first: int, most: int) -> Search | tuple[int, ...]:
    """Raises BadOption."""
    from sotto.app.cli.bench_streams import streams_to_try

    found = streams_to_try(counts, first, most)
    return tuple(found) if isinstance(found, list) else found


def _pairs(texts: list[str]) -> dict[str, str]:
    """Raises BadOption."""
    from sotto.app.cli.bench_server import ServerChoice, ServerOptions

    chosen = ServerChoice(ServerOptions(None, None, None, None, texts, None))
    return dict(chosen.options["settings"])


def _device(device: str) -> str:
    """Raises BadOption."""
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise BadOption("device", f"expected auto, cpu or cuda, got {device!r}")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


@contextmanager
def _checkpoints(
    named: Named, keep: Path | None, config: Path | None, tell: Tell
) -> Iterator[list[tuple[str, Path, float | None]]]:
    """Name, folder, and words a second of what is made up; shapes that are not to be kept are gone
    with the context. Raises BadOption, UnknownModel, ModelUnavailable.
    """
    from sotto.app.cli.local import settings_for
    from sotto.app.engines import checkpoint
    from sotto.bench.engine.cases import RATE
    from sotto.bench.engine.shapes import made

    if not (named.shapes or named.models):
        raise BadOption("shape", "expected --shape or --model, got neither")
    with tempfile.TemporaryDirectory(prefix="sotto-shapes-") as folder:
        found: list[tuple[str, Path, float | None]] = []
        for name in named.shapes:
            found.append((f"{name} shape", made(name, keep or Path(folder), tell), RATE))
        for name in named.models:
            tell(f"{name}: fetching it, if it is not here")
            path = checkpoint(settings_for([], name, config), name)
            found.append((Path(name).name, path.resolve(), None))
        yield found


def _subjects(
    named: Named, place: Place, checkpoints: list[tuple[str, Path, float | None]]
) -> Iterator[Subject]:
    from sotto.bench.engine.subject import Subject

    for model, folder, rate in checkpoints:
        for name in named.engines:
            yield Subject(
                engine=name,
                model=model,
                folder=folder,
                device=place.device,
                compute_type=place.compute_type,
                threads=place.threads,
                rate=rate,
            )


def _measure(bench: Bench, about: Json, output: Path | None) -> Json:
    """All, written down whenever more is known: who is ended loses nothing."""
    from sotto.bench.engine.findings import result
    from sotto.bench.results import as_text, write

    found = result(about, {}, [])
    for _ in bench.steps():
        found = result(about, bench.peaks, bench.found)
        if output is not None:
            write(output / "engine.json", as_text(found))
    return found


def _print(found: Json) -> None:
    from sotto.app.cli.table import print_table
    from sotto.bench.engine import tables
    from sotto.bench.engine.cases import CASES, described

    shown = [tables.peaks(found), tables.loaded(found), tables.points(found)]
    streams = tables.streams(found)
    for table in [*shown, streams] if streams.rows else shown:
        print_table(table.head, table.rows)
        typer.echo("")
    for line in (*described(list(CASES.values())), *tables.faults(found)):
        typer.echo(line)
