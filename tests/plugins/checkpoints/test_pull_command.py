from __future__ import annotations

import os
import socket
import subprocess
import sys


def pull(name: str, tmp_path, url: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "HF_ENDPOINT": url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "SOTTO_MODELS__FOLDER": str(tmp_path / "models"),
    }
    command = "from sotto.app.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "models", "pull", name],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_pull_prints_the_folder_and_plain_lines_of_progress(hub, tmp_path):
    done = pull("tiny", tmp_path, hub.url)
    folder = tmp_path / "models" / "Systran--faster-whisper-tiny"
    assert (done.returncode, done.stdout) == (0, f"{folder}\n")
    lines = done.stderr.splitlines()
    assert lines[0] == "tiny: 0 % of 0.0 MiB"
    assert lines[-1] == "tiny: 100 % of 0.0 MiB"
    assert len(lines) == len(set(lines))
    assert (folder / "model.bin").is_file()


def test_without_a_network_one_line_says_what_to_do(tmp_path):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        done = pull("tiny", tmp_path, f"http://127.0.0.1:{reserved.getsockname()[1]}")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("sotto: could not fetch Systran/faster-whisper-tiny from http://127")
    assert "`sotto models pull tiny` on a machine that can" in line
