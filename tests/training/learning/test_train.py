"""From audio files to a model that a server serves; and what becomes of a training that is killed.

The speech is synthesized, of three words by three voices: little enough to be learned in a minute.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.clock import SystemClock
from sotto.errors import BadOption
from sotto.training.config import Recipe
from sotto.training.manifest import read_manifest
from sotto.training.recipes import make_recipe
from sotto.training.synthesis.sets import synthesize
from tests.serving import serving

for _package in ("torch", "transformers", "accelerate"):
    pytest.importorskip(_package, reason="needs sotto[train]")

SOTTO = Path(sys.executable).with_name("sotto")

TINY = """
name = "tiny"
seed = 3
[model]
width = 64
heads = 1
encoder_layers = 2
decoder_layers = 1
vocabulary = 300
dropout = 0.1
[[data]]
manifest = "words"
text = "plain"
join = {clips = [1, 4], gap = [0.1, 0.3], mixed = 0.0, fragments = 0.0}
[augment]
speed = [0.95, 1.05]
warp = [1.0, 1.0]
equalizer = 0.1
telephone = 0.0
noise = 0.1
snr = [20, 40]
reverberation = 0.0
air = [0.1, 0.4]
time_masks = 0
band_masks = 0
[learning]
ctc = 0.5
non_speech = 0.05
prompt = 0.0
timestamps = 0.0
smoothing = 0.0
[schedule]
steps = 600
batch_seconds = 20
rate = 3e-3
warmup = 50
average = 0.9
workers = 0
[claims]
guard = 40
[[synthesize]]
output = "words"
clips = 30
vocabulary = ["one", "two", "six"]
length = [1, 1]
voices = ["espeak-ng/en-gb", "espeak-ng/en-us", "espeak-ng/en-gb-scotland"]
held_out = ["espeak-ng/en-us"]
rate = [150, 180]
pitch = [45, 55]
text = "plain"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe and its speech."""
    if not shutil.which("espeak-ng"):
        pytest.skip("needs espeak-ng, to make the speech that is learned")
    folder = tmp_path_factory.mktemp("training")
    (folder / "tiny.toml").write_text(TINY)
    (spec,) = recipe(folder).synthesize
    synthesize(spec, Path(spec.output), workers=2, tell=lambda count: None)
    return folder


def recipe(folder: Path, **changes: Mapping[str, object]) -> Recipe:
    """The tiny one, with other values in its tables."""
    table = tomllib.loads(TINY)
    for name, values in changes.items():
        table[name] = {**table.get(name, {}), **values}
    return make_recipe(table, folder / "tiny.toml")


def train(asked: Recipe, folder: Path) -> Path:
    """The run's folder."""
    from sotto.training.learning.train import Training

    return Training(asked, folder, SystemClock()).train().folder


@pytest.fixture(scope="module")
def trained(place: Path) -> Path:
    """A run that was trained and exported by the command, as a user would."""
    command = [SOTTO, "train", "tiny.toml", "--run", "runs/tiny"]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "step 600 of 600" in ran.stderr
    assert "serve it: sotto serve --model " in ran.stdout
    return place / "runs" / "tiny"


def test_what_was_trained_is_served(place: Path, trained: Path) -> None:
    words = read_manifest(place / "words").entries
    learned = [entry for entry in words if entry.split == "train"][:9]
    model = Flag("--model", "models.names", (str(trained / "export"),))
    with serving(load([model], environ={})) as server:
        heard = [ask(server.url, entry.path) for entry in learned]
    # So small a decoder's attention seldom tells where a word was said, and the server drops words
    # that seem to lie in silence; those that it keeps are the right ones.
    kept = [(text, entry.text) for text, entry in zip(heard, learned, strict=True) if text]
    assert len(kept) >= 3, heard
    assert sum(text == said for text, said in kept) >= len(kept) - 1, kept


def ask(url: str, path: Path) -> str:
    """What OpenAI's route hears in a file."""
    response = httpx2.post(
        f"{url}/v1/audio/transcriptions",
        files={"file": (path.name, path.read_bytes())},
        data={"model": "auto", "language": "en"},
    )
    assert response.status_code == 200, response.text
    return str(response.json()["text"]).strip()


def test_the_runs_folder_says_what_was_done(place: Path, trained: Path) -> None:
    data = json.loads((trained / "data.json").read_text())
    words = read_manifest(place / "words").entries
    assert [one["clips"] for one in data] == [sum(word.split == "train" for word in words)]
    versions = json.loads((trained / "versions.json").read_text())
    assert versions["torch"] != "none"
    metrics = metrics_of(trained)
    assert [line["step"] for line in metrics] == list(range(10, 601, 10))
    assert metrics[-1]["loss"] < metrics[0]["loss"] / 3
    assert "<svg" in (trained / "curves.svg").read_text()
    assert list((trained / "tensorboard").iterdir())
    claims = json.loads((trained / "export" / "sotto.json").read_text())
    assert claims["audio_context"] == "exact"
    assert claims["guard"] == 40
    assert claims["languages"] == ["en"]
    config = json.loads((trained / "export" / "config.json").read_text())
    assert config["alignment_heads"] == [[0, 0]]
    assert "| words | " in (trained / "export" / "README.md").read_text()


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(place: Path) -> None:
    """Killed between two checkpoints, and again at once, it repeats what was not kept."""
    short = TINY.replace("workers = 0", "workers = 1\nsave_every = 8")
    (place / "short.toml").write_text(short.replace("steps = 600", "steps = 24"))
    command = [SOTTO, "train", "short.toml", "--quantization", "none", "--run"]
    whole, broken = place / "runs" / "whole", place / "runs" / "broken"
    subprocess.run([*command, whole], cwd=place, capture_output=True, check=True)
    with subprocess.Popen(
        [*command, broken], cwd=place, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("step 10 "))
        process.send_signal(signal.SIGKILL)
    assert [path.name for path in (broken / "checkpoints").iterdir()] == ["step-0000008"]
    assert not (broken / "model").exists()
    subprocess.run([*command, broken], cwd=place, capture_output=True, check=True)
    files = [run / "model" / "model.safetensors" for run in (whole, broken)]
    assert files[0].read_bytes() == files[1].read_bytes()
    metrics = [(run / "metrics.jsonl").read_text() for run in (whole, broken)]
    assert metrics[0] == metrics[1]


def test_a_finished_run_is_left_alone_and_another_recipe_refused(
    place: Path, trained: Path
) -> None:
    before = (trained / "model" / "model.safetensors").stat().st_mtime_ns
    assert train(recipe(place), trained) == trained
    assert (trained / "model" / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(BadOption, match="begun with, got another"):
        train(recipe(place, schedule={"steps": 5}), trained)


def test_a_student_has_fewer_layers_and_the_teachers_words(place: Path, trained: Path) -> None:
    from transformers import WhisperConfig

    asked = recipe(
        place,
        schedule={"steps": 30, "rate": 5e-4, "warmup": 5, "average": 0.0},
        distillation={
            "teacher": str(trained),
            "encoder_layers": 1,
            "decoder_layers": 1,
            "freeze_encoder": False,
            "worst": 1.0,
        },
    )
    student = train(asked, place / "runs" / "student")
    config = WhisperConfig.from_pretrained(student / "model")
    assert (config.encoder_layers, config.decoder_layers) == (1, 1)
    losses = [line["loss"] for line in metrics_of(student)]
    assert losses[-1] < losses[0]
    assert not same(trained, student, "model.decoder.layers.0.fc1.weight")
    assert same(trained, student, "model.encoder.embed_positions.weight")


def metrics_of(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def same(one: Path, other: Path, name: str) -> bool:
    """Whether a weight of two runs is the same."""
    from safetensors.torch import load_file

    first, second = (load_file(run / "model" / "model.safetensors")[name] for run in (one, other))
    return bool((first == second).all())


def test_a_trained_model_can_be_trained_on(place: Path, trained: Path) -> None:
    """A few steps from its weights start where it ended, not where it began."""
    asked = recipe(
        place,
        model={"start": str(trained), "freeze_encoder": True},
        schedule={"steps": 10, "rate": 1e-5, "warmup": 1, "average": 0.0},
    )
    tuned = train(asked, place / "runs" / "tuned")
    first = metrics_of(tuned)[0]["loss"]
    begun = metrics_of(trained)[0]["loss"]
    assert first < begun / 3
    assert same(trained, tuned, "model.encoder.layers.0.fc1.weight")


def test_full_context_gradient_checkpointing_and_accumulation_train_too(place: Path) -> None:
    asked = recipe(
        place,
        model={"gradient_checkpointing": True},
        learning={"context": "full", "timestamps": 1.0, "prompt": 1.0},
        schedule={"steps": 4, "batch_seconds": 6, "accumulate": 2, "warmup": 1, "average": 0.0},
    )
    run = train(asked, place / "runs" / "full")
    (line,) = metrics_of(run)
    assert line["step"] == 4
    assert line["hours"] > 4 * 2 * 30 / 3600  # padded to 30 s each


def test_training_stops_when_it_gets_no_better(place: Path) -> None:
    dev = {"manifest": "words", "split": "dev", "text": "plain"}
    asked = recipe(
        place,
        schedule={"steps": 40, "rate": 1e-9, "warmup": 1, "average": 0.0, "batch_seconds": 4},
        validation={"data": [dev], "every": 2, "patience": 2},
    )
    run = train(asked, place / "runs" / "stopped")
    steps = [line["step"] for line in metrics_of(run)]
    assert steps == [2, 4, 6]
    assert (run / "model").is_dir()
