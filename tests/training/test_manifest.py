from __future__ import annotations

import json
import shutil
import wave
from dataclasses import replace
from pathlib import Path

import pytest

from sotto.errors import BadManifest, BadOption
from sotto.training.manifest import Manifest, check_manifests, read_manifest
from tests.speech import CLIP, CLIP_TEXT, DATA, needs_data

GOOD = {"path": "clip.flac", "text": CLIP_TEXT}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the clip, of 7.37 s, under two names."""
    for name in ("clip.flac", "again.flac"):
        shutil.copy(CLIP, tmp_path / name)
    return tmp_path


def write(folder: Path, *lines: object, name: str = "manifest.jsonl") -> Path:
    text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / name).write_text("\n".join(text) + "\n")
    return folder / name


def silence(path: Path, seconds: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(2 * 8_000 * seconds))


def faults_of(*paths: Path, **how: object) -> tuple[str, ...]:
    with pytest.raises(BadManifest) as caught:
        check_manifests(paths, **how)
    return caught.value.faults


def test_all_that_a_line_may_say(folder: Path) -> None:
    said = {"lang": "en", "speaker": "ann", "split": "eval", "seconds": 7.37, "id": "1", "age": 30}
    path = write(folder, GOOD | said | {"gender": "f"}, "", {"path": "again.flac", "text": "a"})
    (manifest,) = check_manifests([folder])
    assert (manifest.path, manifest.name) == (path, folder.name)
    first, second = manifest.entries
    assert (first.path, first.text, first.language) == (folder / "clip.flac", CLIP_TEXT, "en")
    assert (first.speaker, first.split, first.seconds, first.id) == ("ann", "eval", 7.37, "1")
    assert first.is_speech
    assert (second.place, second.language, second.split) == (f"{path}:3", None, None)
    assert read_manifest(path) == manifest


def test_a_file_of_another_name_names_its_set(folder: Path) -> None:
    assert read_manifest(write(folder, GOOD, name="talks.jsonl")).name == "talks"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{nonsense", "expected a JSON object, got '{nonsense'"),
        ("[1]", "expected a JSON object, got '[1]'"),
        (
            GOOD | {"txt": "a"},
            "expected no keys but path, text, language, speaker, split, "
            "seconds, id, kind, age, gender, lang; got 'txt'",
        ),
        ({"text": "a"}, "expected the key 'path', got none"),
        ({"path": "clip.flac"}, "expected the key 'text', got none"),
        (GOOD | {"text": 5}, "expected text to be a valid string, got 5"),
        (GOOD | {"split": "test"}, "expected split to be 'train', 'dev' or 'eval', got 'test'"),
        (GOOD | {"seconds": -1}, "expected seconds to be greater than 0, got -1"),
        (GOOD | {"text": " "}, "expected text, or the kind 'noise'; got an empty text"),
        (
            GOOD | {"kind": "noise", "text": "a"},
            "expected no text, as the kind is 'noise'; got 'a'",
        ),
        (
            GOOD | {"path": "/clip.flac"},
            "expected a path relative to the manifest's folder, got '/clip.flac'",
        ),
        (
            GOOD | {"path": "a\0b"},
            "expected a path relative to the manifest's folder, got 'a\\x00b'",
        ),
        (
            GOOD | {"path": "gone.flac"},
            "expected a file, got 'gone.flac': No such file or directory",
        ),
        (GOOD | {"seconds": 6.5}, "expected seconds 7.37 as in the file, got 6.5"),
    ],
)
def test_each_fault_is_named_with_its_line(folder: Path, line: object, fault: str) -> None:
    path = write(folder, {"path": "again.flac", "text": "a"}, line)
    assert faults_of(path) == (f"{path}:2: {fault}",)


def test_an_unknown_language(folder: Path) -> None:
    (fault,) = faults_of(write(folder, GOOD | {"lang": "xx"}))
    assert "got 'xx'" in fault


@pytest.mark.parametrize("content", [b"", b"no sound at all, only words" * 20])
def test_a_file_that_is_no_sound(folder: Path, content: bytes) -> None:
    (folder / "clip.flac").write_bytes(content)
    (fault,) = faults_of(write(folder, GOOD))
    assert fault.startswith(f"{folder / 'manifest.jsonl'}:1: clip.flac: expected ")


def test_seconds_may_be_half_a_second_off(folder: Path) -> None:
    check_manifests([write(folder, GOOD | {"seconds": 7.8})])


def test_speech_has_a_longest_clip_and_noise_has_none(folder: Path) -> None:
    silence(folder / "long.wav", 40)
    path = write(folder, {"path": "long.wav", "text": "a"})
    assert faults_of(path) == (f"{path}:1: expected at most 30 s of speech in a clip, got 40.0 s",)
    check_manifests([path], longest=40.0)
    check_manifests([write(folder, {"path": "long.wav", "text": "", "kind": "noise"})])


def test_a_path_or_an_id_stands_once(folder: Path) -> None:
    again = {"path": "again.flac", "text": "a", "id": "1"}
    path = write(folder, GOOD | {"id": "1"}, again, GOOD | {"path": "./clip.flac"})
    assert faults_of(path) == (
        f"{path}:2: expected each id once, got '1' of {path}:1",
        f"{path}:3: expected each path once, got that of {path}:1 again",
    )
    assert len(faults_of(write(folder, GOOD), write(folder, GOOD, name="b.jsonl"))) == 1


def test_a_speaker_belongs_to_one_split_of_all_manifests(folder: Path) -> None:
    ann = {"speaker": "ann"}
    train = write(folder, GOOD | ann | {"split": "train"}, name="train.jsonl")
    held = write(
        folder, {"path": "again.flac", "text": "a", "split": "eval"} | ann, name="eval.jsonl"
    )
    check_manifests([train])
    check_manifests([held])
    assert faults_of(train, held) == (
        f"{held}:1: expected speaker 'ann' in one split, got eval, but train at {train}:1",
    )


def test_every_fault_is_told_at_once_and_a_hundred_are_shown(folder: Path) -> None:
    path = write(folder, "{", *(GOOD | {"path": f"{n}.flac"} for n in range(149)))
    with pytest.raises(BadManifest) as caught:
        check_manifests([path])
    assert len(caught.value.faults) == 150
    lines = caught.value.message.splitlines()
    assert lines[1].startswith(f"{path}:1: ")
    assert lines[100].startswith(f"{path}:100: ")
    assert lines[101:] == ["and 50 more"]


def test_only_the_sound_of_wanted_clips_is_looked_at(folder: Path) -> None:
    def first(manifest: Manifest) -> Manifest:
        return replace(manifest, entries=manifest.entries[:1])

    path = write(folder, GOOD, {"path": "gone.flac", "text": "a"})
    (manifest,) = check_manifests([path], choose=first)
    assert [entry.name for entry in manifest.entries] == ["clip.flac"]


def test_a_manifest_that_is_empty_or_not_there(folder: Path) -> None:
    (folder / "manifest.jsonl").write_text("")
    (fault,) = faults_of(folder)
    assert fault.endswith(
        "manifest.jsonl:1: expected a JSON object on each line, got an empty file"
    )
    with pytest.raises(BadOption, match=r"cannot read .*gone\.jsonl: No such file"):
        read_manifest(folder / "gone.jsonl")
    (folder / "manifest.jsonl").write_text("{")
    with pytest.raises(BadManifest):
        read_manifest(folder)


@needs_data
@pytest.mark.data
def test_no_speaker_of_the_speech_at_hand_is_in_two_splits() -> None:
    paths = sorted(DATA.glob("*/manifest.jsonl"))
    assert len(paths) >= 8

    def one(manifest: Manifest) -> Manifest:
        return replace(manifest, entries=manifest.entries[:1])

    check_manifests(paths, choose=one)
