from __future__ import annotations

import json
import shutil
import sys
import wave
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.speech import CLIP, CLIP_TEXT, DATA, needs_data
from tests.terminal import on_a_terminal

needs_english = pytest.mark.skipif(
    find_spec("whisper_normalizer") is None, reason="whisper-normalizer is not installed"
)


@pytest.fixture
def sotto(sotto):
    return partial(sotto, "evaluate", "nano")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The clip with two wrong labels and right, and ten seconds of noise."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in ("wrong.flac", "right.flac"):
        shutil.copy(CLIP, folder / name)
    noise = np.random.default_rng(0).normal(0, 1_000, 160_000).astype("<i2")
    with wave.open(str(folder / "noise.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(noise.tobytes())
    lines = [
        {"path": "wrong.flac", "text": "Nine two six eight, three one zero!", "split": "eval"},
        {"path": "right.flac", "text": CLIP_TEXT, "split": "dev", "speaker": "ann"},
        {"path": "noise.wav", "text": "", "kind": "noise", "split": "eval"},
    ]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_the_table(sotto, data):
    code, out, err = sotto(data, "--split", "eval")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    for line, way in zip(lines[1:3], ("offline", "streamed"), strict=True):
        *counts, _ = line.split()
        assert counts == f"calls {way} 1 7 28.57 24.24 1 1 0 0 in 0.2 min".split()
    assert lines[3:] == [
        "",
        "normalization: basic",
        "streamed against offline: +0.00 points of WER",
        "",
        "calls/wrong.flac",
        "  said      nine two six  eight three one zero",
        "  both      nine two five eight three one ****",
    ]


def test_the_numbers_of_both_ways(sotto, data):
    _, out, _ = sotto(data, "--json")
    report = json.loads(out)
    total = report["total"]
    assert report["model"] == "nano"
    assert (total["utterances"], total["words"], total["difference_points"]) == (2, 13, 0.0)
    assert total["non_speech"] == {"clips": 1, "minutes": 0.167}
    for way in ("offline", "streamed"):
        found = total[way]
        assert found.pop("real_time_factor") > 0
        assert found == {
            "wer": 2 / 13,
            "cer": 8 / 62,
            "errors": 2,
            "substitutions": 1,
            "deletions": 1,
            "insertions": 0,
            "non_speech_words": 0,
        }
        assert [clip[way]["text"] for clip in report["utterances"]] == [CLIP_TEXT, CLIP_TEXT, ""]
    assert [speaker["name"] for speaker in report["speakers"]] == ["ann"]


def test_a_report_is_written_whole(sotto, data, tmp_path):
    output = tmp_path / "deep" / "report"
    _, out, _ = sotto(data, "--output", output, "--limit", 1, "--json", "--no-streamed")
    assert sorted(path.name for path in output.iterdir()) == ["report.html", "report.json"]
    assert json.loads((output / "report.json").read_text()) == json.loads(out)
    assert json.loads(out)["total"]["streamed"] is None
    page = (output / "report.html").read_text()
    assert page.endswith("</html>\n")
    assert "calls/wrong.flac" in page
    assert "://" not in page


@needs_english
def test_whispers_normalization_makes_a_string_of_digits_one_word(sotto, data, tmp_path):
    asked = ("--split", "eval", "--normalization", "english", "--output", tmp_path / "report")
    _, out, err = sotto(data, *asked)
    lines = out.splitlines()
    assert err == ""
    assert lines[1].startswith("calls  offline   1           1      100.00  28.57  1    0    0  ")
    assert "normalization: english" in lines
    assert lines[-2:] == ["  said      9268310", "  both      925831"]
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["normalization"], report["total"]["words"]) == ("english", 1)
    assert "Normalization: english." in (tmp_path / "report" / "report.html").read_text()


def test_clips_without_a_language_are_not_taken_for_english(sotto, data):
    _, out, _ = sotto(data, "--limit", 1, "--no-streamed", "--normalization", "auto", "--json")
    assert json.loads(out)["normalization"] == "basic"


def test_a_normalization_that_there_is_not(sotto, data):
    code, out, err = sotto(data, "--normalization", "german")
    assert (code, out) == (2, "")
    assert err == "sotto: expected one of basic, english, auto, got 'german'\n"


def test_without_the_library_nothing_is_heard(sotto, data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "whisper_normalizer", None)
    monkeypatch.setitem(sys.modules, "whisper_normalizer.english", None)
    code, out, err = sotto(data, "--normalization", "english", "--output", tmp_path / "report")
    assert (code, out) == (2, "")
    assert err.endswith("got none: pip install 'sotto[train]'\n")
    assert not (tmp_path / "report").exists()


def test_sets_of_one_name_stay_apart(sotto, data, tmp_path):
    shutil.copytree(data, tmp_path / "other" / "calls")
    _, out, _ = sotto(data, tmp_path / "other" / "calls", "--limit", 1, "--json", "--no-streamed")
    names = [found["name"] for found in json.loads(out)["sets"]]
    assert names == [str(data / "manifest.jsonl"), str(tmp_path / "other/calls/manifest.jsonl")]


def test_bad_data_is_told_before_anything_is_made(sotto, data, tmp_path):
    with (data / "manifest.jsonl").open("a") as file:
        file.write('\n{"path": "gone.flac", "text": "a"}\n')
    code, out, err = sotto(data, "--output", tmp_path / "report")
    assert (code, out) == (2, "")
    place = f"{data / 'manifest.jsonl'}:4"
    assert f"{place}: expected a file, got 'gone.flac': No such file or directory" in err
    assert not (tmp_path / "report").exists()


def test_a_split_that_is_not_there(sotto, data):
    code, _, err = sotto(data, "--split", "train")
    assert code == 2
    assert err.endswith("expected clips of the split 'train', got dev, eval\n")


def test_a_language_that_the_model_does_not_know(sotto, data):
    (data / "manifest.jsonl").write_text('{"path": "right.flac", "text": "eins", "lang": "de"}')
    code, _, err = sotto(data)
    assert code == 2
    assert "expected a language of this model (en), got 'de'" in err


def test_a_folder_that_cannot_be_written(sotto, data, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = sotto(data, "--output", tmp_path / "file")
    assert (code, err) == (2, f"sotto: cannot make {tmp_path / 'file'}: File exists\n")


def test_what_was_there_stays_where_a_report_cannot_be_written(sotto, data, tmp_path):
    output = tmp_path / "report"
    (output / "report.html").mkdir(parents=True)
    code, _, err = sotto(data, "--output", output, "--no-streamed")
    assert code == 2
    assert f"cannot write {output / 'report.html'}" in err
    assert sorted(path.name for path in output.iterdir()) == ["report.html", "report.json"]


def test_a_terminal_sees_how_far_it_is(data):
    code, out, shown = on_a_terminal("evaluate", "nano", data, "--no-streamed")
    assert code == 0
    assert "3/3" in shown
    assert "calls" in out


@needs_data
@pytest.mark.data
def test_real_speech_is_heard_alike_in_both_ways_and_noise_is_not_heard(sotto):
    speech, noise = DATA / "digit_strings", DATA / "noise"
    _, out, _ = sotto(speech, noise, "--limit", 10, "--json")
    heard, quiet = json.loads(out)["sets"]
    assert (heard["utterances"], quiet["non_speech"]["clips"]) == (10, 10)
    apart = round(heard["difference_points"] / 100 * heard["words"])
    assert abs(apart) <= 1, "expected one word of so few at most"
    assert heard["offline"]["wer"] < 0.5
    for way in ("offline", "streamed"):
        assert quiet[way]["non_speech_words"] == 0
