from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from sotto.clock import SystemClock
from sotto.errors import BadManifest, BadOption
from sotto.training.config import Recipe
from sotto.training.data.features import FeatureStore
from sotto.training.data.prepare import Prepared, Preparer
from sotto.training.recipes import make_recipe
from tests.learning_sets import write_set

GOOD = {"text": "one two", "split": "train", "speaker": "ann"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With a set of two clips of each split, each split by people of its own."""
    lines = [
        {"path": f"{split}{clip}.wav", "text": f"{split} {clip}", "split": split, "speaker": split}
        for split in ("train", "dev", "eval")
        for clip in (1, 2)
    ]
    write_set(tmp_path / "talks", *lines)
    return tmp_path


def recipe(home: Path, *data: dict[str, object], **changes: object) -> Recipe:
    table = {"name": "made", "data": list(data) or [{"manifest": "talks"}]} | changes
    return make_recipe(table, home / "recipe.toml")


def prepare(asked: Recipe, home: Path, told: list[str] | None = None) -> Prepared:
    store = FeatureStore(home / "features", asked.model.n_mels)
    return Preparer(asked, store, [].append if told is None else told.append).prepare()


def faults(asked: Recipe, home: Path) -> str:
    """Of a training that must not begin."""
    pytest.importorskip("accelerate")
    from sotto.training.learning.train import Training

    run = home / "runs" / "run"
    with pytest.raises((BadManifest, BadOption)) as caught:
        Training(asked, run, SystemClock()).train()
    assert not run.exists()
    error = caught.value
    return "\n".join(error.faults) if isinstance(error, BadManifest) else error.message


def test_what_there_is_to_learn_from(home: Path) -> None:
    asked = recipe(home, validation={"data": [{"manifest": "talks", "split": "dev"}]})
    found = prepare(asked, home)
    (learn,), (check,) = found.learn, found.check
    assert learn.texts == ("train 1", "train 2") == tuple(found.texts)
    assert check.texts == ("dev 1", "dev 2")
    assert learn.features.lengths.tolist() == [50, 50]
    assert learn.features.mel.shape[1] == 80
    assert [entry.text for entry in learn.features.entries] == list(learn.texts)
    assert found.never == frozenset()
    assert found.noises == ()


def test_what_is_written_about_it(home: Path) -> None:
    (about,) = prepare(recipe(home, {"manifest": "talks", "weight": 2.5}), home).about
    path = home / "talks" / "manifest.jsonl"
    assert about == {
        "manifest": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "clips": 2,
        "hours": round(1.0 / 3600, 3),
        "speakers": 1,
        "split": "train",
        "weight": 2.5,
    }
    assert json.dumps(about)


def test_all_splits_where_none_is_asked_for(home: Path) -> None:
    (learn,) = prepare(recipe(home, {"manifest": "talks", "split": None}), home).learn
    assert len(learn.texts) == 6


def test_one_manifest_may_be_of_several_sets(home: Path) -> None:
    asked = recipe(
        home,
        {"manifest": "talks", "limit": 1},
        {"manifest": "talks", "join": {}},
        {"manifest": "talks", "text": "plain", "limit": 2},
    )
    found = prepare(asked, home).learn
    assert [one.texts for one in found] == [("train 1",), *[("train 1", "train 2")] * 2]
    assert found[1].spec.join is not None
    np.testing.assert_array_equal(found[0].features.frames(0), found[1].features.frames(0))


def test_a_manifest_beside_that_of_another_folder(home: Path) -> None:
    other = json.dumps(GOOD | {"path": "more.wav", "speaker": "bob"})
    write_set(home / "scratch", GOOD | {"path": "more.wav"})
    (home / "scratch" / "more.wav").rename(home / "talks" / "more.wav")
    (home / "talks" / "more.jsonl").write_text(f"{other}\n")
    for order in (1, -1):
        sets = [{"manifest": "talks"}, {"manifest": "talks/more.jsonl", "limit": 1}][::order]
        found = prepare(recipe(home, *sets), home).learn
        assert [one.texts for one in found] == [("train 1", "train 2"), ("one two",)][::order]


@pytest.mark.parametrize(
    ("text", "written"),
    [("Nine, TWO!", "nine two"), ("(laughs) Hello", "hello")],
)
def test_texts_are_written_as_asked(home: Path, text: str, written: str) -> None:
    write_set(home / "one", GOOD | {"path": "a.wav", "text": text})
    for how, expected in (("as-is", text), ("plain", written)):
        (learn,) = prepare(recipe(home, {"manifest": "one", "text": how}), home).learn
        assert learn.texts == (expected,)


def test_a_clip_of_whose_text_nothing_is_left_is_not_learned_as_silence(home: Path) -> None:
    lines = [GOOD | {"path": "a.wav", "text": "[laughter]"}, GOOD | {"path": "b.wav"}]
    write_set(home / "one", *lines)
    (learn,) = prepare(recipe(home, {"manifest": "one", "text": "plain"}), home).learn
    assert learn.texts == ("one two",)
    assert len(learn.features.entries) == len(learn.features.lengths) == 1


def test_texts_that_must_not_be_learned_are_left_out(home: Path) -> None:
    lines = [
        GOOD | {"path": "a.wav", "text": "Nine two."},
        GOOD | {"path": "b.wav", "text": "nine"},
        GOOD | {"path": "c.wav", "text": "nine two five", "seconds": 0.7},
    ]
    write_set(home / "learn", *lines)
    kept_out = [{"path": "a.wav", "text": "NINE TWO"}, {"path": "b.wav", "text": "nine"}]
    write_set(home / "test", *kept_out)
    told: list[str] = []
    asked = recipe(home, {"manifest": "learn"}, never=["test"])
    found = prepare(asked, home, told)
    (learn,) = found.learn
    assert learn.texts == ("nine", "nine two five")
    assert learn.features.lengths.tolist() == [50, 70]
    assert found.never == {"nine two"}
    assert any("1 clips left out" in line for line in told)


def test_of_what_must_not_be_learned_only_the_texts_are_read(home: Path) -> None:
    folder = write_set(home / "test", {"path": "a.wav", "text": "nine two", "seconds": 31})
    (folder / "a.wav").unlink()
    assert prepare(recipe(home, never=["test"]), home).never == {"nine two"}


def test_noises_are_those_to_learn_from(home: Path) -> None:
    lines = [
        {"path": "a.wav", "text": "", "kind": "noise", "seconds": 0.5},
        {"path": "b.wav", "text": "", "kind": "noise", "split": "eval", "seconds": 0.6},
        {"path": "c.wav", "text": "", "kind": "rir", "seconds": 0.7},
        {"path": "d.wav", "text": "", "kind": "noise", "split": "train", "seconds": 61},
    ]
    write_set(home / "noise", *lines)
    noises = prepare(recipe(home, augment={"noises": "noise"}), home).noises
    assert [noise.shape for noise in noises] == [(50, 80), (6000, 80)]
    assert {noise.dtype for noise in noises} == {np.dtype(np.float32)}


def test_without_a_noise_among_noises(home: Path) -> None:
    said = faults(recipe(home, augment={"noises": "talks"}), home)
    assert said == f"{home}/talks: expected clips of the kind 'noise', got none"


def test_clips_that_are_too_long_are_left_out_where_asked(home: Path) -> None:
    """By the sound itself: a manifest may be half a second off."""
    folder = write_set(
        home / "one",
        GOOD | {"path": "a.wav", "seconds": 2.1},
        GOOD | {"path": "b.wav", "seconds": 1.0},
        GOOD | {"path": "c.wav", "seconds": 2.4},
        GOOD | {"path": "d.wav", "seconds": 2.0},
    )
    path = folder / "manifest.jsonl"
    path.write_text(path.read_text().replace('"seconds": 2.4', '"seconds": 1.99'))
    asked = recipe(home, {"manifest": "one", "longest": 2, "skip_longer": True})
    (learn,) = prepare(asked, home).learn
    assert learn.features.lengths.tolist() == [100, 200]
    assert [entry.name for entry in learn.features.entries] == ["b.wav", "d.wav"]
    assert len(learn.texts) == 2
    said = faults(recipe(home, {"manifest": "one", "longest": 2}), home)
    assert said.splitlines() == [
        f"{path}:1: expected 0.01 to 2 s of speech, got 2.10 s",
        f"{path}:3: expected 0.01 to 2 s of speech, got 2.40 s",
    ]


def test_clips_that_say_other_words_may_be_left_out(home: Path) -> None:
    texts = ("Two, one.", "one two three", "TWO", "twofold")
    write_set(home / "one", *(GOOD | {"path": f"{n}.wav", "text": t} for n, t in enumerate(texts)))
    words = {"manifest": "one", "text": "plain", "words": ["one", "two"]}
    some, all_of_them = prepare(recipe(home, words, {"manifest": "one"}), home).learn
    assert some.texts == ("two one", "two")
    assert all_of_them.texts == texts


def test_a_clip_without_a_frame_is_told_of(home: Path) -> None:
    folder = write_set(home / "one", GOOD | {"path": "a.wav", "seconds": 0.005})
    said = faults(recipe(home, {"manifest": "one"}, {"manifest": "talks"}), home)
    assert f"{folder}/manifest.jsonl:1: expected 0.01 to 30 s of speech, got 0.00 s" in said


def test_every_fault_of_every_set_is_told_before_anything_is_trained(home: Path) -> None:
    bad = write_set(
        home / "bad",
        GOOD | {"path": "empty.wav", "text": " "},
        GOOD | {"path": "long.wav", "seconds": 40},
        GOOD | {"path": "off.wav", "id": "1"},
        GOOD | {"path": "twice.wav", "id": "1"},
        GOOD | {"path": "twice.wav"},
        GOOD | {"path": "ok.wav"},
    )
    lines = (bad / "manifest.jsonl").read_text()
    (bad / "manifest.jsonl").write_text(
        lines.replace('"path": "off.wav"', '"path": "off.wav", "seconds": 3').replace(
            "ok.wav", "none.wav"
        )
    )
    leak = write_set(home / "leak", GOOD | {"path": "a.wav", "speaker": "eval"})
    asked = recipe(home, {"manifest": "bad"}, {"manifest": "talks"}, {"manifest": "leak"})
    where = f"{bad}/manifest.jsonl"
    assert sorted(faults(asked, home).splitlines()) == sorted(
        [
            f"{where}:1: expected text, or the kind 'noise'; got an empty text",
            f"{where}:2: expected at most 30 s of speech in a clip, got 40.0 s",
            f"{where}:3: expected seconds 0.50 as in the file, got 3",
            f"{where}:4: expected each id once, got '1' of {where}:3",
            f"{where}:5: expected each path once, got that of {where}:4 again",
            f"{where}:6: expected a file, got 'none.wav': No such file or directory",
            f"{leak}/manifest.jsonl:1: expected speaker 'eval' in one split, "
            f"got train, but eval at {home}/talks/manifest.jsonl:5",
        ]
    )


def test_nobody_is_learned_from_who_is_tested_on(home: Path) -> None:
    """Whatever split they are said to be of."""
    test = write_set(
        home / "test",
        {"path": "a.wav", "text": "nine", "speaker": "train"},
        {"path": "b.wav", "text": "nine", "speaker": "zoe"},
    )
    here, there = home / "talks" / "manifest.jsonl", test / "manifest.jsonl"
    expected = "expected a speaker who is not tested on, got 'train', who is at"
    said = faults(recipe(home, never=["test"]), home)
    assert said == f"{here}:1: {expected} {there}:1"
    said = faults(recipe(home, validation={"data": [{"manifest": "test", "split": None}]}), home)
    assert said == f"{here}:1: {expected} {there}:1"


def test_clips_of_nobody_known_are_no_leak(home: Path) -> None:
    write_set(home / "one", {"path": "a.wav", "text": "one", "split": "train"})
    write_set(home / "test", {"path": "a.wav", "text": "two"})
    (learn,) = prepare(recipe(home, {"manifest": "one"}, never=["test"]), home).learn
    assert learn.texts == ("one",)


def test_a_set_without_clips(home: Path) -> None:
    write_set(home / "one", GOOD | {"path": "a.wav", "split": "eval"})
    asked = recipe(home, {"manifest": "one"})
    assert faults(asked, home) == f"{home}/one: expected clips to learn from, got none"


def test_a_set_all_of_which_must_not_be_learned(home: Path) -> None:
    write_set(home / "one", GOOD | {"path": "a.wav"})
    write_set(home / "test", {"path": "a.wav", "text": "one two"})
    asked = recipe(home, {"manifest": "one"}, never=["test"])
    assert faults(asked, home) == f"{home}/one: expected clips to learn from, got none"


def test_a_manifest_that_is_not_there(home: Path) -> None:
    for asked in (recipe(home, {"manifest": "none"}), recipe(home, never=["none"])):
        assert faults(asked, home).startswith(f"cannot read {home}/none")
