"""What a start costs: time to the first transcript, idle memory, time of `import sotto`, disk.

python benchmarks/start.py
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

SELF_CHECK = "self-check: heard"
RUNS = 5


def main() -> None:
    imports = sorted(_import_seconds() for _ in range(RUNS))
    starts = sorted(_start() for _ in range(RUNS))
    print(f"import sotto             {imports[RUNS // 2] * 1000:7.1f} ms   (promise 150)")
    print(f"start → first transcript {starts[RUNS // 2][0]:7.2f} s    (promise 3)")
    print(f"idle memory              {starts[RUNS // 2][1]:7.0f} MB   (promise 400)")
    print(f"installed packages       {_disk_megabytes():7.0f} MB   (promise 480, serving install)")


def _import_seconds() -> float:
    code = "import time; a = time.perf_counter(); import sotto; print(time.perf_counter() - a)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(out.stdout)


def _start() -> tuple[float, float]:
    """Seconds until the self-check was heard, and resident megabytes after it."""
    began = time.perf_counter()
    command = [str(Path(sys.executable).with_name("sotto")), "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if SELF_CHECK in line:
                break
        took = time.perf_counter() - began
        status = Path(f"/proc/{server.pid}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        server.terminate()
    return took, int(resident.split()[1]) / 1024


def _disk_megabytes() -> float:
    """All of site-packages but pip, which every virtual environment has."""
    folder = Path(sysconfig.get_path("purelib"))
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    kept = (path for path in files if path.relative_to(folder).parts[0].split("-")[0] != "pip")
    return sum(path.stat().st_size for path in kept) / 1e6


if __name__ == "__main__":
    main()
