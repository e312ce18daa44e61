from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.errors import BadOption, ModelUnavailable
from sotto.runtime.container import read_file
from sotto.training.evaluation.scoring import normalize
from sotto.training.manifest import Manifest, check_manifests
from sotto.training.synthesis.rooms import noisy, reverberated, trimmed, write_flac
from sotto.training.synthesis.sets import (
    Utterance,
    plan,
    read_material,
    synthesize,
)
from sotto.training.synthesis.spec import SynthesisSpec
from sotto.training.synthesis.voices import (
    ESPEAK,
    FLITE,
    Voice,
    choose_voices,
    installed_voices,
    speak,
)

needs_espeak = pytest.mark.skipif(not shutil.which(ESPEAK), reason="espeak-ng is not installed")
needs_flite = pytest.mark.skipif(not shutil.which(FLITE), reason="flite is not installed")

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
VOICES = tuple(
    Voice(ESPEAK, f"{accent}+{variant}")
    for accent in ("en-gb", "en-us")
    for variant in ("f2", "f3", "m1", "m2")
)


def digits(**changes: object) -> SynthesisSpec:
    said = {
        "output": "made/digits",
        "clips": 12,
        "seed": 3,
        "vocabulary": DIGITS,
        "length": (1, 4),
        "voices": [f"{ESPEAK}/en-gb+[fm][23]"],
        "held_out": ["*+f3"],
    }
    return SynthesisSpec.model_validate(said | changes)


def planned(spec: SynthesisSpec) -> tuple[Utterance, ...]:
    return plan(spec, VOICES, read_material(spec))


def rooms_and_noises(folder: Path) -> Path:
    """A room that echoes after 100 ms, a hiss, and one of each that may not be learned from."""
    echo = np.zeros(SAMPLE_RATE // 5, np.float32)
    echo[[10, SAMPLE_RATE // 10]] = 0.9, 0.4
    hiss = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    lines = []
    folder.mkdir()
    for kind, sound in (("rir", echo), ("noise", hiss)):
        for split in ("train", "eval"):
            write_flac(sound, folder / f"{kind}-{split}.flac")
            entry = {"path": f"{kind}-{split}.flac", "text": "", "kind": kind, "split": split}
            lines.append(json.dumps(entry))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder


def samples(path: Path) -> Samples:
    return np.concatenate(list(read_file(path)))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def made(spec: SynthesisSpec, folder: Path, workers: int = 1) -> Manifest:
    (manifest,) = check_manifests([synthesize(spec, folder, workers=workers, tell=lambda _: None)])
    return manifest


@needs_espeak
def test_the_same_seed_makes_the_same_files_however_many_work_on_it(tmp_path: Path) -> None:
    places = str(rooms_and_noises(tmp_path / "places"))
    spec = digits(rooms=places, noises=places, room_share=0.5, noise_share=0.5)
    first = made(spec, tmp_path / "first", workers=1)
    made(spec, tmp_path / "second", workers=2)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    for entry in first.entries:
        assert entry.seconds == pytest.approx(len(samples(entry.path)) / SAMPLE_RATE, abs=1e-3)
    other = made(digits(seed=4), tmp_path / "third")
    assert [entry.text for entry in first.entries] != [entry.text for entry in other.entries]


def test_a_clip_depends_on_its_number_alone() -> None:
    assert planned(digits(clips=50))[:20] == planned(digits(clips=20))
    assert planned(digits(output="elsewhere/digits")) == planned(digits())
    assert planned(digits(output="made/other")) != planned(digits())


def test_more_noise_changes_nothing_else(tmp_path: Path) -> None:
    places = str(rooms_and_noises(tmp_path / "places"))
    dry = planned(digits(clips=200))
    wet = planned(digits(clips=200, noises=places, noise_share=0.3))
    assert [(u.script, u.voice, u.rate) for u in dry] == [(u.script, u.voice, u.rate) for u in wet]
    noises = [utterance.noise.name for utterance in wet if utterance.noise]
    assert set(noises) == {"noise-train.flac"}
    assert 30 < len(noises) < 90


def test_held_out_voices_are_dev_and_share_no_string_with_train() -> None:
    texts: dict[str, set[str]] = {"train": set(), "dev": set()}
    for utterance in planned(digits(clips=2_000, length=(1, 3))):
        assert (utterance.split == "dev") == utterance.voice.name.endswith("+f3")
        texts[utterance.split].add(utterance.script.written)
    shared = texts["train"] & texts["dev"]
    assert shared
    assert all(" " not in text for text in shared)
    assert len(texts["dev"]) > 50


def test_held_out_voices_share_no_sentence_with_train(tmp_path: Path) -> None:
    lines = [f"Line {a} has {b} ends." for a in DIGITS for b in DIGITS]
    (tmp_path / "lines.txt").write_text("\n".join([*lines, "An aside (whispered) is left out."]))
    spec = digits(vocabulary=(), sentences=[str(tmp_path / "lines.txt")], clips=400, text="plain")
    texts: dict[str, list[str]] = {"train": [], "dev": []}
    for utterance in planned(spec):
        assert utterance.script.written == normalize(utterance.script.spoken)
        assert utterance.script.spoken in lines
        texts[utterance.split].append(utterance.script.written)
    assert texts["dev"]
    assert not set(texts["train"]) & set(texts["dev"])
    assert len(set(texts["train"] + texts["dev"])) > 90


def test_what_must_not_be_said_is_not_said_but_for_single_words(tmp_path: Path) -> None:
    pairs = [f"{a} {b}" for a in ("one", "two") for b in ("one", "two")]
    never = tmp_path / "never.jsonl"
    entries = [{"path": "x.flac", "text": text} for text in ("One, two!", "two two", "one")]
    never.write_text("\n".join(map(json.dumps, entries)))
    spec = digits(vocabulary=["one", "two"], length=(1, 2), held_out=(), clips=300)
    assert {u.script.written for u in planned(spec)} == {"one", "two", *pairs}
    strict = spec.model_copy(update={"never": (str(never),)})
    assert {u.script.written for u in planned(strict)} == {"one", "two", "one one", "two one"}
    with pytest.raises(BadOption, match="enough strings"):
        planned(strict.model_copy(update={"vocabulary": ("two",), "length": (2, 2)}))


def test_commas_are_heard_and_not_written() -> None:
    scripts = [utterance.script for utterance in planned(digits(clips=200, length=(3, 6)))]
    assert all("," not in script.written for script in scripts)
    assert all(script.spoken.replace(",", "") == script.written for script in scripts)
    assert 40 < sum("," in script.spoken for script in scripts) < 160


class Killed(Exception):
    pass


@needs_espeak
def test_a_run_that_was_killed_goes_on_and_ends_with_the_same(tmp_path: Path) -> None:
    def kill(count: int) -> None:
        if count == 4:
            raise Killed

    with pytest.raises(Killed):
        synthesize(digits(), tmp_path / "killed", workers=1, tell=kill)
    left = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed/clips").iterdir()}
    assert 4 <= len(left) < 12
    assert not (tmp_path / "killed/manifest.jsonl").exists()
    (tmp_path / "killed/clips/000011.part").write_bytes(b"half a cl")
    made(digits(), tmp_path / "killed")
    made(digits(), tmp_path / "whole")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == when for path, when in left.items())


@needs_espeak
def test_a_folder_with_another_set_is_refused_and_a_whole_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(digits(clips=2), tmp_path)
    before = contents(tmp_path)
    for changes in ({"clips": 3}, {"clips": 2, "rate": (150, 160)}):
        with pytest.raises(BadOption, match="remove it or choose another"):
            made(digits(**changes), tmp_path)
    monkeypatch.setenv("PATH", "")  # nothing is left to do, so nothing is needed
    made(digits(clips=2), tmp_path)
    assert contents(tmp_path) == before


def test_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert installed_voices() == ()
    with pytest.raises(ModelUnavailable, match="package espeak-ng"):
        choose_voices(())
    with pytest.raises(ModelUnavailable, match="package flite"):
        choose_voices(["flite/slt"])
    with pytest.raises(ModelUnavailable, match="package espeak-ng"):
        speak(Voice(ESPEAK, "en-gb"), "hello")


@needs_espeak
def test_voices_are_chosen_by_patterns_and_none_is_a_robot() -> None:
    names = {str(voice) for voice in choose_voices(["espeak-ng/en-gb*", "espeak-ng/en-us+f?"])}
    assert {"espeak-ng/en-gb", "espeak-ng/en-gb+f3", "espeak-ng/en-us+f1"} <= names
    assert not {"espeak-ng/en-us+m1", "espeak-ng/en-gb+whisper", "espeak-ng/en-gb+robosoft"} & names
    assert {voice.name.partition("+")[0] for voice in installed_voices("de")} == {"de"}
    with pytest.raises(BadOption, match="nobody"):
        choose_voices(["espeak-ng/nobody"])


@needs_espeak
@needs_flite
@pytest.mark.parametrize("name", ["espeak-ng/en-us+f2", "flite/kal16", "flite/slt", "flite/rms"])
def test_a_text_is_no_option_and_a_faster_rate_is_shorter(name: str) -> None:
    voice = Voice(*name.split("/"))
    slow, fast = (speak(voice, "--help me find it", rate) for rate in (120.0, 240.0))
    assert 0.4 < len(trimmed(fast)) / len(trimmed(slow)) < 0.7
    assert np.abs(slow).max() <= 1


def test_noise_lies_as_far_below_as_is_asked_for() -> None:
    rng = np.random.default_rng(1)
    tone = np.sin(np.arange(SAMPLE_RATE, dtype=np.float32) / 5)
    noise = rng.normal(0, 0.01, 3_000).astype(np.float32)
    added = noisy(tone, noise, 0.5, 10.0) - tone
    assert 10 * np.log10(np.mean(tone**2) / np.mean(added**2)) == pytest.approx(10, abs=0.1)
    assert np.corrcoef(added[:1500], noise[1500:])[0, 1] > 0.999


def test_a_room_repeats_the_sound_and_keeps_its_place_and_loudness() -> None:
    click = np.zeros(8_000, np.float32)
    click[2_000] = 0.5
    response = np.zeros(1_000, np.float32)
    response[[50, 850]] = 1.0, 0.5
    wet = reverberated(click, response)
    assert set(np.flatnonzero(np.abs(wet) > 1e-4)) == {2_000, 2_800}
    assert wet[2_800] == pytest.approx(wet[2_000] / 2)
    assert np.sum(wet**2) == pytest.approx(0.25, rel=1e-3)


def test_silence_at_either_end_is_cut_to_50_ms() -> None:
    sound = np.zeros(3 * SAMPLE_RATE, np.float32)
    sound[SAMPLE_RATE : 2 * SAMPLE_RATE] = 0.1
    assert len(trimmed(sound)) == SAMPLE_RATE + 2 * 800


@pytest.mark.parametrize(
    "changes",
    [
        {"sentences": ["lines.txt"]},
        {"vocabulary": []},
        {"vocabulary": ["one", "!"]},
        {"length": (4, 2)},
        {"rate": (10, 20)},
        {"noise_share": 0.5},
        {"colour": "red"},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        digits(**changes)
