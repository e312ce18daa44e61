"""Hugging Face's weights: one safetensors file, or several and their index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from sotto.errors import ModelUnavailable
from sotto.plugins.engines.torch_whisper.config_files import INDEX, ShardIndex, read_config

WEIGHTS = "model.safetensors"
PREFIX = "model."
"""Before the names in a file that holds what is put on top of the model as well."""
_FLOATS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def is_hub_folder(folder: Path) -> bool:
    """Whether there are such weights."""
    return (folder / WEIGHTS).is_file() or (folder / INDEX).is_file()


def read_tensors(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """The tensors of these names and shapes; what else there is, is not read.

    They are mapped from the file, so that nothing is copied. Raises ModelUnavailable.
    """
    found: dict[str, torch.Tensor] = {}
    for path in _files(folder):
        found.update(_tensors(path, shapes))
    missing = next((name for name in shapes if name not in found), None)
    if missing is not None:
        raise ModelUnavailable(f"{folder}: expected a tensor {missing}, got none")
    return found


def _files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    index = read_config(folder / INDEX, ShardIndex)
    names = sorted(set(index.weight_map.values()))
    for name in names:
        # A name and not a path: what lies outside of the folder is none of its business.
        if Path(name).name != name or "\\" in name or not name.endswith(".safetensors"):
            raise ModelUnavailable(
                f"{folder / INDEX}: expected safetensors files beside it, got {name[:200]!r}"
            )
    return [folder / name for name in names]


def _tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            for stored in file.keys():  # noqa: SIM118 (it is no mapping)
                name = stored.removeprefix(PREFIX)
                if name not in shapes:
                    continue
                part = file.get_slice(stored)
                _check(f"{path}: {stored}", part.get_dtype(), part.get_shape(), shapes[name])
                yield name, file.get_tensor(stored)
    except FileNotFoundError as error:
        raise ModelUnavailable(f"expected a file {path}, got none") from error
    except (SafetensorError, OSError) as error:
        raise ModelUnavailable(f"{path}: expected safetensors, got {error}") from error


def _check(where: str, kind: str, got: list[int], expected: tuple[int, ...]) -> None:
    if kind not in _FLOATS:
        raise ModelUnavailable(f"{where}: expected one of {', '.join(_FLOATS)}, got {kind}")
    if tuple(got) != expected:
        raise ModelUnavailable(f"{where}: expected shape {list(expected)}, got {got}")
