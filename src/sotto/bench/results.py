"""What every measurement writes down beside its numbers, and its file."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import sotto
from sotto.errors import BadOption

Json: TypeAlias = dict[str, Any]

PACKAGES = ("ctranslate2", "onnxruntime", "numpy", "uvicorn", "websockets")
"""That a server's speed depends on."""


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    cores: int
    """That this process may use."""
    processor: str
    memory: int | None
    """Bytes."""
    system: str
    python: str


def machine() -> Machine:
    """This one."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _all_cores(),
        processor=_processor(),
        memory=_memory(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def versions() -> dict[str, str]:
    """Of what was measured, as far as it is installed here."""
    found = {"sotto": sotto.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def document(
    kind: str,
    options: Mapping[str, Any],
    body: Mapping[str, Any],
    packages: Mapping[str, str] | None = None,
) -> Json:
    """A result, ready to be written. `options`: all that another run needs to be the same.

    `packages`: name → version of what was measured; None: what is installed here.
    """
    head = {
        "kind": kind,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine()),
        "versions": versions() if packages is None else dict(packages),
        "options": dict(options),
    }
    return head | {key: plain(value) for key, value in body.items()}


def plain(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


def write(path: Path, text: str) -> None:
    """Raises BadOption."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadOption("output", f"cannot write {path}: {error.strerror}") from error


def as_text(result: Json) -> str:
    """JSON, a value a line."""
    return json.dumps(result, ensure_ascii=False, indent=1) + "\n"


def read(path: Path) -> Json:
    """A result that `write` wrote. Raises BadOption."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadOption("result", f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadOption("result", f"expected JSON in {path}, got: {error}") from error
    if not isinstance(result, dict) or not isinstance(result.get("kind"), str):
        raise BadOption("result", f"expected a result of `sotto bench` in {path}, got others")
    return result


def _all_cores() -> int:
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _memory() -> int | None:
    if sys.platform == "win32":
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
