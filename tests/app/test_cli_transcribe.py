from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from functools import partial

import pytest

from sotto.app.cli.files import Result, word_cues
from sotto.runtime.container import length_of
from sotto.transcript.render import Format
from sotto.transcript.words import Segment, Transcript, Word
from tests.speech import CLIP, CLIP_TEXT
from tests.terminal import on_a_terminal, run

NANO = CLIP.parent / "nano"
CLIP_SECONDS = 7.37


@pytest.fixture
def sotto(sotto):
    return partial(sotto, "transcribe")


def test_nothing_but_the_words(sotto):
    assert sotto(CLIP) == (0, f"{CLIP_TEXT}\n", "")


def test_subtitles(sotto):
    _, srt, _ = sotto(CLIP, "--format", "srt")
    cues = [block.splitlines() for block in srt.strip().split("\n\n")]
    assert [number for number, _, _ in cues] == [str(n) for n in range(1, len(cues) + 1)]
    assert " ".join(text for _, _, text in cues) == CLIP_TEXT
    edges = [edge for _, times, _ in cues for edge in times.split(" --> ")]
    assert all(re.fullmatch(r"00:00:0\d,\d\d0", edge) for edge in edges)
    assert edges == sorted(edges)
    _, vtt, _ = sotto(CLIP, "-f", "vtt")
    bodies = ["\n".join(lines[1:]) for lines in cues]
    assert vtt.strip().split("\n\n") == ["WEBVTT", *(body.replace(",", ".") for body in bodies)]


def test_json_has_words_only_where_they_are_asked_for(sotto):
    _, plain, _ = sotto(CLIP, "--format", "json")
    assert json.loads(plain) == {"text": CLIP_TEXT}
    _, timed, _ = sotto(CLIP, "--format", "json", "--word-timestamps")
    words = json.loads(timed)["words"]
    assert [word["word"] for word in words] == CLIP_TEXT.split()
    assert all(0 <= word["start"] < word["end"] <= CLIP_SECONDS for word in words)


def test_verbose_json(sotto):
    _, plain, _ = sotto(CLIP, "--format", "verbose_json")
    answer = json.loads(plain)
    assert (answer["text"], answer["language"]) == (CLIP_TEXT, "english")
    assert "words" not in answer
    _, timed, _ = sotto(CLIP, "--format", "verbose_json", "--word-timestamps")
    assert len(json.loads(timed)["words"]) == len(CLIP_TEXT.split())


def test_txt_with_times_is_a_line_per_segment(sotto):
    _, out, _ = sotto(CLIP, "--word-timestamps")
    lines = out.splitlines()
    assert all(re.fullmatch(r"\[00:0\d\.\d\d → 00:0\d\.\d\d\] [a-z ]+", line) for line in lines)
    assert " ".join(line.partition("] ")[2] for line in lines) == CLIP_TEXT


def test_times_past_an_hour_name_the_hour():
    segment = Segment(0, 360_000, 366_150, (Word(" late", 360_000, 366_150, 1.0),), "en")
    transcript = Transcript((segment,), "en", 366_150)
    assert Result(Format.TXT, times=True).of(transcript) == "[01:00:00.00 → 01:01:01.50] late"


def test_subtitles_with_times_are_one_cue_a_word(sotto):
    _, srt, _ = sotto(CLIP, "--format", "srt", "--word-timestamps")
    assert [block.splitlines()[2] for block in srt.strip().split("\n\n")] == CLIP_TEXT.split()


def test_cues_of_words_are_in_order_and_never_empty():
    words = (Word(" a", 10, 30, 1.0), Word(" b", 20, 20, 1.0), Word(" c", 30, 50, 1.0))
    cues = word_cues(Transcript((Segment(0, 0, 50, words, "en"),), "en", 50))
    assert [(cue.start, cue.end) for cue in cues] == [(10, 30), (30, 31), (31, 50)]


def test_several_files_are_told_apart(sotto, tmp_path):
    other = tmp_path / "again.flac"
    other.write_bytes(CLIP.read_bytes())
    code, out, err = sotto(CLIP, other)
    assert (code, err) == (0, "")
    assert out == f"==> {CLIP} <==\n{CLIP_TEXT}\n==> {other} <==\n{CLIP_TEXT}\n"


def test_several_files_as_json_are_a_line_each(sotto):
    _, out, _ = sotto(CLIP, CLIP, "--format", "json")
    assert [json.loads(line)["text"] for line in out.splitlines()] == [CLIP_TEXT] * 2


def test_several_files_are_no_one_subtitle_file(sotto):
    code, out, err = sotto(CLIP, CLIP, "--format", "srt")
    assert (code, out) == (2, "")
    assert "--output DIR" in err


def test_a_file_that_cannot_be_read_does_not_stop_the_others(sotto, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no sound in here, only words " * 100)
    code, out, err = sotto(text, CLIP, tmp_path / "away.mp3", tmp_path)
    assert code == 2
    assert out == f"==> {CLIP} <==\n{CLIP_TEXT}\n"
    first, second, third = err.splitlines()
    assert first.startswith(f"sotto: {text}: expected audio or video")
    assert second == f"sotto: {tmp_path / 'away.mp3'}: No such file or directory"
    assert third == f"sotto: {tmp_path}: Is a directory"


def test_output_goes_beside_each_other(sotto, tmp_path):
    other = tmp_path / "again.flac"
    other.write_bytes(CLIP.read_bytes())
    folder = tmp_path / "new" / "notes"
    code, out, err = sotto(CLIP, other, "--output", folder, "--format", "verbose_json")
    assert (code, out, err) == (0, "", "")
    assert sorted(path.name for path in folder.iterdir()) == ["again.json", "digits.json"]
    assert json.loads((folder / "again.json").read_text())["text"] == CLIP_TEXT


def test_output_never_overwrites_one_with_another(sotto, tmp_path):
    code, _, err = sotto("a/talk.mp3", "b/talk.wav", "--output", tmp_path / "out")
    assert code == 2
    assert "a/talk.mp3 and b/talk.wav both give" in err
    assert not (tmp_path / "out").exists()


def test_output_that_cannot_be_made(sotto, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = sotto(CLIP, "--output", tmp_path / "file" / "out")
    assert code == 2
    assert err.startswith(f"sotto: cannot make {tmp_path / 'file' / 'out'}")


def test_stdin_from_a_pipe():
    with subprocess.Popen(["cat", CLIP], stdout=subprocess.PIPE) as pipe:
        done = run("transcribe", "-", stdin=pipe.stdout)
    assert done == (0, f"{CLIP_TEXT}\n", "")


def test_stdin_from_a_file(tmp_path):
    with CLIP.open("rb") as file:
        assert run("transcribe", "-", "--output", "out", stdin=file) == (0, "", "")
    assert (tmp_path / "out" / "stdin.txt").read_text() == f"{CLIP_TEXT}\n"


@pytest.mark.parametrize("model", ["nano", NANO])
def test_a_model_by_name_or_folder(sotto, model):
    assert sotto(CLIP, "--model", model) == (0, f"{CLIP_TEXT}\n", "")


def test_the_model_replaces_those_of_the_settings(sotto, tmp_path, monkeypatch):
    monkeypatch.setenv("SOTTO_MODELS__NAMES", str(tmp_path / "broken"))
    monkeypatch.setenv("SOTTO_MODELS__PATHS", f"mine={NANO},other={tmp_path / 'broken'}")
    assert sotto(CLIP, "--model", "mine") == (0, f"{CLIP_TEXT}\n", "")
    code, out, err = sotto(CLIP)
    assert (code, out) == (0, f"{CLIP_TEXT}\n")
    assert err.count("going on without") == 2


def test_a_model_that_is_not_there_is_said_once(sotto, tmp_path):
    code, out, err = sotto(CLIP, CLIP, "--model", tmp_path / "away")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "no such folder" in err


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--format", "doc", "expected one of txt, srt, vtt, json, verbose_json, got 'doc'"),
        ("--language", "xx", "expected a language code"),
        ("--language", "de", "expected a language of this model (en), got 'de'"),
        ("--task", "sing", "expected one of transcribe, translate, got 'sing'"),
        ("--task", "translate", "expected transcribe"),
        ("--beam-size", "99", "less than or equal to 20"),
    ],
)
def test_options_that_cannot_be(sotto, option, value, sentence):
    code, out, err = sotto(CLIP, option, value)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_terminal_sees_how_far_it_is():
    code, out, shown = on_a_terminal("transcribe", CLIP, CLIP, "--output", "out")
    assert (code, out) == (0, "")
    assert f"1/2 {CLIP}" in shown
    assert f"2/2 {CLIP}" in shown
    assert "0:07 / 0:07" in shown
    assert " × " in shown


def test_a_terminal_is_told_what_nano_is_once_and_only_if_nobody_named_it():
    _, out, shown = on_a_terminal("transcribe", CLIP, CLIP)
    assert out.count(CLIP_TEXT) == 2
    assert shown.count("sotto models pull small") == 1
    _, _, shown = on_a_terminal("transcribe", CLIP, "--model", "nano")
    assert "sotto models pull small" not in shown


@pytest.mark.parametrize("named", ["digits.flac", "nothing.txt", "empty"])
def test_a_files_length_leaves_it_at_its_beginning(named):
    data = {"digits.flac": CLIP.read_bytes(), "nothing.txt": b"words " * 500, "empty": b""}[named]
    file = io.BytesIO(data)
    expected = pytest.approx(CLIP_SECONDS, abs=0.01) if named == "digits.flac" else None
    assert length_of(file) == expected
    assert file.tell() == 0
    assert not file.closed


def test_ctrl_c_does_not_wait_for_the_engine():
    script = """
import asyncio, signal, threading
from concurrent.futures import ThreadPoolExecutor
from sotto.app.cli.local import run

async def decode():
    print("words so far")
    engine = ThreadPoolExecutor(1)
    asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
    try:
        await asyncio.get_running_loop().run_in_executor(engine, threading.Event().wait)
    finally:
        print("cleaned up")

run(decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (130, "words so far\ncleaned up\n")
    assert done.stderr == ""


def test_help_teaches_with_examples(sotto):
    code, out, _ = sotto("--help")
    assert code == 0
    assert "sotto transcribe talk.mp3 --format srt > talk.srt" in out
