"""Made-up sets to learn from, small enough for a test."""

from __future__ import annotations

import json
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sotto.audio.format import SAMPLE_RATE
from sotto.training.config import Augment, DataSpec, Learning, Recipe
from sotto.training.data.augment import Augmenter
from sotto.training.data.batches import Batches
from sotto.training.data.features import Features
from sotto.training.data.mixing import LearningSet, Mixer
from sotto.training.data.targets import Writer
from sotto.training.data.vocabulary import learn_vocabulary
from sotto.training.manifest import Entry

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SENTENCES = [f"{a} and {b}" for a in DIGITS for b in DIGITS]
PLAIN = Augment(
    speed=(1.0, 1.0),
    warp=(1.0, 1.0),
    gain=(0.0, 0.0),
    equalizer=0.0,
    telephone=0.0,
    noise=0.0,
    reverberation=0.0,
    air=(0.0, 0.0),
    quantize=0.0,
    time_masks=0,
    band_masks=0,
)
"""Changes nothing."""


def features(lengths: Sequence[int], texts: Sequence[str], speakers: int = 3) -> Features:
    """Clip i is of speaker i modulo `speakers`; no two frames are alike."""
    counts = np.array(lengths, np.int64)
    mel = np.random.default_rng(len(counts)).normal(-3, 1.5, (counts.sum(), 80))
    entries = tuple(
        Entry("made:1", Path(f"{place}.wav"), f"{place}.wav", text, None, f"s{place % speakers}")
        for place, text in enumerate(texts)
    )
    return Features(entries, np.cumsum(counts) - counts, counts, mel.astype(np.float16))


def learning_set(lengths: Sequence[int], texts: Sequence[str], **spec: object) -> LearningSet:
    """With a text for each length."""
    made = features(lengths, texts)
    about = DataSpec.model_validate({"manifest": "made"} | spec)
    return LearningSet(about, made, tuple(texts))


def words(clips: int = 60, **spec: object) -> LearningSet:
    """Digits of 0.2 to 0.8 s, to be strung together."""
    lengths = np.random.default_rng(1).integers(20, 80, clips).tolist()
    texts = [DIGITS[clip % len(DIGITS)] for clip in range(clips)]
    return learning_set(lengths, texts, **{"join": {"clips": (1, 6)}} | spec)


def sentences(clips: int = 40, **spec: object) -> LearningSet:
    """Sentences of 1 to 12 s."""
    lengths = np.random.default_rng(2).integers(100, 1200, clips).tolist()
    return learning_set(lengths, [SENTENCES[clip % 100] for clip in range(clips)], **spec)


def recipe(sets: Sequence[LearningSet], **changes: object) -> Recipe:
    """Of these sets; batches of 20 s."""
    said = {"name": "made", "schedule": {"batch_seconds": 20}} | changes
    return Recipe.model_validate(said | {"data": [one.spec for one in sets]})


def batches(
    sets: Sequence[LearningSet],
    augment: Augment | None = None,
    learning: Learning | None = None,
    seed: int = 0,
) -> Batches:
    """Over a vocabulary of their texts."""
    asked = recipe(sets, augment=augment or Augment(), learning=learning or Learning(), seed=seed)
    texts = [text for one in sets for text in one.texts]
    return Batches(
        Mixer(asked, sets),
        Augmenter(asked.augment, 80),
        Writer(learn_vocabulary(texts, 300), asked.learning),
        asked.learning,
    )


def write_wav(path: Path, seconds: float, seed: int = 0) -> None:
    """Noise."""
    noise = np.random.default_rng(seed).normal(0, 3000, round(seconds * SAMPLE_RATE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(noise.astype("<i2").tobytes())


def write_set(folder: Path, *lines: dict[str, object]) -> Path:
    """A folder with a manifest; clips that are not there yet are noise of `seconds`, or 0.5 s."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, line in enumerate(lines):
        path = folder / str(line["path"])
        if not path.exists():
            write_wav(path, float(str(line.get("seconds", 0.5))), seed)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(text)
    return folder
