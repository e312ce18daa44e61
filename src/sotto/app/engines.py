"""From settings to an engine: a checkpoint that is loaded here, or another server."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sotto.app.registry import names, plugin
from sotto.app.settings import Settings
from sotto.errors import BadOption, ModelUnavailable
from sotto.interfaces.engine import Engine
from sotto.plugins.checkpoints.source import Checkpoints

AUTO, CTRANSLATE2, TORCH, REMOTE = "auto", "ctranslate2", "torch", "remote"
FOR_ALL = CTRANSLATE2
"""What `auto` means on every device, until it is measured on a GPU that another serves more."""
EXTRA = "pip install 'sotto[gpu]'"


def check_engine(settings: Settings) -> None:
    """Raises BadOption where the engine cannot be had at all; nothing of it is imported."""
    kind, known = settings.engine.kind, (AUTO, *names("engines"))
    if kind not in known:
        raise BadOption(
            "engine.kind", f"expected engine.kind to be one of {', '.join(known)}, got {kind!r}"
        )
    if kind == TORCH and find_spec("torch") is None:
        raise BadOption("engine.kind", f"the engine torch needs a package more: {EXTRA}")
    if kind == REMOTE and settings.engine.url is None:
        raise BadOption("engine.url", "expected engine.url where engine.kind is remote, got none")


def open_engine(settings: Settings, name: str) -> Engine:
    """The engine of a model, ready to decode; its files are fetched first where they are not here.

    Raises ModelUnavailable, BadOption, and as `pull`.
    """
    if settings.engine.kind == REMOTE:
        return _remote(settings, name)
    return load_engine(settings, checkpoint(settings, name))


def checkpoint(settings: Settings, name: str) -> Path:
    """The folder of a model's files, fetched first where they are not here. Raises as `pull`."""
    return settings.models.paths.get(name) or Checkpoints(settings.models.folder).pull(name)


def load_engine(settings: Settings, folder: Path) -> Engine:
    """The checkpoint, ready to decode. Raises ModelUnavailable, BadOption.

    A plug-in is loaded as `load(folder, device=, compute_type=, threads=, slots=)`; slots, how many
    windows it may have in at once, is None where that is its own to choose.
    """
    check_engine(settings)
    how = settings.engine
    kind = FOR_ALL if how.kind == AUTO else how.kind
    if kind == REMOTE:
        raise BadOption("engine.kind", "expected an engine that runs here, got remote")
    given: dict[str, Any] = {
        "device": how.device,
        "compute_type": how.compute_type,
        "threads": how.threads,
    }
    if kind != CTRANSLATE2:  # whose batches are as large as the schedule makes them
        given["slots"] = how.max_batch
    try:
        engine: Engine = plugin("engines", kind).load(folder, **given)
    except ImportError as error:
        raise ModelUnavailable(f"the engine {kind} needs a package more: {error}") from error
    return engine


def _remote(settings: Settings, name: str) -> Engine:
    check_engine(settings)
    how = settings.engine
    engine: Engine = plugin("engines", REMOTE).load(
        how.url,
        model=how.model or name,
        api_key=how.api_key.get_secret_value() if how.api_key else None,
        languages=how.languages,
        at_once=how.batch,
    )
    return engine
