"""A real PostgreSQL of the system's packages, alone in a folder, on a Unix socket."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Postgres:
    """A server that runs."""

    bin: Path
    folder: Path
    user: str | None
    """As whom it runs, where that is not who tests: it refuses to be root."""

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            user=self.user,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.data), "-l", log, "-w", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", "immediate", "stop")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def address(self, database: str) -> str:
        return f"postgresql://sotto:a-secret@/{database}?host={self.folder}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL is installed here (apt-get install postgresql)")
    pytest.importorskip("asyncpg", reason="asyncpg is not installed here")
    user = None if os.getuid() else "postgres"
    # Not below pytest's own folder, into which nobody else may look.
    folder = Path(tempfile.mkdtemp(prefix="sotto-postgres-"))
    try:
        shutil.chown(folder, user or getpass.getuser())
        server = Postgres(found[-1].parent, folder, user)
        server.run("initdb", "-D", str(server.data), "-U", "sotto", "-A", "trust", "-E", "UTF8")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


_numbers = count()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The address of a new one."""
    name = f"sotto{next(_numbers)}"
    postgres.run("createdb", "-h", str(postgres.folder), "-U", "sotto", name)
    return postgres.address(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database of each kind, which several may use."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'transcripts.db'}"
    address: str = request.getfixturevalue("database")
    return address
