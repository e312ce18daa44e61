"""The systemd unit: what systemd says of it, and the server with what it sets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from sotto.app.settings import load
from tests.asking import TRANSCRIPTIONS, eventually
from tests.deploy.files import DEPLOY, free_port, is_ready, program
from tests.speech import CLIP

UNIT = DEPLOY / "systemd/sotto.service"
CUDA = DEPLOY / "systemd/sotto.service.d/cuda.conf"
INSTALLED = "/opt/sotto/bin/sotto"
SOTTO = Path(sys.executable).with_name("sotto")
EXPOSURE = 20
"""Tenths, of 100 for a service that may do all; systemd calls 20 and less OK."""

needs_systemd = pytest.mark.skipif(
    program("systemd-analyze") is None, reason="expected systemd-analyze, it is absent"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the program that is here, and without what is for CUDA."""
    text = UNIT.read_text()
    assert f"ExecStart={INSTALLED} serve\n" in text
    path = tmp_path / "sotto.service"
    path.write_text(text.replace(INSTALLED, str(SOTTO)))
    return path


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_systemd
@pytest.mark.parametrize("cuda", [False, True])
def test_systemd_finds_no_fault(unit: Path, cuda: bool) -> None:
    if cuda:
        folder = unit.with_name("sotto.service.d")
        folder.mkdir()
        (folder / CUDA.name).write_text(CUDA.read_text())
    ran = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    about = [line for line in ran.stderr.splitlines() if "sotto.service" in line]
    assert about == []
    assert ran.returncode == 0, ran.stderr


@needs_systemd
def test_little_is_exposed(unit: Path) -> None:
    if "--offline" not in analyze("--help").stdout:
        pytest.skip("expected a systemd that judges files (250 or newer), got an older one")
    ran = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", unit)
    assert "Overall exposure level" in ran.stdout
    assert ran.returncode == 0, ran.stdout


def environment(folder: Path) -> dict[str, str]:
    """What the unit sets, with systemd's folders in this one."""
    places = {"%S": folder / "state", "%C": folder / "cache"}
    said = dict(re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    for name, value in said.items():
        for short, place in places.items():
            value = value.replace(short, str(place))  # noqa: PLW2901
        said[name] = value
    for place in places.values():
        (place / "sotto").mkdir(parents=True)
    return said


def test_it_asks_for_keys_though_it_listens_on_loopback(tmp_path: Path) -> None:
    settings = load(environ=environment(tmp_path))
    assert (settings.server.host, settings.auth.on_loopback) == ("127.0.0.1", True)


def test_the_server_lives_in_its_own_folders_and_stops_in_time(tmp_path: Path) -> None:
    port = free_port()
    said = environment(tmp_path) | {"SOTTO_SERVER__PORT": str(port), "OMP_NUM_THREADS": "1"}
    home = Path(said["HOME"])
    (stop,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    environ = {"PATH": os.environ["PATH"]} | said
    made = subprocess.run(
        [SOTTO, "keys", "add", "anna"], env=environ, capture_output=True, text=True, check=True
    )
    (key,) = re.findall(r"sk-sotto-\S+", made.stdout)
    server = subprocess.Popen([SOTTO, "serve"], env=environ, cwd=home, stderr=subprocess.DEVNULL)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            eventually(lambda: server.poll() is not None or is_ready(client))
            sound = {"file": ("clip", CLIP.read_bytes())}
            assert client.post(TRANSCRIPTIONS, files=sound).status_code == 401
            client.headers["authorization"] = f"Bearer {key}"
            assert client.post(TRANSCRIPTIONS, files=sound).status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(int(stop)) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()
    assert (tmp_path / "state/sotto/keys.json").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"state", "cache"}
    assert {path.name for path in (tmp_path / "state").iterdir()} == {"sotto"}
