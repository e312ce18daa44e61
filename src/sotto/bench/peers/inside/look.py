"""Run by a peer's own Python, by its path: tells whether a module is there, and versions.

look.py MODULE PACKAGE...
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import sys
from importlib import metadata
from pathlib import Path


def main(module: str, packages: list[str]) -> None:
    """Print it as JSON; exit with a sentence where the module is missing."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        sys.exit(f"no module of the name {module}")
    versions = {package: _version(package) for package in packages}
    if not metadata.packages_distributions().get(module):
        digest = hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
        versions[module] = f"sha256:{digest[:12]}"
    sys.stdout.write(json.dumps({"python": platform.python_version(), "versions": versions}))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
