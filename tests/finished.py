"""A run as training and export leave it, without either."""

from __future__ import annotations

from pathlib import Path

from sotto.training.evaluation.report import Outcome, Report, Take
from sotto.training.learning.runs import Run
from sotto.training.manifest import Entry
from sotto.training.recipes import read_recipe

RECIPE = """
name = "tiny"
never = ["{data}/kept_out"]
[roots]
data = "../data"
made = "../data/made"
[[data]]
manifest = "{data}/digits"
[[data]]
manifest = "{made}/strings/manifest.jsonl"
[augment]
noises = "/elsewhere/noise/manifest.jsonl"
[model]
start = "../models/base"
[claims]
license = "cc-by-4.0"
languages = ["en"]
about = "Hears digits."
"""


def _report(folder: Path) -> Report:
    """Of a clip heard well as a file and badly as a stream, and of a minute of noise."""
    speech = Entry("m:1", folder / "a.wav", "a.wav", "nine two five")
    noise = Entry("m:2", folder / "b.wav", "b.wav", "", kind="noise")
    heard = [
        Outcome("e", speech, 2.0, Take("nine two five", "nine two five", 0.1), _take("nine two")),
        Outcome("e", noise, 60.0, Take("", "", 0.1), Take("", "uh huh", 0.1)),
    ]
    return Report("tiny", "0", tuple(heard))


def _take(heard: str) -> Take:
    return Take("nine two five", heard, 0.1)


def finished_run(folder: Path) -> Run:
    """It lies in `runs/tiny`, and its data elsewhere under the folder."""
    recipe = folder / "recipes" / "tiny.toml"
    recipe.parent.mkdir()
    recipe.write_text(RECIPE)
    (folder / "models" / "base").mkdir(parents=True)
    run = Run(folder / "runs" / "tiny")
    run.open(read_recipe(recipe))
    manifest = folder / "recipes/../data/digits/manifest.jsonl"
    about = {"sha256": "0", "clips": 7, "hours": 0.5, "speakers": 3, "split": "train", "weight": 1}
    run.write("data.json", [{"manifest": str(manifest), **about}])
    run.write("report.json", _report(folder).json())
    run.write_text("curves.svg", "<svg></svg>")
    run.tell({"step": 10, "loss": 1.5})
    _put(run.export, "model.bin", "config.json", "vocabulary.json", "sotto.json", "README.md")
    _put(run.model, "model.safetensors", "config.json", "tokenizer.json", ".cache/lock")
    _put(run.folder / "checkpoints/step-0000010", "state.bin")
    return run


def _put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f'{{"of": "{folder.name}/{name}"}}')
