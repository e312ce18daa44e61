"""A folder of clips that are made: whose they are is written beside them before the first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from sotto.errors import BadOption
from sotto.training.manifest import FILE

SPEC_FILE = "spec.json"
"""What a folder's clips are made from, as hashes, so that they are not mixed with others."""
CLIPS = "clips"


def claim(folder: Path, made_of: Mapping[str, str]) -> None:
    """Make the folder, or go on with it. Raises BadOption where it holds another set's clips."""
    (folder / CLIPS).mkdir(parents=True, exist_ok=True)
    there = made_from(folder)
    if there == made_of:
        return
    if there or (folder / FILE).exists() or any((folder / CLIPS).iterdir()):
        raise BadOption(
            "output",
            f"expected an empty folder or the same set begun, got another set in {folder}: its "
            "spec, texts or installed voices differ; remove it or choose another output",
        )
    write_whole(folder / SPEC_FILE, json.dumps(made_of) + "\n")


def made_from(folder: Path) -> dict[str, str]:
    """What is written there; empty where nothing is."""
    file = folder / SPEC_FILE
    try:
        return dict(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise BadOption("output", f"expected a JSON object in {file}, got {error}") from error


def file_hash(path: Path) -> str:
    """Of a file, or of the manifest in a folder. Raises BadOption where it cannot be read."""
    file = path / FILE if path.is_dir() else path
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise BadOption("synthesize", f"cannot read {file}: {error.strerror}") from error


def write_whole(path: Path, text: str) -> None:
    """It is there as a whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
