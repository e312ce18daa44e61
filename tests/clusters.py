"""A real Ray cluster of this machine alone, with Sotto on it, for tests."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "sotto"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "RAY_DEDUP_LOGS": "0",
    # What a replica has under way is asked for often, so that tests need not wait for it.
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    "OMP_NUM_THREADS": "1",
}
PART = 0.05
"""Processors of a replica, as Ray counts them: it starts none that do not fit."""
WAIT = 90.0
"""Seconds for anything that starts, on a machine that has other things to do."""


def two_of_each(folder: Path) -> dict[str, Any]:
    """Arguments: nobody asks for keys, and finals are kept in SQLite, below a folder."""
    two = {"least": 2, "most": 2, "cpus": PART}
    return {
        "settings": {
            "auth": {"bypass": True},
            "engine": {"threads": 1},
            "store": {"url": f"sqlite:///{folder / 'words.db'}"},
        },
        "ingress": {**two},
        "engine": two,
        "keeper_cpus": PART,
    }


@dataclass(frozen=True)
class Cluster:
    """One that runs."""

    host: str
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def stream(self) -> str:
        return f"ws://{self.host}/stream"

    def pids(self, deployment: str) -> dict[str, int]:
        """The processes of the replicas that run, by their ids."""
        from ray.serve.context import _get_global_client

        details = _get_global_client().get_serve_details()
        replicas = details["applications"][NAME]["deployments"][deployment]["replicas"]
        return {r["replica_id"]: r["pid"] for r in replicas if r["state"] == "RUNNING"}

    def await_replicas(self, deployment: str, condition: Callable[[set[str]], bool]) -> None:
        """Wait until the replicas that run are as they should be."""
        until(lambda: condition(set(self.pids(deployment))), f"replicas of {deployment}")

    def await_ready(self) -> None:
        """Wait until a model can be asked."""
        until(lambda: _answers(f"{self.url}/ready"), "a model that is ready")

    def deploy(self, arguments: Mapping[str, Any]) -> None:
        """Put the application in place, or bring it up to date, and wait for that."""
        from ray import serve

        from sotto.app.ray import Arguments, build

        serve.run(build(Arguments.model_validate(arguments)), name=NAME)


@contextmanager
def cluster(arguments: Mapping[str, Any]) -> Iterator[Cluster]:
    """A cluster with the application, below a folder of its own, until the context ends."""
    before = {name: os.environ.get(name) for name in QUIET}
    os.environ.update(QUIET)
    import ray
    from ray import serve

    # Ray's sockets lie in it, whose paths have 107 bytes at most: pytest's folders have more.
    folder = Path(tempfile.mkdtemp(prefix="sotto-"))
    try:
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 * 1024**2,
            _temp_dir=str(folder),
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
        port = _free_port()
        serve.start(
            http_options={"host": "127.0.0.1", "port": port},
            logging_config={"enable_access_log": False},
        )
        running = Cluster(f"127.0.0.1:{port}", folder)
        running.deploy(arguments)
        running.await_ready()
        yield running
    finally:
        serve.context._global_client = None  # its controller dies with the cluster
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, f"expected {what} within {WAIT:g} s"
        time.sleep(0.05)


def kill(pid: int) -> None:
    """As the kernel does it that has no memory left."""
    os.kill(pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
