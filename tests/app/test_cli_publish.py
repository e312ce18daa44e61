from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sotto.training.learning.runs import Run
from tests.finished import finished_run
from tests.hub import TOKEN, Hub, Repo, serving_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub of a user who is logged in."""
    with serving_hub() as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return finished_run(tmp_path)


@pytest.fixture
def publish(sotto, run):
    return partial(sotto, "publish", run.folder, "--repo", "ann/tiny")


def test_a_dry_run_tells_all_and_sends_nothing(publish, hub):
    code, out, err = publish("--private")
    assert (code, err, hub.writes) == (0, "", [])
    lines = out.splitlines()
    assert lines[1].split() == ["README.md", *lines[1].split()[1:3], "made"]
    assert "model.bin                       26 B     as it is" in lines
    assert "license: cc-by-4.0" in lines
    assert lines[-3:] == [
        "repository: ann/tiny (new, private)",
        "token: of ann",
        "nothing was sent; --yes publishes",
    ]


def test_a_dry_run_tells_what_is_there_already(publish, hub):
    hub.models["ann/tiny"] = Repo(private=False, files=("old.bin", "config.json"))
    _, out, _ = publish("--private")
    lines = out.splitlines()
    at = lines.index("repository: ann/tiny (there already, public)")
    assert lines[at + 1 : at + 3] == [
        "            --private does not change it: it will not be published",
        "            its other files stay: old.bin",
    ]


def test_yes_publishes(publish, hub):
    code, out, err = publish("--yes")
    assert (code, err) == (0, "")
    assert out.startswith(f"published: {hub.url}/ann/tiny/commit/")
    (commit,) = hub.commits
    assert "transformers/model.safetensors" in commit.files


def test_warnings_go_with_both(publish, run, hub):
    (run.folder / "report.json").unlink()
    for words in ((), ("--yes",)):
        _, _, err = publish(*words)
        (line,) = err.splitlines()
        assert line.startswith("warning: the card tells no word error rates")


def test_a_hub_that_fails_is_told_after_the_plan(publish, hub):
    hub.faults["/api/whoami-v2"] = (500, "Out of order")
    code, out, err = publish()
    assert code == 1
    assert out.startswith("file")
    assert err == f"sotto: cannot publish ann/tiny: {hub.url} says 500: Out of order\n"


def test_a_folder_that_is_no_run(sotto, tmp_path, hub):
    code, out, err = sotto("publish", tmp_path, "--repo", "ann/tiny")
    assert (code, out) == (2, "")
    assert err.startswith("sotto: expected a finished run")
