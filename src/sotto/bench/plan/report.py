"""A plan and what was simulated, as rows of text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from sotto.bench.plan.capacity import Plan
from sotto.bench.plan.fit import Fit
from sotto.bench.plan.measured import Measured
from sotto.bench.plan.outcome import Outcome
from sotto.bench.plan.simulate import Simulation
from sotto.bench.results import Json

HEAD = ("what", "how much")
NOTHING = "–"
AGAINST = (
    "streams",
    "p50 measured",
    "simulated",
    "p95 measured",
    "simulated",
    "differs by",
    "batch measured",
    "simulated",
)
VALIDATED = 240.0
"""Seconds, simulated for each step."""


def rows(plan: Plan) -> list[tuple[str, str]]:
    """A plan under HEAD."""
    wish, base = plan.wish, plan.basis
    estimate = " (estimate)" if base.is_estimate else ""
    machine = base.measured.machine
    memory = NOTHING if plan.engine_memory is None else f"{plan.engine_memory / 1e9:.2f} GB each"
    return [
        ("engine replicas", f"{plan.engines}{estimate}, {wish.spare} of them spare: {machine}"),
        ("streams of each", f"{plan.each} of the {base.streams:.0f} that one bears{estimate}"),
        (
            "connection replicas",
            f"{plan.connections}, {wish.spare} of them spare: {wish.connection_cores} cores",
        ),
        ("memory of engines", memory),
        ("memory of streams", f"{plan.stream_memory / 1e9:.1f} GB in all"),
        ("sound in, PCM", f"{_rate(plan.pcm)}, 16 bits at 16 kHz"),
        ("sound in, mel8", _rate(plan.mel8)),
        ("mel between replicas", _rate(plan.inner)),
        ("jobs of engines", f"{plan.jobs:.0f} a second"),
        ("finals to store", f"{plan.finals:.0f} a second"),
    ]


def _rate(amount: float) -> str:
    return f"{amount / 1e6:.1f} MB/s ({8 * amount / 1e9:.2f} Gb/s)"


def lines(outcome: Outcome, bound: float) -> Iterator[str]:
    """What a simulation came to."""
    lag = outcome.lag
    if lag is None:
        yield "no word was committed"
        return
    yield (
        f"commit lag p50 {lag.p50:.2f} s, p95 {lag.p95:.2f} s, p99 {lag.p99:.2f} s "
        f"({outcome.words} words)"
    )
    yield f"p95 above {bound:g} s: {outcome.above:.1%} of the time"
    yield f"replicas that died: {outcome.deaths}; streams that connected again: " + (
        f"{outcome.reconnected:.2%}"
    )
    yield (
        f"engines at work: {outcome.busy:.0f}; batches of {outcome.mean_batch:.1f}; "
        f"jobs refused: {outcome.refused}"
    )


def against(measured: Measured, fit: Fit) -> list[tuple[str, ...]]:
    """Each step that was measured, simulated: under AGAINST."""
    told: list[tuple[str, ...]] = []
    for step in measured.steps:
        outcome = Simulation(fit.run(step.streams, 1, seconds=VALIDATED)).play()
        lag = outcome.lag or step.lag
        told.append(
            (
                str(step.streams),
                f"{step.lag.p50:.2f}",
                f"{lag.p50:.2f}",
                f"{step.lag.p95:.2f}",
                f"{lag.p95:.2f}",
                f"{lag.p95 / step.lag.p95 - 1:+.0%}",
                f"{step.jobs / step.batches:.1f}",
                f"{outcome.mean_batch:.1f}",
            )
        )
    return told


def as_json(plan: Plan, outcome: Outcome | None) -> Json:
    """All of it, in seconds and bytes."""
    whole = asdict(plan)
    whole["basis"] |= {"streams": plan.basis.streams, "estimate": plan.basis.is_estimate}
    return {"kind": "plan", "plan": whole, "simulated": asdict(outcome) if outcome else None}
