"""`sotto plan`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sotto.bench.plan.capacity import Basis, Plan
    from sotto.bench.plan.outcome import Outcome

HELP = """Say how many machines so many streams need.

By figures that were measured: those that ship (docs/planning.md), or your own. Where a
model was not measured on a device, it is scaled from another of Whisper's sizes there,
and marked as an estimate; where none was, the answer is no.

[bold]Examples[/bold]

  sotto plan --streams 10000 --model base
  sotto plan --streams 10000 --model turbo --device h100 --from report/streams.json
  sotto plan --streams 1000 --model nano --bound 1.5 --simulate --engine-lives 24
"""

HOUR = 3600.0


@dataclass(frozen=True)
class _Trial:
    """What is to be simulated."""

    engine_lives: float
    """Hours; so the next one."""
    door_lives: float
    seconds: float
    seed: int
    apart: bool


def plan(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    streams: Annotated[int, typer.Option(min=1, max=1_000_000, help="At once.")],
    model: Annotated[str, typer.Option(help="As it was measured, or a size of Whisper's.")],
    device: Annotated[str, typer.Option(help="That the figures are of.")] = "cpu",
    from_: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Your own result of `sotto bench streams`."),
    ] = None,
    bound: Annotated[float, typer.Option(min=0.1, help="Seconds of p95 commit lag.")] = 3.0,
    head_room: Annotated[float, typer.Option(min=0, max=0.9, help="Share kept free.")] = 0.2,
    spare: Annotated[int, typer.Option(min=0, help="Replicas that may be away at once.")] = 1,
    simulate: Annotated[bool, typer.Option("--simulate", help="Play it, with failures.")] = False,
    apart: Annotated[
        bool, typer.Option("--apart", help="Simulate connections held by replicas of their own.")
    ] = False,
    engine_lives: Annotated[
        float, typer.Option(min=0, help="Hours until an engine dies, on average; 0: never.")
    ] = 24.0,
    connection_lives: Annotated[
        float, typer.Option(min=0, help="Hours until a replica of connections dies; 0: never.")
    ] = 24.0,
    seconds: Annotated[
        float, typer.Option(min=10, max=86_400, help="That are simulated and counted.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="Of what is simulated.")] = 0,
    validate: Annotated[
        bool, typer.Option("--validate", help="Show what was measured beside what is simulated.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Plan, and perhaps simulate."""
    from sotto.bench.plan.capacity import Wish, basis
    from sotto.bench.plan.capacity import plan as planned
    from sotto.bench.plan.measured import from_file, shipped

    wish = Wish(streams, model, device, bound, head_room, spare)
    records = shipped().records
    if from_ is not None:  # whatever it calls the device, it is the one that is asked for
        records = (replace(from_file(from_), device=device),)
    base = basis(wish, records)
    made = planned(wish, base, shipped().stream)
    trial = _Trial(engine_lives, connection_lives, seconds, seed, apart)
    outcome = _simulate(made, trial) if simulate else None
    _show(made, outcome, as_json=as_json)
    if validate:
        _validate(base)


def _simulate(made: Plan, trial: _Trial) -> Outcome:
    from sotto.bench.plan.fit import fit
    from sotto.bench.plan.scene import Troubles
    from sotto.bench.plan.simulate import Simulation

    base = made.basis
    fitted = fit(base.measured)
    if base.is_estimate:
        fitted = fitted.slower(base.scale)
    doors = made.connections if trial.apart else 0
    run = fitted.run(made.wish.streams, made.engines, doors, trial.seconds)
    troubles = Troubles(trial.engine_lives * HOUR, trial.door_lives * HOUR)
    run = replace(run, troubles=troubles, bound=made.wish.bound, seed=trial.seed)
    return Simulation(run).play()


def _show(made: Plan, outcome: Outcome | None, *, as_json: bool) -> None:
    from sotto.app.cli.table import print_table
    from sotto.bench.plan import report
    from sotto.bench.results import as_text

    if as_json:
        typer.echo(as_text(report.as_json(made, outcome)), nl=False)
        return
    print_table(report.HEAD, report.rows(made))
    for note in made.notes:
        typer.echo(f"- {note}")
    if outcome is not None:
        typer.echo("\nsimulated:")
        for line in report.lines(outcome, made.wish.bound):
            typer.echo(f"- {line}")


def _validate(base: Basis) -> None:
    from sotto.app.cli.table import print_table
    from sotto.bench.plan.fit import fit
    from sotto.bench.plan.report import AGAINST, against

    typer.echo("")
    print_table(AGAINST, against(base.measured, fit(base.measured)))
