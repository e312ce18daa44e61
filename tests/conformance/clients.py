"""Released versions of the `openai` package, each driven in a process of its own.

The newest is the one that the environment holds. The older one is put beside it into a folder,
once for each environment; where there is no package index, its tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

OLDER = "2.8.1"
"""Of 17 November 2025."""

_FOLDERS = Path(sys.prefix) / "clients"
_INSTALL_TIMEOUT, _RUN_TIMEOUT = 300, 120
"""Seconds."""


@dataclass(frozen=True)
class Client:
    """One version of the package."""

    version: str | None
    """None: the environment's own."""

    def run(self, script: Path, *words: str) -> dict[str, Any]:
        """What the script, given the words, prints: one JSON object. It ends with status 0."""
        ran = subprocess.run(
            [sys.executable, str(script), *words],
            env=os.environ | self._environment(),
            capture_output=True,
            text=True,
            timeout=_RUN_TIMEOUT,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        told: dict[str, Any] = json.loads(ran.stdout)
        return told

    def _environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(_folder(self.version))} if self.version else {"PYTHONPATH": ""}


NEWEST_AND_OLDER = [
    pytest.param(Client(None), id="newest"),
    pytest.param(Client(OLDER), id="a-year-old"),
]
"""What a test is parametrized by."""


def _folder(version: str) -> Path:
    """Where that version lies with all it needs; it is fetched first where it does not."""
    folder = _FOLDERS / f"openai-{version}"
    if not folder.exists():
        _FOLDERS.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_FOLDERS) as room:
            made = Path(room) / "made"
            _install(f"openai[realtime]=={version}", made)
            try:
                made.rename(folder)
            except OSError:  # another run was faster
                assert folder.is_dir()
    return folder


def _install(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    ran = subprocess.run(
        [*command, "--no-compile", "--target", str(folder), requirement],
        capture_output=True,
        text=True,
        timeout=_INSTALL_TIMEOUT,
        check=False,
    )
    if ran.returncode:
        reason = f"{requirement} could not be fetched: {ran.stderr.strip()[-300:]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
