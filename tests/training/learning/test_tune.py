from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from sotto.app.cli.options import need
from sotto.clock import SystemClock
from sotto.errors import BadOption
from sotto.training.learning.trials import Trial, Trials
from sotto.training.recipes import make_recipe, read_recipe
from tests.learning_sets import write_set

NEEDED = ("torch", "transformers", "accelerate", "ray", "optuna", "tomli_w", "matplotlib")
TINY = """
name = "tiny"
[roots]
sets = "nowhere"
[[data]]
manifest = "{sets}/learn"
[model]
width = 16
heads = 2
encoder_layers = 1
decoder_layers = 1
vocabulary = 300
[schedule]
steps = 4
batch_seconds = 4
warmup = 1
workers = 0
[validation]
data = [{manifest = "{sets}/check", split = "dev"}]
every = 2
[search]
trials = 3
at_once = 2
seed = 2
[search.space]
"schedule.rate" = {low = 1e-4, high = 3e-3, log = true}
"model.heads" = {choices = [2, 3, 4, 8]}
"""
BREAKS = 3
"""Heads that do not share a width of 16."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    for name in NEEDED:
        pytest.importorskip(name)


@dataclass
class Search:
    """One in a folder, with its data."""

    home: Path
    text: str = TINY

    def __post_init__(self) -> None:
        line = {"text": "one two", "seconds": 1.0, "language": "en"}
        for name, split, clips in (("learn", "train", 4), ("check", "dev", 2)):
            lines = [line | {"path": f"{clip}.wav", "split": split} for clip in range(clips)]
            write_set(self.home / name, *lines)

    @property
    def folder(self) -> Path:
        """Where it searches."""
        return self.home / "search"

    @property
    def path(self) -> Path:
        """The recipe's, if it were written."""
        return self.home / "recipes" / "tiny.toml"

    @property
    def roots(self) -> dict[str, str]:
        """As the command line tells them."""
        return {"sets": str(self.home)}

    def run(self) -> Trials:
        """What is found."""
        from sotto.training.learning.tune import tune

        table = tomllib.loads(self.text)
        return tune(table, self.path, self.roots, self.folder, SystemClock(), print)

    def found(self) -> Trials:
        """What is written down."""
        return Trials.model_validate_json((self.folder / "trials.json").read_bytes())

    def command(self) -> subprocess.CompletedProcess[str]:
        """The same from the command line, so that nothing of Ray is left in this process."""
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(self.text)
        options = ["--run", str(self.folder), "--root", f"sets={self.home}"]
        called = [sys.executable, "-m", "sotto", "tune", str(self.path), *options]
        done = subprocess.run(called, capture_output=True, text=True, check=False)
        if "expected Ray to start" in done.stderr:
            pytest.skip("Ray did not start within its own limit of 30 s")
        assert done.returncode == 0, done.stderr
        return done

    def claim(self, *trials: dict[str, object]) -> None:
        """As if these had been tried in an earlier call."""
        recipe = make_recipe(tomllib.loads(self.text), self.path, self.roots)
        values = {"values": {"schedule.rate": 0.001, "model.heads": 2}}
        known = [Trial.model_validate({"number": n} | values | t) for n, t in enumerate(trials)]
        self.folder.mkdir()
        text = Trials(recipe=recipe, trials=tuple(known)).model_dump_json()
        (self.folder / "trials.json").write_text(text)


def test_a_search_from_its_recipe_to_the_best_one(tmp_path: Path) -> None:
    search = Search(tmp_path)
    told = search.command().stderr
    found = search.found()
    assert [trial.number for trial in found.trials] == [0, 1, 2]
    for trial in found.trials:
        heads = trial.values["model.heads"]
        assert trial.status == ("failed" if heads == BREAKS else "finished")
        assert (search.folder / trial.folder / "model").is_dir() == (heads != BREAKS)
        assert ("heads share, got 16" in (trial.error or "")) == (heads == BREAKS)
        assert [step for step, _ in trial.curve] == ([] if heads == BREAKS else [2, 4])
        assert f"trial {trial.number} {trial.status}" in told
    best = found.best
    assert best is not None
    assert best.wer == min(wer for trial in found.trials for _, wer in trial.curve)
    recipe = read_recipe(search.folder / "best.toml")
    assert recipe.schedule.rate == best.values["schedule.rate"]
    assert recipe.model.heads == best.values["model.heads"]
    assert recipe.search is None
    assert Path(recipe.data[0].manifest or "") == tmp_path / "learn"
    assert (search.folder / "trials.svg").read_text().startswith("<?xml")

    before = {path: path.stat().st_mtime_ns for path in search.folder.rglob("trials/*/*")}
    assert "trial" not in search.command().stderr
    assert search.found() == found
    assert {path: path.stat().st_mtime_ns for path in search.folder.rglob("trials/*/*")} == before


def test_a_search_in_which_all_have_failed_says_why(tmp_path: Path) -> None:
    failed = {"status": "failed", "error": "expected a loss, got NaN at step 7"}
    search = Search(tmp_path)
    search.claim(failed, failed, failed)
    with pytest.raises(BadOption, match="got NaN at step 7") as caught:
        search.run()
    assert "expected a trial that succeeds, got 3 that failed" in caught.value.message
    assert not (search.folder / "best.toml").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("every = 2\n[search]", "every = 2\n[nothing]", "nothing: Extra inputs"),
        ("schedule.rate", "schedule.rates", "such as schedule.rate,"),
        ('data = [{manifest = "{sets}/check", split = "dev"}]', "", "expected validation data"),
        ("[2, 3, 4, 8]", "[0]", "model.heads: Input should be greater than or equal to 1"),
        (TINY[TINY.index("[search]") :], "", r"expected a table \[search\], got none"),
        ("{sets}/learn", "{sets}/away", "cannot read .*away"),
    ],
)
def test_a_recipe_at_fault_is_told_before_anything_is_tried(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    search = Search(tmp_path, TINY.replace(old, new))
    with pytest.raises(BadOption, match=said):
        search.run()
    assert not (search.folder / "trials.json").exists()


def test_another_search_is_not_mixed_in(tmp_path: Path) -> None:
    Search(tmp_path).claim({"status": "finished", "wer": 0.5})
    with pytest.raises(BadOption, match="got another one"):
        Search(tmp_path, TINY.replace("high = 3e-3", "high = 4e-3")).run()


def test_the_command_tells_what_was_found(tmp_path: Path) -> None:
    search = Search(tmp_path)
    measured = {"wer": 0.25, "curve": [(4, 0.25)], "steps": 4}
    search.claim(
        {"status": "stopped", "wer": 0.5, "curve": [(2, 0.5)], "steps": 2, "seconds": 90.0},
        {"status": "finished", "values": {"schedule.rate": 0.002, "model.heads": 4}} | measured,
        {"status": "failed", "error": "no"},
    )
    result = search.command()
    table, _, best = result.stdout.partition("\n\n")
    assert [line.split() for line in table.splitlines()] == [
        ["trial", "WER", "%", "status", "steps", "minutes", "schedule.rate", "model.heads"],
        ["1", "25.00", "finished", "4", "0.0", "0.002", "4"],
        ["0", "50.00", "stopped", "2", "1.5", "0.001", "2"],
        ["2", "-", "failed", "0", "0.0", "0.001", "2"],
    ]
    assert best == f"best: {search.folder / 'best.toml'}\n"
    assert read_recipe(search.folder / "best.toml").schedule.rate == 0.002


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(
        BadOption, match=r"no_such_package, got none: pip install 'sotto\[a,b\]'"
    ) as caught:
        need("a,b", ["json", "no_such_package"])
    assert "json" not in caught.value.message
