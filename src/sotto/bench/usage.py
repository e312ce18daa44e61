"""What processes use, as Linux tells it under /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _USER, _SYSTEM, _RSS = 1, 11, 12, 21
"""Fields of /proc/PID/stat after the name in brackets (man 5 proc_pid_stat, from the third on)."""


@dataclass(frozen=True)
class Usage:
    """Of a process and all below it."""

    cpu: float
    """Seconds of processor time since they were started."""
    rss: int
    """Bytes that lie in memory; what several share is counted for each."""


def usage(pid: int) -> Usage | None:
    """None where the process is gone, or where there is no /proc."""
    fields = _read_all()
    if pid not in fields:
        return None
    tree = _tree(pid, fields)
    ticks = sum(int(fields[one][_USER]) + int(fields[one][_SYSTEM]) for one in tree)
    return Usage(ticks / _TICKS, sum(int(fields[one][_RSS]) for one in tree) * _PAGE)


def _read_all() -> dict[int, list[str]]:
    """pid → fields, of all processes that can be read."""
    found: dict[int, list[str]] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        found[int(folder.name)] = text[text.rindex(")") + 2 :].split()
    return found


def _tree(root: int, fields: dict[int, list[str]]) -> set[int]:
    tree = {root}
    while below := {pid for pid, own in fields.items() if int(own[_PARENT]) in tree} - tree:
        tree |= below
    return tree
