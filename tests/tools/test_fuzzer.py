from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"


def test_no_parser_breaks_on_what_it_is_thrown() -> None:
    command = [sys.executable, TOOLS / "fuzz.py", "--frames", "6000", "--seed", "11"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[-2] == "6,000 frames, 0 faults"
    # Each parser has its turn, and takes some of what it gets: else only its first check is tried.
    rows = [line[24:].split() for line in lines[1:-2]]
    assert len(rows) == 31
    assert all(int(frames.replace(",", "")) > 5 for frames, *_ in rows)


def test_it_finds_a_parser_that_breaks(tmp_path: Path) -> None:
    broken = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import fuzz, fuzz_parsers\n"
        "def take(data): return data.index(b'a')\n"
        "fuzz.parsers = lambda folder: [fuzz_parsers.Parser('broken', take, (b'a',))]\n"
        "sys.exit(fuzz.main(['--frames', '300']))\n"
    )
    command = [sys.executable, "-c", broken, str(TOOLS)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert "ValueError: subsection not found" in ended.stdout
