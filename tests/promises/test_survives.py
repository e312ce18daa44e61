"""Nothing is lost: docs/reliability.md in small. The large form is `sotto bench chaos`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sotto.bench.chaos.target import check_store
from sotto.errors import ServerError
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.store_contract import final

CHAOS = (
    *("bench", "chaos", "--cuts", "30", "--kills", "1", "--stops", "1"),
    *("--streams", "8", "--seconds", "20", "--pace", "4", "--stall", "1"),
    *("--seed", "7", "--threads", "1", "--no-partials", "--json"),
)


def test_cuts_a_kill_and_a_stop_lose_and_double_no_word(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SOTTO_")}
    ran = subprocess.run(
        [sys.executable, "-m", "sotto", *CHAOS],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert ran.stdout, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["why"], found["places"]) == ([], [])
    none = {"lost": 0, "doubled": 0, "changed": 0}
    assert (found["told"], found["stored"]) == (none, none)
    cut = {how: number for how, number in found["broken"].items() if how != "delay"}
    assert (cut.pop("SIGKILL"), cut.pop("SIGTERM")) == (1, 1)
    assert sum(cut.values()) == 30
    assert found["words"] > 40
    assert found["reconnects"] > 0
    assert ran.returncode == 0


APPENDING = """
import asyncio, sys
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.store_contract import final

async def speak(store, session):
    for number in range(100_000):
        await store.append(session, final(number, "word", session, str(number)))
        print(session, number, flush=True)

async def main():
    store = SqlStore(sys.argv[1])
    await store.open()
    await asyncio.gather(*(speak(store, f"s{at}") for at in range(4)))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store whose process was killed while it wrote: the file, and its log."""
    file = tmp_path_factory.mktemp("killed") / "transcripts.db"
    with subprocess.Popen(
        [sys.executable, "-c", APPENDING, f"sqlite:///{file}"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for _ in range(80):
            assert child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.stdout.read()
    return file.parent


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.9, 0.999])
async def test_a_log_that_ends_anywhere_leaves_whole_finals(
    killed: Path, tmp_path: Path, kept: float
) -> None:
    """As where the power failed while it was written: what was not synced may be missing."""
    folder = tmp_path / "torn"
    shutil.copytree(killed, folder)
    log = folder / "transcripts.db-wal"
    size = log.stat().st_size
    assert size > 10_000
    os.truncate(log, round(kept * size) | 1)
    store = SqlStore(f"sqlite:///{folder / 'transcripts.db'}")
    await store.open()
    for session in ("s0", "s1", "s2", "s3"):
        own = await store.segments(session)
        assert own == [final(number, "word", session, str(number)) for number in range(len(own))]
        record = await store.record(session)
        assert (record.segments if record else 0) == len(own)
    await store.close()
    assert check_store(folder / "transcripts.db") == []


def test_a_store_that_is_not_whole_is_noticed(killed: Path, tmp_path: Path) -> None:
    file = tmp_path / "transcripts.db"
    with (
        closing(sqlite3.connect(killed / file.name)) as old,
        closing(sqlite3.connect(file)) as new,
    ):
        old.backup(new)
        assert check_store(file) == []
        pages = new.execute("PRAGMA page_count").fetchone()[0]
        size = new.execute("PRAGMA page_size").fetchone()[0]
    with file.open("r+b") as raw:
        raw.seek((pages - 2) * size)
        raw.write(b"\xff" * size)
    try:
        assert check_store(file)
    except ServerError as error:
        assert file.name in str(error)
