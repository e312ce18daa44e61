from __future__ import annotations

from pathlib import Path

import pytest

from sotto.errors import BadManifest, BadOption, ModelUnavailable
from sotto.training.config import DataSpec
from sotto.training.data.datasets import manifest_of_dataset
from sotto.training.manifest import read_manifest
from tests.wordsets import (
    BOTH,
    TEXTS,
    audiofolder,
    binary_parquet,
    parquet,
    paths,
    read,
    saved,
    saved_splits,
    sound,
    words,
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Where manifests are written."""
    return tmp_path / "made"


@pytest.mark.parametrize("kind", [saved, saved_splits, parquet, binary_parquet, paths, audiofolder])
def test_every_kind_becomes_a_manifest_with_the_bytes_it_had(kind, tmp_path, made):
    path = manifest_of_dataset(kind(tmp_path / "words"), made)
    manifest = read(path)
    assert path.parent.parent == made
    assert manifest.name.startswith("words-")
    assert [entry.text for entry in manifest.entries] == list(TEXTS)
    assert [entry.path.read_bytes() for entry in manifest.entries] == [sound(n) for n in range(3)]
    assert {(entry.split, entry.seconds, entry.speaker) for entry in manifest.entries} == {
        ("train", 0.5, None)
    }
    suffix = "" if kind is binary_parquet else ".wav"
    assert manifest.entries[0].name == f"audio/0000001{suffix}"
    assert [path.name for path in made.iterdir()] == [path.parent.name]


def test_what_the_spec_says_is_in_every_line(tmp_path, made):
    spec = parquet(tmp_path / "words").model_copy(update={"language": "de", "split": "dev"})
    entries = read(manifest_of_dataset(spec, made)).entries
    assert {(entry.language, entry.split) for entry in entries} == {("de", "dev")}


@pytest.mark.parametrize("column", ["speaker_id", "speaker", "client_id"])
def test_speakers_are_told_apart_from_those_of_other_sets(tmp_path, made, column):
    folder = tmp_path / "words"
    folder.mkdir()
    words(**{column: [4, None, 5]}).to_parquet(folder / "train-0.parquet")
    entries = read(manifest_of_dataset(DataSpec(dataset=str(folder)), made)).entries
    assert [entry.speaker for entry in entries] == ["words/4", None, "words/5"]


def test_only_so_many_rows(tmp_path, made):
    spec = parquet(tmp_path / "words").model_copy(update={"limit": 2})
    path = manifest_of_dataset(spec, made)
    assert len(read(path).entries) == len(list((path.parent / "audio").iterdir())) == 2


def test_it_is_made_once(tmp_path, made):
    spec = saved(tmp_path / "words")
    told: list[str] = []
    path = manifest_of_dataset(spec, made, told.append)
    path.write_text("kept")
    assert manifest_of_dataset(spec, made, told.append) == path
    assert path.read_text() == "kept"
    assert told == [f"reading the data set {spec.dataset}"]


def test_processes_that_make_it_at_once_do_not_disturb_each_other(tmp_path, made):
    spec = saved(tmp_path / "words")
    other: list[Path] = []

    def in_between(line: str) -> None:
        other.append(manifest_of_dataset(spec, made))

    assert [manifest_of_dataset(spec, made, in_between)] == other
    assert len(read(other[0]).entries) == 3
    assert [path.name for path in made.iterdir()] == [other[0].parent.name]


@pytest.mark.parametrize(
    "change", [{"language": "en"}, {"limit": 1}, {"split": None}, {"split": "eval"}]
)
def test_another_wish_makes_another_manifest_where_it_is_one(tmp_path, made, change):
    spec = saved(tmp_path / "words")
    changed = manifest_of_dataset(spec.model_copy(update=change), made)
    same = change == {"split": None}  # of which the clips are written as `train`, too
    assert (manifest_of_dataset(spec, made) == changed) is same


def test_other_data_makes_another_manifest(tmp_path, made):
    spec = parquet(tmp_path / "words")
    before = manifest_of_dataset(spec, made)
    words(["one"]).to_parquet(tmp_path / "words" / "train-0.parquet")
    after = manifest_of_dataset(spec, made)
    assert after != before
    assert [entry.text for entry in read(after).entries] == ["one"]
    assert len(read(before).entries) == 3


@pytest.mark.parametrize("kind", [saved, parquet])
@pytest.mark.parametrize("column", ["audio_column", "text_column"])
def test_columns_that_are_missing(tmp_path, made, kind, column):
    spec = kind(tmp_path / "words").model_copy(update={column: "sentence"})
    with pytest.raises(BadOption, match=r"expected the columns .*sentence.*, got text, audio$"):
        manifest_of_dataset(spec, made)
    assert list(made.iterdir()) == []


def test_texts_that_are_none_and_rows_without_sound(tmp_path, made):
    folder = tmp_path / "words"
    rows = words(["one", None, "two"], [sound(0), sound(1), None])
    rows = rows.cast_column("audio", BOTH).map(
        lambda row: {"audio": row["audio"] if row["audio"]["bytes"] else None}
    )
    rows.save_to_disk(folder)
    with pytest.raises(BadManifest) as error:
        manifest_of_dataset(DataSpec(dataset=str(folder)), made)
    assert error.value.faults == (
        f"{folder}:1: expected a string for a text, got None",
        f"{folder}:2: expected sound, or a file of it, got none",
    )
    assert list(made.iterdir()) == []


def test_numbers_are_no_texts(tmp_path, made):
    folder = tmp_path / "words"
    words([9, 2]).save_to_disk(folder)
    with pytest.raises(BadManifest, match=":1: expected a string for a text, got 2"):
        manifest_of_dataset(DataSpec(dataset=str(folder)), made)


def test_bytes_that_are_no_sound_are_found_where_manifests_are_checked(tmp_path, made):
    folder = tmp_path / "words"
    words(["one", "two"], [b"no sound at all", sound(1)]).save_to_disk(folder)
    path = manifest_of_dataset(DataSpec(dataset=str(folder)), made)
    assert len(read_manifest(path).entries) == 2
    with pytest.raises(BadManifest) as error:
        read(path)
    (fault,) = error.value.faults
    assert fault.startswith(f"{path}:1: audio/0000001.wav: ")


@pytest.mark.parametrize("kind", [saved_splits, parquet])
def test_a_split_that_is_not_there(tmp_path, made, kind):
    spec = kind(tmp_path / "words").model_copy(update={"dataset_split": "rest"})
    with pytest.raises(BadOption, match=r"rest.*train|train.*rest"):
        manifest_of_dataset(spec, made)


@pytest.mark.parametrize("kind", [saved, parquet])
def test_a_subset_that_is_not_there(tmp_path, made, kind):
    spec = kind(tmp_path / "words").model_copy(update={"subset": "clean"})
    with pytest.raises(BadOption, match="clean"):
        manifest_of_dataset(spec, made)


def test_no_rows(tmp_path, made):
    folder = tmp_path / "words"
    folder.mkdir()
    words().select([]).to_parquet(folder / "train-0.parquet")
    with pytest.raises(BadOption, match="expected rows, got none"):
        manifest_of_dataset(DataSpec(dataset=str(folder)), made)


def test_a_folder_without_data(tmp_path, made):
    (tmp_path / "words").mkdir()
    with pytest.raises(ModelUnavailable, match=f"cannot read the data set {tmp_path / 'words'}"):
        manifest_of_dataset(DataSpec(dataset=str(tmp_path / "words")), made)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOption, match=r"cannot write .*file/made"):
        manifest_of_dataset(saved(tmp_path / "words"), tmp_path / "file" / "made")
