from __future__ import annotations

import socket
from pathlib import Path

import pytest
from huggingface_hub import constants

from sotto.errors import ModelUnavailable, UnknownModel
from sotto.interfaces.checkpoints import CheckpointSource
from sotto.plugins.checkpoints.source import Checkpoints, missing, size
from tests.hub import Repo

NEEDED = ("config.json", "tokenizer.json", "vocabulary.txt", "model.bin")
TINY = "Systran/faster-whisper-tiny"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def source(hub, tmp_path) -> CheckpointSource:
    return Checkpoints(tmp_path / "models", hub.url)


def make(folder: Path, names=NEEDED) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"x" * 10)
    return folder


def test_the_bundled_one_is_here_without_a_network(tmp_path):
    source = Checkpoints(tmp_path, "http://127.0.0.1:9")
    folder = source.pull("nano")
    assert source.find("NANO") == folder
    assert (folder / "model.bin").stat().st_size > 1_000_000


def test_find_says_none_for_what_is_elsewhere(source, hub):
    assert source.find("tiny") is None
    assert source.find("someone/whisper") is None
    assert source.find("no such thing") is None
    assert hub.asked == []


def test_pull_fetches_what_is_needed_with_the_weights_last(source, hub):
    folder = source.pull("tiny")
    names = ["config.json", "tokenizer.json", "vocabulary.txt", "model.bin"]
    assert {name: (folder / name).read_bytes() for name in names} == {
        n: hub.models[TINY].contents[n] for n in names
    }
    assert hub.sent == names
    assert not (folder / "README.md").exists()
    assert source.find("tiny") == folder
    assert source.find(TINY) == folder


def test_pull_fetches_nothing_twice(source, hub):
    folder = source.pull("tiny")
    hub.asked.clear()
    assert source.pull("tiny") == folder
    assert hub.asked == []


def test_pull_takes_any_repository(source, hub):
    hub.models["someone/whisper-dialect_1.2"] = hub.models[TINY]
    folder = source.pull("someone/whisper-dialect_1.2")
    assert missing(folder) is None
    assert source.find("someone/whisper-dialect_1.2") == folder
    assert Checkpoints(folder.parent).downloaded() == ["someone/whisper-dialect_1.2"]


def test_progress_only_grows_and_ends_at_the_whole(source):
    seen: list[tuple[int, int]] = []
    folder = source.pull("tiny", lambda there, whole: seen.append((there, whole)))
    whole = size(folder)
    assert {total for _, total in seen} == {whole}
    assert [there for there, _ in seen] == sorted(there for there, _ in seen)
    assert seen[0] == (0, whole)
    assert seen[-1] == (whole, whole)


def test_an_interrupted_download_is_no_checkpoint_and_can_be_gone_on_with(source, hub):
    hub.cut.add("model.bin")
    with pytest.raises(ModelUnavailable, match=r"sotto models pull tiny"):
        source.pull("tiny")
    assert source.find("tiny") is None
    hub.cut.clear()
    hub.asked.clear()
    folder = source.pull("tiny")
    assert (folder / "model.bin").read_bytes() == hub.models[TINY].contents["model.bin"]
    assert hub.sent == ["model.bin"]


def test_no_network_says_what_to_do(tmp_path):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with pytest.raises(ModelUnavailable) as refused:
            Checkpoints(tmp_path, url).pull("large")
    assert "sotto models pull large" in refused.value.message
    assert url in refused.value.message
    assert str(tmp_path / "Systran--faster-whisper-large-v3") in refused.value.message
    assert "\n" not in refused.value.message


def test_offline_by_wish_asks_nobody(source, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE"):
        source.pull("tiny")
    assert hub.asked == []


def test_a_repository_that_is_not_there_is_an_unknown_model(source):
    with pytest.raises(UnknownModel, match="'someone/whisper'"):
        source.pull("someone/whisper")


def test_a_gated_repository_says_so(source, hub):
    hub.models["someone/secret"] = Repo(contents=hub.models[TINY].contents, gated=True)
    with pytest.raises(ModelUnavailable, match="HF_TOKEN"):
        source.pull("someone/secret")


def test_a_repository_of_another_form_names_what_it_lacks(source, hub):
    hub.models["openai/whisper-tiny"] = Repo(contents=dict.fromkeys(NEEDED[:-1], b"{}"))
    with pytest.raises(ModelUnavailable, match=r"CTranslate2.*openai/whisper-tiny.*no model\.bin"):
        source.pull("openai/whisper-tiny")


@pytest.mark.parametrize("name", ["huge", "", "a/b/c", "two words"])
def test_a_name_that_cannot_be_is_unknown(source, hub, name):
    with pytest.raises(UnknownModel, match="tiny"):
        source.pull(name)
    assert hub.asked == []


def test_a_path_is_taken_as_it_is(tmp_path, source, hub):
    folder = make(tmp_path / "mine")
    assert source.find(str(folder)) == source.pull(str(folder)) == folder
    assert hub.asked == []


def test_a_folder_copied_beside_the_others_has_its_own_name(tmp_path, source):
    folder = make(tmp_path / "models" / "mine")
    assert source.pull("mine") == folder
    assert Checkpoints(tmp_path / "models").downloaded() == ["mine"]


@pytest.mark.parametrize("lacks", NEEDED)
def test_a_folder_that_lacks_a_file_says_which(tmp_path, source, lacks):
    folder = make(tmp_path / "mine", [name for name in NEEDED if name != lacks])
    assert source.find(str(folder)) is None
    with pytest.raises(ModelUnavailable, match=lacks):
        source.pull(str(folder))


def test_a_vocabulary_may_be_of_either_form(tmp_path):
    names = [name for name in NEEDED if name != "vocabulary.txt"]
    assert missing(make(tmp_path / "mine", [*names, "vocabulary.json"])) is None


def test_a_path_that_is_not_there_says_so(tmp_path, source):
    with pytest.raises(ModelUnavailable, match="no such folder"):
        source.pull(str(tmp_path / "nowhere"))


def test_nothing_is_downloaded_where_there_is_no_folder(tmp_path):
    assert Checkpoints(tmp_path / "none").downloaded() == []
