"""docs/metrics.md and the metrics are the same."""

from __future__ import annotations

from pathlib import Path

from sotto.runtime.metric_table import markdown, rows
from sotto.runtime.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_has_the_table_as_it_is() -> None:
    assert markdown(Metrics()) in PAGE.read_text(encoding="utf-8"), "run: sotto metrics"


def test_every_metric_of_the_registry_is_in_it_with_a_unit_and_a_sentence() -> None:
    metrics = Metrics()
    told = {row.name: row for row in rows(metrics)}
    shown = {
        f"{f.name}_total" if f.type == "counter" else f.name for f in metrics.registry.collect()
    }
    assert set(told) == shown
    for row in told.values():
        assert row.meaning.endswith(".")
        assert (row.unit == "seconds") == ("_seconds" in row.name)
    assert told["sotto_models"].labels == ("model", "state")
    assert told["sotto_models"].unit == "0 or 1"
