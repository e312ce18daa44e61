"""Work in a process of its own; nothing heavy is imported here, for that process imports this."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sotto.bench.engine.process import Broken, apart
from sotto.errors import EngineFailed


def tells(tell):
    tell(1)
    tell(2)


def breaks(tell):
    tell(1)
    raise EngineFailed("it broke")


def ends(tell):
    raise SystemExit(3)


def lasts(tell):
    tell(os.getpid())
    time.sleep(600)


def test_work_in_a_process_of_its_own():
    assert list(apart(tells, 60.0)) == [1, 2]
    assert list(apart(breaks, 60.0)) == [1, Broken("it broke")]
    assert list(apart(ends, 60.0)) == [Broken("its process ended with 3")]


def test_one_that_hangs_is_ended():
    *pids, broken = apart(lasts, 3.0)
    assert broken == Broken("expected an end within 3 s")
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
