"""Released clients of others, each driven in a process of its own.

The newest `openai` is the one that the environment holds. All others are put beside it into
folders, once for each environment; where there is no package index, their tests are skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

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
        return _told([sys.executable, str(script), *words], self._environment())

    def _environment(self) -> dict[str, str]:
        if self.version is None:
            return {"PYTHONPATH": ""}
        wanted = f"openai[realtime]=={self.version}"
        return {"PYTHONPATH": str(_folder(f"openai-{self.version}", _pip([wanted])))}


NEWEST_AND_OLDER = [
    pytest.param(Client(None), id="newest"),
    pytest.param(Client(OLDER), id="a-year-old"),
]
"""What a test is parametrized by."""


@dataclass(frozen=True)
class Framework:
    """Packages that build upon the client's protocol; the environment holds what they need."""

    name: str
    """With its version: the folder's."""
    packages: tuple[str, ...]
    """All that the environment lacks of what this use of them imports, and nothing else: with
    everything that they name they would be hundreds of megabytes."""

    def run(self, script: Path, *words: str) -> dict[str, Any]:
        """As `Client.run`; nothing is sent to their makers."""
        folder = _folder(self.name, _pip(["--no-deps", *self.packages]))
        quiet = {"OPENAI_AGENTS_DISABLE_TRACING": "1", "PYTHONPATH": str(folder)}
        return _told([sys.executable, str(script), *words], quiet)


@dataclass(frozen=True)
class NodeFramework:
    """The same for Node."""

    lock: Path
    """A `package-lock.json`, with its `package.json` beside it."""

    def run(self, script: Path, *words: str) -> dict[str, Any]:
        """As `Client.run`; the script finds the packages by their names."""
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            _missing("expected node and npm, got none")
        mark = hashlib.sha256(self.lock.read_bytes()).hexdigest()[:12]
        folder = _folder(f"{self.lock.parent.name}-{mark}", self._fetch)
        quiet = {"OPENAI_AGENTS_DISABLE_TRACING": "1"}
        with script.open() as text:  # what comes that way looks for packages where it runs
            command = [str(node), "--input-type=module", "-", *words]
            return _told(command, quiet, folder=folder, text=text)

    def _fetch(self, folder: Path) -> None:
        folder.mkdir()
        for name in ("package.json", self.lock.name):
            shutil.copy(self.lock.with_name(name), folder)
        _install([*_NPM, "--prefix", str(folder)])


AGENTS = Framework(
    "openai-agents-0.24.0",
    (
        "openai-agents==0.24.0",
        "griffelib==2.4.1",
        "mcp==2.3.0",
        "mcp-types==2.3.0",
        "sse-starlette==3.7.0",
        "websockets==16.1.1",
    ),
)
LIVEKIT = Framework(
    "livekit-agents-1.8.9",
    (
        "livekit-agents==1.8.9",
        "livekit-plugins-openai==1.8.9",
        "aiofiles==25.1.0",
        "docstring-parser==0.18.0",
        "json-repair==0.63.5",
        "livekit==1.1.21",
        "livekit-api==1.2.2",
        "livekit-blingfire==1.2.0",
        "livekit-local-inference==0.2.7",
        "livekit-protocol==1.1.29",
    ),
)
PIPECAT = Framework(
    "pipecat-ai-1.14.0",
    (
        "pipecat-ai==1.14.0",
        "aiofiles==25.1.0",
        "audioop-lts==0.2.2; python_version >= '3.13'",
        "docstring-parser==0.18.0",
        "loguru==0.7.3",
        "loudness==0.2.0",
        "wait-for2==0.4.1; python_version < '3.12'",
    ),
)
AGENTS_IN_NODE = NodeFramework(Path(__file__).with_name("node_agents") / "package-lock.json")

_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
_NPM = ["npm", "ci", "--loglevel=error", "--no-audit", "--no-fund"]


def _told(
    command: Sequence[str], more: Mapping[str, str], *, folder: Path | None = None, text: Any = None
) -> dict[str, Any]:
    """What the command prints."""
    ran = subprocess.run(
        command,
        env=os.environ | more,
        cwd=folder,
        stdin=text,
        capture_output=True,
        text=True,
        timeout=_RUN_TIMEOUT,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _folder(name: str, fetch: Callable[[Path], None]) -> Path:
    """Where that lies; it is fetched first where it does not."""
    folder = _FOLDERS / name
    if not folder.exists():
        _FOLDERS.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_FOLDERS) as room:
            made = Path(room) / "made"
            fetch(made)
            try:
                made.rename(folder)
            except OSError:  # another run was faster
                assert folder.is_dir()
    return folder


def _pip(words: Sequence[str]) -> Callable[[Path], None]:
    return lambda folder: _install([*_PIP, "--no-compile", "--target", str(folder), *words])


def _install(command: Sequence[str]) -> None:
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False
    )
    if ran.returncode:
        _missing(f"a client could not be fetched: {ran.stderr.strip()[-400:]}")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
