"""Small data sets of Hugging Face's kind, as people keep them in folders."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from sotto.training.config import DataSpec
from sotto.training.manifest import Manifest, check_manifests

datasets = pytest.importorskip("datasets", reason="datasets is not installed")

TEXTS = ("nine two five", "eight", "three one zero")
BOTH = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}


def sound(number: int) -> bytes:
    """A WAV file of half a second that is like no other."""
    file = io.BytesIO()
    samples = np.random.default_rng(number).normal(0, 1_000, 8_000).astype("<i2")
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(samples.tobytes())
    return file.getvalue()


def words(texts=TEXTS, sounds=None, **columns):
    """A data set as the hub has them: files in rows."""
    sounds = [sound(number) for number in range(len(texts))] if sounds is None else sounds
    files = [{"bytes": file, "path": f"{number}.wav"} for number, file in enumerate(sounds)]
    rows = datasets.Dataset.from_dict({"text": list(texts), **columns})
    rows = rows.add_column("audio", files, feature=BOTH)
    return rows.cast_column("audio", datasets.Audio(decode=False))


def saved(folder: Path) -> DataSpec:
    words().save_to_disk(folder)
    return DataSpec(dataset=str(folder))


def saved_splits(folder: Path) -> DataSpec:
    splits = {"validation": words(), "train": words(["no"])}
    datasets.DatasetDict(splits).save_to_disk(folder)
    return DataSpec(dataset=str(folder), dataset_split="validation")


def parquet(folder: Path) -> DataSpec:
    folder.mkdir()
    words().to_parquet(folder / "train-0.parquet")
    return DataSpec(dataset=str(folder))


def binary_parquet(folder: Path) -> DataSpec:
    """Nothing says that the bytes are sound."""
    folder.mkdir()
    columns = {"said": list(TEXTS), "flac": [sound(number) for number in range(3)]}
    datasets.Dataset.from_dict(columns).to_parquet(folder / "train-0.parquet")
    return DataSpec(dataset=str(folder), audio_column="flac", text_column="said")


def paths(folder: Path) -> DataSpec:
    """Nothing but where the sound lies, seen from the folder."""
    folder.mkdir()
    (folder / "../clips").mkdir()
    for number in range(3):
        (folder / f"../clips/{number}.wav").write_bytes(sound(number))
    lines = [{"audio": f"../clips/{number}.wav", "text": TEXTS[number]} for number in range(3)]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return DataSpec(dataset=str(folder))


def audiofolder(folder: Path) -> DataSpec:
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.wav").write_bytes(sound(number))
    lines = [{"file_name": f"{number}.wav", "text": text} for number, text in enumerate(TEXTS)]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return DataSpec(dataset=str(folder))


def read(path: Path) -> Manifest:
    (manifest,) = check_manifests([path])
    return manifest
