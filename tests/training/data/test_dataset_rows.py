from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sotto.errors import BadOption, ModelUnavailable
from sotto.training.config import DataSpec
from sotto.training.data.datasets import manifest_of_dataset
from tests.hub import REVISION, Hub, serving_hub
from tests.wordsets import TEXTS, audiofolder, parquet, read, sound


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Where manifests are written."""
    return tmp_path / "made"


@pytest.mark.parametrize("name", ["/no/such/folder", "a/b/c", "ann/wo rds"])
def test_what_is_neither_a_folder_nor_an_id(made, name):
    with pytest.raises(BadOption, match="expected a folder or a data set of the hub, got"):
        manifest_of_dataset(DataSpec(dataset=name), made)


def test_without_a_network_the_error_names_the_set(made, monkeypatch):
    with pytest.raises(ModelUnavailable, match=r"cannot read the data set ann/words: .*offline"):
        manifest_of_dataset(DataSpec(dataset="ann/words"), made)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
        with pytest.raises(ModelUnavailable, match="cannot read the data set ann/words: "):
            manifest_of_dataset(DataSpec(dataset="ann/words"), made)


def test_without_the_library(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(BadOption, match=r"got none: pip install 'sotto\[train\]'"):
        manifest_of_dataset(DataSpec(dataset="ann/words"), made)


def of_the_hub(hub: Hub, made: Path, cache: Path, **spec: object) -> tuple[Path, list[str]]:
    """In a process of its own, as the hub's address is read when its client is imported."""
    program = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from sotto.errors import SottoError\n"
        "from sotto.training.config import DataSpec\n"
        "from sotto.training.data.datasets import manifest_of_dataset\n"
        "told = []\n"
        "spec = DataSpec.model_validate(json.loads(sys.argv[1]))\n"
        "try:\n"
        "    path = str(manifest_of_dataset(spec, Path(sys.argv[2]), told.append))\n"
        "except SottoError as error:\n"
        "    path, told = type(error).__name__, [error.message]\n"
        "print(json.dumps([path, told]))\n"
    )
    environ = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(spec), str(made)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    path, told = json.loads(done.stdout)
    return Path(path), told


@pytest.mark.parametrize("kind", [parquet, audiofolder])
def test_a_data_set_of_the_hub(tmp_path, made, kind):
    kind(tmp_path / "words")
    content = {f"data/{path.name}": path.read_bytes() for path in (tmp_path / "words").iterdir()}
    with serving_hub() as hub:
        hub.datasets["ann/words"] = content
        path, told = of_the_hub(hub, made, tmp_path / "hf", dataset="ann/words", limit=2)
        entries = read(path).entries
        assert [entry.text for entry in entries] == list(TEXTS[:2])
        assert [entry.path.read_bytes() for entry in entries] == [sound(0), sound(1)]
        assert told == ["reading the data set ann/words"]
        read_at = {line.split("/resolve/")[1][:40] for line in hub.asked if "/resolve/" in line}
        assert read_at == {REVISION}
        hub.faults["/api/datasets"] = (500, "Out of order")
        again, told = of_the_hub(hub, made, tmp_path / "hf", dataset="ann/words", limit=2)
        assert again == path
        assert told[0].startswith("cannot read the data set ann/words: ")
        assert told[0].endswith(f"; taking {path}")


def test_an_id_that_the_hub_does_not_have(tmp_path, made):
    with serving_hub() as hub:
        error, (said,) = of_the_hub(hub, made, tmp_path / "hf", dataset="ann/nothing")
    assert str(error) == "ModelUnavailable"
    assert said == "expected a folder or a data set that the hub shows you, got ann/nothing"


def test_a_row_of_the_hub_names_no_file_of_this_machine(tmp_path, made):
    (tmp_path / "secret.wav").write_bytes(sound(0))
    line = json.dumps({"audio": str(tmp_path / "secret.wav"), "text": "one"})
    with serving_hub() as hub:
        hub.datasets["ann/words"] = {"data/train.jsonl": line.encode()}
        error, (said,) = of_the_hub(hub, made, tmp_path / "hf", dataset="ann/words")
    assert str(error) == "BadManifest"
    assert said.endswith("ann/words:0: expected sound, or a file of it, got none")
