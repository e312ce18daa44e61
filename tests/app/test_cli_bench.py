from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from sotto.bench.silent import report
from sotto.bench.silent.client import has_node
from sotto.bench.silent.codecs import heard_again
from tests.speech import CLIP, CLIP_TEXT

PAGE = Path(__file__).parents[2] / "docs" / "silent-mode.md"


def write(path: Path, samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())


def voices(folder: Path, split: str, pitches) -> Path:
    """Two clips each of the clip's speaker, as fast and high as if he were others."""
    folder.mkdir()
    clip = heard_again(CLIP.read_bytes())
    lines = []
    for pitch in pitches:
        place = np.arange(0, len(clip) - 1, pitch / 100)
        other = np.interp(place, np.arange(len(clip)), clip)
        for take, start in enumerate((8_000, 30_000)):
            name = f"{pitch}-{take}.wav"
            write(folder / name, other[start : start + 20_000])
            about = {"path": name, "text": "hm", "speaker": f"p{pitch}", "split": split}
            lines.append(json.dumps(about))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    spoken = tmp_path / "digits"
    spoken.mkdir()
    shutil.copy(CLIP, spoken / "clip.flac")
    line = {"path": "clip.flac", "text": CLIP_TEXT, "lang": "en"}
    (spoken / "manifest.jsonl").write_text(json.dumps(line))
    noise = tmp_path / "noise"
    noise.mkdir()
    write(noise / "hiss.wav", np.random.default_rng(0).normal(0, 0.05, 48_000))
    line = {"path": "hiss.wav", "text": "", "kind": "noise"}
    (noise / "manifest.jsonl").write_text(json.dumps(line))
    return {
        "spoken": spoken,
        "learn": voices(tmp_path / "many", "train", (82, 90, 100, 108, 115, 122)),
        "link": voices(tmp_path / "others", "eval", (86, 112)),
        "noise": noise,
    }


def test_all_tables_from_the_command_to_the_page(sotto, sets, tmp_path):
    code, out, err = sotto(
        *("bench", "silent", sets["spoken"], "--learn", sets["learn"], "--link", sets["link"]),
        *("--noise", sets["noise"], "--iterations", 2),
        *("--output", tmp_path / "report", "--doc", tmp_path / "page.md"),
    )
    assert (code, err.count("measuring: ")) == (0, 4)
    for name in ("words", "linking", "detectors", "alarms", "costs", "delays"):
        assert f"\n{name}\n" in out
    found = json.loads((tmp_path / "report" / "silent.json").read_text())
    heard = {one["form"]: one["score"] for one in found["understood"]}
    wrong = {
        form: score["substitutions"] + score["deletions"] + score["insertions"]
        for form, score in heard.items()
    }
    images = ("PCM, 16 bits", "log-mel, float32", "8-bit PNG", "mel8, messages of 100 ms")
    assert [wrong[form] for form in images] == [0, 0, 0, 0]
    assert ("the stronger mode" in heard) == has_node()
    assert {one["set"] for one in found["linked"]} == {"others"}
    page = (tmp_path / "page.md").read_text()
    assert "$" not in page
    assert "The promise of at most 0.1 points is kept" in page
    assert str(tmp_path) not in page
    assert page.count("\n| --- | --- ") == 6


def test_what_is_not_given_is_left_out_and_told(sotto, sets):
    code, out, _ = sotto("bench", "silent", sets["spoken"], "--iterations", 1)
    assert code == 0
    assert "Linking is left out: it needs --learn and --link." in out
    assert "Noise is left out: it needs --noise." in out
    assert "\nlinking\n" not in out
    assert "\ndetectors\n" in out


def test_nobody_may_be_learned_and_linked(sotto, sets):
    (sets["link"] / "manifest.jsonl").write_text(
        (sets["link"] / "manifest.jsonl").read_text().replace("p86", "p100")
    )
    code, _, err = sotto(
        *("bench", "silent", sets["spoken"], "--learn", sets["learn"], "--link", sets["link"])
    )
    assert (code, err) == (2, "sotto: expected speakers that are not learned, got p100\n")


@pytest.mark.parametrize("name", ["none.such:thing", "json:such", "json", ":"])
def test_an_embedding_that_is_not_there(sotto, sets, name):
    code, _, err = sotto("bench", "silent", sets["spoken"], "--embedding", name)
    assert code == 2
    assert f"expected module:name of a function, got {name!r}" in err


def test_the_page_is_the_commands_own():
    """Its prose is written in one place, and its numbers by nobody."""
    page = PAGE.read_text()
    for paragraph in report.PROSE.read_text().split("\n\n"):
        if "$" not in paragraph:
            assert paragraph.strip() in page
    assert "(not measured)" not in page


def test_a_spectrogram_in_disguise(sotto, tmp_path):
    from sotto.runtime.picture import look

    for name, options in (("plain", []), ("one", ["--anonymize"]), ("two", ["--anonymize"])):
        assert sotto("mel", CLIP, "-o", tmp_path / f"{name}.mel8", *options)[0] == 0
    plain, one, two = (
        look((tmp_path / f"{name}.mel8").read_bytes()).mel for name in ("plain", "one", "two")
    )
    assert plain.shape == one.shape == two.shape
    assert min(abs(plain - one).mean(), abs(one - two).mean()) > 0.05
