"""Commands of `sotto` as processes of their own, on a terminal or off it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

COMMAND = [sys.executable, "-c", "from sotto.app import cli; cli.main()"]
TIMEOUT = 60.0
"""Seconds after which a command that hangs fails its test."""


def start(*arguments: object, **how: Any) -> subprocess.Popen[str]:
    """A command that runs; stdout is a pipe unless `how` says otherwise."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | how
    return subprocess.Popen([*COMMAND, *map(str, arguments)], **how)


def run(*arguments: object, **how: Any) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    with start(*arguments, **how) as command:
        out, err = command.communicate(timeout=TIMEOUT)
        return command.returncode, out, err


def on_a_terminal(*arguments: object, out_too: bool = False) -> tuple[int, str, str]:
    """Exit code, stdout, and what a terminal on stderr shows, which has stdout too if asked."""
    import pty

    ours, theirs = pty.openpty()
    environ = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    how = {"stdout": theirs} if out_too else {}
    with start(*arguments, stderr=theirs, env=environ, **how) as command:
        os.close(theirs)
        shown = _read_all(ours)
        out, _ = command.communicate(timeout=TIMEOUT)
        return command.returncode, out or "", shown.replace("\r\n", "\n")


def _read_all(terminal: int) -> str:
    shown = b""
    try:
        while piece := os.read(terminal, 65_536):
            shown += piece
    except OSError:
        pass  # as Linux says that the other side is closed
    os.close(terminal)
    return shown.decode()
