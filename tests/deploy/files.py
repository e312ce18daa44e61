"""The files of deploy/, read as the programs they are for read them."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import yaml

from sotto.app.server import HARD_STOP
from sotto.app.settings import Settings
from sotto.runtime.metrics import Metrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SCHEMAS = ROOT / ".." / "shared" / "schemas"
PAGE = ROOT / "docs" / "deployment.md"

METRIC = re.compile(r"\b(sotto_\w+)")


def program(name: str) -> str | None:
    """Where a program of the system lies; those for administrators are not on each user's path."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of deploy/, and the page that tells how to use them."""
    for path in (*sorted(DEPLOY.rglob("*")), PAGE):
        if path.is_file():
            yield path, path.read_text(encoding="utf-8")


def document(*parts: str) -> Any:
    """A file of YAML."""
    return yaml.safe_load(DEPLOY.joinpath(*parts).read_text(encoding="utf-8"))


def samples() -> dict[str, tuple[str, ...]]:
    """Every time series that the server can have, with the labels that its metric has."""
    found: dict[str, tuple[str, ...]] = {}
    metrics = Metrics()
    for member in vars(metrics).values():
        for metric in member.describe() if hasattr(member, "_labelnames") else ():
            labels = tuple(member._labelnames)
            for name, more in _series(metric.name, metric.type):
                found[name] = labels + more
    return found


def _series(name: str, kind: str) -> list[tuple[str, tuple[str, ...]]]:
    if kind == "counter":
        return [(f"{name}_total", ())]
    if kind == "histogram":
        return [(f"{name}_bucket", ("le",)), (f"{name}_sum", ()), (f"{name}_count", ())]
    return [(name, ())]


def rules() -> list[dict[str, Any]]:
    groups = document("prometheus", "sotto.rules.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    board: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/sotto.json").read_text())
    return board


def panels() -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def asked(panel: dict[str, Any], window: str = "5m") -> list[str]:
    """A panel's expressions, with its variables filled in as Grafana does."""
    return [
        target["expr"].replace("$__rate_interval", window).replace("$instance", ".*")
        for target in panel["targets"]
    ]


def instructions(target: str) -> list[tuple[str, str]]:
    """The Dockerfile's instructions for one image, its stages' in the order they are built on."""
    found: list[tuple[str, str]] = []
    for stage in _lineage(target):
        found += stages()[stage]
    return found


def stages() -> dict[str, list[tuple[str, str]]]:
    """Name → instructions, FROM first."""
    text = (DEPLOY / "docker/Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", " ", text)
    found: dict[str, list[tuple[str, str]]] = {"": []}
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found[rest.partition(" AS ")[2]] = []
        found[list(found)[-1]].append((word, rest.strip()))
    return found


def _lineage(target: str) -> list[str]:
    parent = stages()[target][0][1].split()[0]
    return [*(_lineage(parent) if parent in stages() else []), target]


def image_environment(target: str) -> dict[str, str]:
    """What the image's ENV says, beside the interpreter's path."""
    said = [pair for word, rest in instructions(target) if word == "ENV" for pair in rest.split()]
    return {name: value for name, _, value in (pair.partition("=") for pair in said)}


def stopping(settings: Settings) -> float:
    """Seconds after which a server that was told to stop is gone, at the latest."""
    return settings.server.drain_seconds + settings.server.stop_seconds + HARD_STOP


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_ready(client: httpx2.Client) -> bool:
    """Whether a server that may not listen yet has a model."""
    try:
        return bool(client.get("/ready").status_code == 200)
    except httpx2.TransportError:
        return False
