from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sotto.audio.format import SAMPLE_RATE
from sotto.audio.mel import LogMel
from sotto.errors import BadAudio, BadOption
from sotto.runtime.container import read_file
from sotto.training.data.features import Features, FeatureStore
from sotto.training.manifest import Manifest, read_manifest
from tests.learning_sets import write_set, write_wav

SECONDS = (0.5, 1.234, 0.05)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    lines = [
        {"path": f"{place}.wav", "text": f"clip {place}", "seconds": seconds}
        for place, seconds in enumerate(SECONDS)
    ]
    return read_manifest(write_set(tmp_path / "talks", *lines))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features", 80)


def assert_same(one: Features, other: Features) -> None:
    np.testing.assert_array_equal(one.lengths, other.lengths)
    np.testing.assert_array_equal(one.mel, other.mel)


def scramble(path: Path) -> None:
    """Another content, but nothing that the file system tells of it is changed."""
    about = path.stat()
    path.write_bytes(bytes(about.st_size))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.mark.parametrize("n_mels", [80, 128])
def test_frames_are_those_of_the_door_but_for_rounding(
    manifest: Manifest, tmp_path: Path, n_mels: int
) -> None:
    found = FeatureStore(tmp_path / "features", n_mels).features(manifest)
    assert found.lengths.tolist() == [int(s * SAMPLE_RATE) // 160 for s in SECONDS]
    for clip, entry in enumerate(manifest.entries):
        log_mel = LogMel(n_mels)
        parts = [log_mel.receive(samples) for samples in read_file(entry.path)]
        exact = np.concatenate([*parts, log_mel.finish()])
        assert found.frames(clip).shape == exact.shape
        assert np.abs(found.frames(clip).astype(np.float32) - exact).max() < 0.004


def test_what_was_made_is_not_made_again(manifest: Manifest, store: FeatureStore) -> None:
    first = store.features(manifest)
    for entry in manifest.entries:
        scramble(entry.path)
    told: list[int] = []
    assert_same(store.features(manifest, lambda: told.append(1)), first)
    assert not told


def test_each_clip_is_told_of(manifest: Manifest, store: FeatureStore) -> None:
    told: list[int] = []
    store.features(manifest, lambda: told.append(1))
    assert len(told) == len(SECONDS)


def test_a_changed_file_is_read_again(manifest: Manifest, store: FeatureStore) -> None:
    before = store.features(manifest)
    write_wav(manifest.entries[0].path, 0.7)
    after = store.features(manifest)
    assert (before.lengths[0], after.lengths[0]) == (50, 70)
    np.testing.assert_array_equal(before.frames(1), after.frames(1))


def test_a_file_that_was_only_touched_to_differ_is_read_again(
    manifest: Manifest, store: FeatureStore
) -> None:
    path = manifest.entries[0].path
    before, about = store.features(manifest), path.stat()
    write_wav(path, SECONDS[0], seed=99)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    after = store.features(manifest)
    assert before.lengths[0] == after.lengths[0]
    assert not np.array_equal(before.frames(0), after.frames(0))


def test_other_bands_are_other_features(manifest: Manifest, tmp_path: Path) -> None:
    found = [FeatureStore(tmp_path, n_mels).features(manifest).mel for n_mels in (80, 128)]
    assert [mel.shape[1] for mel in found] == [80, 128]


def test_of_a_broken_clip_nothing_is_left(manifest: Manifest, store: FeatureStore) -> None:
    manifest.entries[2].path.write_bytes(b"no sound at all")
    with pytest.raises(BadAudio):
        store.features(manifest)
    assert not list(store.folder.iterdir())


def test_half_of_it_is_as_none_of_it(manifest: Manifest, store: FeatureStore) -> None:
    """As a kill between the two files leaves it."""
    first = store.features(manifest)
    mel, expected = np.array(first.mel), first.lengths
    (lengths,) = store.folder.glob("*.lengths.npy")
    lengths.unlink()
    (whole,) = store.folder.glob("*.npy")
    whole.write_bytes(b"half")
    again = store.features(manifest)
    np.testing.assert_array_equal(again.mel, mel)
    np.testing.assert_array_equal(again.lengths, expected)
    assert len(list(store.folder.iterdir())) == 2


def test_many_workers_make_the_same(manifest: Manifest, tmp_path: Path) -> None:
    alone, many = (FeatureStore(tmp_path / str(n), 80, n).features(manifest) for n in (1, 2))
    assert_same(many, alone)


def test_some_clips_in_another_order(manifest: Manifest, store: FeatureStore) -> None:
    every = store.features(manifest)
    some = every.only([2, 0])
    assert [entry.text for entry in some.entries] == ["clip 2", "clip 0"]
    for new, old in enumerate([2, 0]):
        np.testing.assert_array_equal(some.frames(new), every.frames(old))


def test_a_folder_that_cannot_be_written(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOption, match=r"cannot write .*file"):
        FeatureStore(tmp_path / "file" / "features", 80).features(manifest)
