"""What a new user does: clone, `make run`. It installs everything anew, so it takes a minute."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.speech import CLIP_TEXT

ROOT = Path(__file__).parents[2]
MAX_MEGABYTES = 540
"""With the extras talk and webrtc; without them 480."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so that there is nothing to clone")
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, tmp_path / "sotto"], check=True)
    return tmp_path / "sotto"


def test_make_run_serves_and_hears_its_clip(clone: Path) -> None:
    # Nor what a make around this one was told: its VENV would be ours.
    foreign = ("VIRTUAL_ENV", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    with subprocess.Popen(
        ["make", "run"],
        cwd=clone,
        env=kept | {"SOTTO_SERVER__PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            check_its_words(server)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
    assert installed_megabytes(clone) <= MAX_MEGABYTES


def check_its_words(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    said: list[str] = []
    for line in server.stdout:
        said.append(line)
        if "self-check" in line:
            break
    text = "".join(said)
    assert f"self-check: heard '{CLIP_TEXT}'" in text
    assert "loading models: nano" in text
    address = re.search(r"listening on (http://localhost:\d+)", text)
    assert address, text
    with urllib.request.urlopen(address[1], timeout=10) as answer:
        assert json.load(answer) == {"done": 1, "queue": 0, "models": 1}


def installed_megabytes(clone: Path) -> float:
    """What the install pulls; pip itself is there before it."""
    (folder,) = (clone / ".venv" / "lib").glob("python*/site-packages")
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    kept = (path for path in files if not path.relative_to(folder).parts[0].startswith("pip"))
    return sum(path.stat().st_size for path in kept) / 1e6
