"""Steps as rows of text."""

from __future__ import annotations

from sotto.bench.streams.score import Spread
from sotto.bench.streams.step import Step

HEAD = (
    "streams",
    "lag mean",
    "p50",
    "p95",
    "p99",
    "stayed p50 / p95",
    "first p50 / p95",
    "final p50 / p95",
    "WER %",
    "changed",
    "cores",
    "MB",
    "batch",
    "replaced",
    "late ms",
    "",
)
NOTES = (
    "lag: seconds from the end of a word's sound, as it was spoken, to its commit, of words heard "
    "right; a word that was never committed is an error of the WER and has no lag",
    "stayed: from the same time until the word was seen, certain or not, and changed no more; of "
    "all words that stood there in the end, so also of those that were never committed",
    "first: seconds from the start of speech until the utterance's first word is seen; final: "
    "from the end of speech",
    "changed: shown words that changed or vanished, for each 100 words said; replaced: jobs whose "
    "place a newer one took; late: p99 of the generator's own lateness",
)
NOTHING = "–"


def row(step: Step) -> tuple[str, ...]:
    """One step under the head."""
    result, load = step.result, step.load
    lag, work = result.lag or result.claimed_lag, load.work
    lags = [lag.mean, lag.p50, lag.p95, lag.p99] if lag else [None] * 4
    replaced = sum(n for key, n in work.jobs.items() if key.endswith("withdrawn")) if work else None
    late = step.generated.late
    return (
        str(step.clients),
        *(_number(value, 2) for value in lags),
        _two(result.stayed),
        _two(result.first),
        _two(result.final),
        _number(None if result.wer is None else 100 * result.wer, 1),
        _number(result.changed_per_100, 1),
        _number(load.cores, 2),
        _number(None if load.rss_most is None else load.rss_most / 2**20, 0),
        _number(work.mean_batch if work else None, 1),
        _number(replaced, 0),
        _number(None if late is None else 1000 * late.p99, 0),
        "" if step.borne else step.why[0],
    )


def line(step: Step) -> str:
    """One step in a sentence, while the next one runs."""
    lag = step.result.lag or step.result.claimed_lag
    p95 = NOTHING if lag is None else f"{lag.p95:.2f} s"
    return f"{step.clients} streams: p95 commit lag {p95}{'' if step.borne else ', too many'}"


def _two(of: Spread | None) -> str:
    return NOTHING if of is None else f"{of.p50:.2f} / {of.p95:.2f}"


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
