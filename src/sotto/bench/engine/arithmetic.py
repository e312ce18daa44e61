"""What follows from sizes alone: no machine was asked."""

from __future__ import annotations

from sotto.bench.engine.cases import CASES, Case
from sotto.bench.engine.ceiling import Asked, Ceiling, Numbers, Peaks
from sotto.bench.engine.sizes import parameters, sizes_of
from sotto.bench.shapes.sizes import SHAPES
from sotto.bench.silent.tables import Table
from sotto.interfaces.engine import Traits
from sotto.plugins.engines.windows import padded_length

HALVES = Numbers("float16", 2, 2)
NOMINAL = Peaks(operations=989e12, bandwidth=4.8e12, launch=0.0)
"""Of an NVIDIA H200 (SXM) as its maker's data sheet has them: float16 or bfloat16 without sparsity,
and the memory's width. Nothing of that was measured."""
AT_ONCE = (1, 16, 64, 256)
LOOK, FILE = CASES["look"], CASES["file"]


def at_least() -> Table:
    """Of each shape, operations and bytes of what windows need."""
    rows = []
    for name, outline in SHAPES.items():
        shape = sizes_of(outline)
        ceiling = Ceiling(shape, HALVES)
        look, file = asked(LOOK, 1, shape.n_mels), asked(FILE, 1, shape.n_mels)
        past = FILE.mean / 2
        few, many = ceiling.decoder(file, past), ceiling.decoder(asked(FILE, 2, shape.n_mels), past)
        kept = many.bytes - few.bytes  # what one window more brings with it to each step
        rows.append(
            (
                name,
                f"{parameters(shape) / 1e6:,.1f}",
                f"{_encoding(ceiling, look) / 1e9:,.1f}",
                f"{_encoding(ceiling, file) / 1e9:,.0f}",
                f"{few.operations / 1e9:.2f}",
                f"{(few.bytes - kept) / 1e6:,.0f}",
                f"{kept / 1e6:,.1f}",
                f"{_kept(ceiling, LOOK) / 1e6:,.1f}",
            )
        )
    head = (
        "shape",
        "parameters, million",
        "encoding a look, 10⁹ operations",
        "a window of 30 s",
        "a token, 10⁹ operations",
        "weights read in a step, MB",
        "and for each window of 30 s, MB",
        "and for each look, MB",
    )
    return Table(head, tuple(rows))


def limits() -> Table:
    """Of each shape, windows a second on a device of NOMINAL peaks, and what sets them."""
    rows = []
    for name, outline in SHAPES.items():
        shape = sizes_of(outline)
        ceiling = Ceiling(shape, HALVES)
        for case in (LOOK, FILE):
            cells = []
            for at_once in AT_ONCE:
                least = ceiling.least(asked(case, at_once, shape.n_mels), NOMINAL)
                share = 100 * least.encode / least.seconds
                cells.append(f"{at_once / least.seconds:,.0f} ({least.bound}, {share:.0f} %)")
            rows.append((name, case.name, *cells))
    return Table(("shape", "windows", *(f"{count} at once" for count in AT_ONCE)), tuple(rows))


def asked(case: Case, at_once: int, n_mels: int) -> Asked:
    """Of a checkpoint that others trained, so with silence after its windows."""
    context = Traits().audio_context
    return Asked(at_once, padded_length(case.frames, context, n_mels), case.mean)


def _encoding(ceiling: Ceiling, one: Asked) -> float:
    return ceiling.encoder(one).operations + ceiling.cross(one).operations


def _kept(ceiling: Ceiling, case: Case) -> float:
    n_mels, past = ceiling.shape.n_mels, case.mean / 2
    one, two = (ceiling.decoder(asked(case, count, n_mels), past) for count in (1, 2))
    return two.bytes - one.bytes
