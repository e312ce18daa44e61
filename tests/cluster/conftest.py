from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sotto
from tests.clusters import PART, Cluster, cluster, two_of_each

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own code does what it warns of
    import ray.serve  # noqa: F401

HERE = Path(__file__).parent
NANO = Path(sotto.__file__).parent / "assets" / "nano"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ray warns of what its own code does, and leaves things open when it ends."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two of each, the store in SQLite, and a model that nobody may ever ask for."""
    folder = tmp_path_factory.mktemp("cluster")
    shutil.copytree(NANO, folder / "rare")
    plain = two_of_each(folder)
    plain["settings"] |= {
        "models": {"paths": {"rare": str(folder / "rare")}},
        # A stream may stand still while something is killed; and after that, nobody is turned away
        # because others had to wait.
        "server": {"idle_flush": 60, "admission": False},
    }
    plain["ingress"] |= {"drain": 6}
    plain["engines"] = {"rare": {"least": 0, "cpus": PART, "up_after": 0, "down_after": 2}}
    return plain


@pytest.fixture(scope="session")
def server(arguments: dict[str, Any]) -> Iterator[Cluster]:
    """What answers as the server of one process does, to tests that speak to it alone."""
    with cluster(arguments) as running:
        yield running
