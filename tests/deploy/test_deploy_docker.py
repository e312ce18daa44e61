"""The images: what can be said of their recipe, and the server under an image's conditions."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import wave
from importlib.metadata import files
from pathlib import Path

import httpx2
import pytest

from tests.asking import TRANSCRIPTIONS, eventually
from tests.deploy.files import (
    DEPLOY,
    ROOT,
    free_port,
    image_environment,
    instructions,
    is_ready,
    program,
    stages,
)
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

IMAGES = ["cpu", "cuda"]
SOTTO = Path(sys.executable).with_name("sotto")
HADOLINT = SOTTO.with_name("hadolint")
USER = "10001"


def only(target: str, word: str) -> str:
    """The last of the instructions of a kind, which is the one that counts."""
    return [rest for kind, rest in instructions(target) if kind == word][-1]


@pytest.mark.skipif(not HADOLINT.is_file(), reason="expected hadolint, it is absent")
def test_the_linter_of_dockerfiles_finds_no_fault(tmp_path: Path) -> None:
    recipe = DEPLOY / "docker/Dockerfile"
    ran = subprocess.run([HADOLINT, recipe], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
    worse = tmp_path / "Dockerfile"
    worse.write_text(recipe.read_text() + "ADD https://example.org/x /x\nUSER root\n")
    assert subprocess.run([HADOLINT, worse], capture_output=True, check=False).returncode != 0


def test_what_it_is_built_on_has_a_version() -> None:
    (version,) = [rest for word, rest in stages()[""] if word == "ARG"]
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-bookworm", version)
    for name, (start, *_) in stages().items():
        if name:
            assert start[1].split()[0] in {*stages(), "python:${PYTHON}"}


@pytest.mark.parametrize("target", IMAGES)
def test_it_runs_as_nobody_in_particular(target: str) -> None:
    assert only(target, "USER") == f"{USER}:{USER}"
    kinds = [kind for kind, _ in instructions(target)]
    assert "RUN" not in kinds[kinds.index("USER") :]
    assert json.loads(only(target, "ENTRYPOINT")) == ["sotto"]
    assert json.loads(only(target, "CMD")) == ["serve"]


def test_what_is_copied_is_there_and_travels() -> None:
    ignored = (DEPLOY / "docker/Dockerfile.dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = set()
    for _, rest in (step for stage in stages().values() for step in stage if step[0] == "COPY"):
        if source := re.match(r"--from=(\S+)", rest):
            assert source[1] in stages()
        else:
            copied |= set(rest.split()[:-1])
    assert "*" in ignored
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    assert not [step for stage in stages().values() for step in stage if step[0] == "ADD"]


def test_what_is_installed_can_be_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", dict(stages()["build"])["RUN"])
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_cuda_has_the_library_that_the_engine_loads() -> None:
    """CTranslate2 opens it by this name when it meets a device."""
    (library,) = [file for file in files("ctranslate2") or () if "libctranslate2" in file.name]
    asked = set(re.findall(rb"libcu[a-z]+\.so\.\d+", Path(str(library.locate())).read_bytes()))
    assert asked == {b"libcublas.so.12", b"libcuda.so.1"}  # the latter is the driver's
    (install,) = [rest for word, rest in stages()["build-cuda"] if word == "RUN"]
    assert re.search(r" nvidia-cublas-cu12==12\.\d+\.\d+\.\d+$", install)
    python = re.search(r"PYTHON=(\d+\.\d+)", stages()[""][0][1])
    assert python is not None
    folder = f"/opt/sotto/lib/python{python[1]}/site-packages/nvidia/cublas/lib"
    assert image_environment("cuda")["LD_LIBRARY_PATH"] == folder
    assert folder in (DEPLOY / "systemd/sotto.service.d/cuda.conf").read_text()


def healthy(port: int) -> bool:
    """The image's own check, run."""
    (words,) = re.findall(r"CMD (\[.*\])$", only("cpu", "HEALTHCHECK"))
    python, *rest = json.loads(words)
    assert python == "python"
    environ = os.environ | {"SOTTO_SERVER__PORT": str(port)}
    ran = subprocess.run([sys.executable, *rest], env=environ, capture_output=True, check=False)
    return ran.returncode == 0


def test_its_check_tells_a_server_from_none(server: Served) -> None:
    assert healthy(int(server.host.rpartition(":")[2]))
    assert not healthy(free_port())


def _may_mount() -> bool:
    if program("unshare") is None or program("setpriv") is None or os.geteuid() != 0:
        return False
    reads = ["setpriv", f"--reuid={USER}", "--clear-groups", SOTTO, "--help"]
    tries = [["unshare", "--mount", "mount", "-o", "remount,bind,ro", "/"], reads]
    return all(subprocess.run(c, capture_output=True, check=False).returncode == 0 for c in tries)


CONDITIONS = f"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0700,uid={USER},gid={USER} tmpfs "$STATE"
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -o remount,bind,ro /
cd "$STATE"
exec setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all "$SOTTO" serve
"""
"""A root file system that is read-only, a user without rights, two folders to write to."""


def test_the_server_needs_no_more_than_an_image_gives_it(tmp_path: Path) -> None:
    if not _may_mount():
        pytest.skip("expected to be root, to mount, and a checkout that others can read")
    port, state = free_port(), Path("/mnt")
    environ = image_environment("cpu") | {
        "PATH": os.environ["PATH"],
        "HOME": str(state),
        "XDG_DATA_HOME": str(state),
        "HF_HOME": str(state / "huggingface"),
        "TMPDIR": "/var/tmp",
        "SOTTO_SERVER__PORT": str(port),
        "SOTTO_AUTH__BYPASS": "1",
        "OMP_NUM_THREADS": "1",
        "STATE": str(state),
        "SOTTO": str(SOTTO),
    }
    clip = pcm_s16le(CLIP)
    sound = tmp_path / "long.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.rate)
        file.writeframes(clip.data.ljust(120 * 2 * clip.rate, b"\0"))  # too much to be in memory
    server = subprocess.Popen(["unshare", "--mount", "sh", "-c", CONDITIONS], env=environ)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            eventually(lambda: server.poll() is not None or is_ready(client))
            assert healthy(port)
            answer = client.post(TRANSCRIPTIONS, files={"file": ("long", sound.read_bytes())})
            assert answer.json() == answer.json() | {"text": CLIP_TEXT}
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert re.search(rf"^Uid:\s+{USER}\s", status, re.MULTILINE)
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()
