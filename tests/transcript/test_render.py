from __future__ import annotations

import html
import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.transcript.cues import COLUMNS, LONGEST, cues, width
from sotto.transcript.languages import LANGUAGES
from sotto.transcript.render import MEDIA_TYPES, Format, Granularity, render
from sotto.transcript.words import Segment, Transcript, Word

ALL = tuple(Format)
WORDS = frozenset({Granularity.WORD})
BOTH = frozenset(Granularity)


def spoken(text: str, start: int = 0, each: int = 30, gap: int = 5) -> tuple[Word, ...]:
    """Words of a text, `each` frames long."""
    pieces = re.findall(r"\s*\S+", text)
    return tuple(
        Word(piece, start + i * (each + gap), start + i * (each + gap) + each, 0.9)
        for i, piece in enumerate(pieces)
    )


def transcript(*texts: str, language: str = "en", **timing: int) -> Transcript:
    segments, at = [], 0
    for index, text in enumerate(texts):
        words = spoken(text, at, **timing)
        end = words[-1].end if words else at
        segments.append(Segment(index, at, end, words, language))
        at = end + 100
    return Transcript(tuple(segments), language, at)


# What a word is made of: letters of several scripts, punctuation, and what markup must escape.
letters = st.text("abcxyzÄéжבا你好。,.?!'\"-<>&;0あ한", min_size=1, max_size=60)
spaces = st.sampled_from(["", " "])
times = st.integers(0, 500)


@st.composite
def transcripts(draw) -> Transcript:
    segments, at = [], 0
    language = draw(st.sampled_from(["en", "zh", "ja", "de", "th"]))
    for index in range(draw(st.integers(0, 4))):
        words = []
        for _ in range(draw(st.integers(0, 30))):
            start = at + draw(times)
            at = start + draw(times)
            words.append(Word(draw(spaces) + draw(letters), start, at, draw(st.floats(0, 1))))
        segments.append(Segment(index, words[0].start if words else at, at, tuple(words), language))
    return Transcript(tuple(segments), language, at)


def squeezed(text: str) -> str:
    return "".join(text.split())


def spoken_in(given_: Transcript) -> str:
    return squeezed("".join(word.text for word in given_.words))


def frames_of(clock: str) -> int:
    hours, minutes, rest = clock.split(":")
    s, ms = re.split("[.,]", rest)
    assert (len(minutes), len(s), len(ms)) == (2, 2, 3)
    return round((int(hours) * 3600 + int(minutes) * 60 + int(s)) * 100 + int(ms) / 10)


def parse_srt(text: str) -> list[tuple[int, int, str]]:
    blocks = [block for block in text.split("\n\n") if block]
    parsed = []
    for number, block in enumerate(blocks, 1):
        count, clock, *lines = block.split("\n")
        assert int(count) == number
        assert clock.count(",") == 2
        start, end = clock.split(" --> ")
        parsed.append((frames_of(start), frames_of(end), "\n".join(lines)))
    return parsed


def parse_vtt(text: str) -> list[tuple[int, int, str]]:
    head, *blocks = [block for block in text.split("\n\n") if block]
    assert head == "WEBVTT"
    parsed = []
    for block in blocks:
        clock, *lines = block.split("\n")
        start, end = clock.split(" --> ")
        body = "\n".join(lines)
        assert "<" not in body
        assert ">" not in body
        parsed.append((frames_of(start), frames_of(end), html.unescape(body)))
    return parsed


@given(transcripts())
def test_every_word_is_there_once_in_order_in_every_format(said):
    expected = spoken_in(said)
    verbose = json.loads(render(said, Format.VERBOSE_JSON, BOTH))
    assert squeezed(render(said, Format.TXT)) == expected
    assert squeezed(json.loads(render(said, Format.JSON))["text"]) == expected
    assert squeezed(verbose["text"]) == expected
    assert squeezed("".join(segment["text"] for segment in verbose["segments"])) == expected
    assert squeezed("".join(word["word"] for word in verbose["words"])) == expected
    assert squeezed("".join(text for *_, text in parse_srt(render(said, Format.SRT)))) == expected
    assert squeezed("".join(text for *_, text in parse_vtt(render(said, Format.VTT)))) == expected


@given(transcripts())
def test_subtitles_of_both_forms_parse_back_to_the_cues(said):
    made = [(cue.start, cue.end, cue.text) for cue in cues(said)]
    assert parse_srt(render(said, Format.SRT)) == made
    assert parse_vtt(render(said, Format.VTT)) == made


@given(transcripts())
def test_cues_are_short_and_follow_each_other(said):
    made = cues(said)
    for cue in made:
        assert 0 < cue.end - cue.start <= LONGEST
        lines = cue.text.split("\n")
        assert len(lines) <= 2
        for line in lines:
            assert line == line.strip()
            assert line
            assert width(line) <= COLUMNS or max(width(w.text) for w in said.words) > COLUMNS
    for before, after in pairwise(made):
        assert before.end <= after.start


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=40))
def test_times_in_disorder_still_give_cues_in_order(pairs):
    words = tuple(Word(f" word{i}", a, b, 1.0) for i, (a, b) in enumerate(pairs))
    made = cues(Transcript((Segment(0, 0, 3000, words, "en"),), "en", 3000))
    assert all(cue.end > cue.start for cue in made)
    assert all(before.end <= after.start for before, after in pairwise(made))


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize("said", [transcript(), transcript(""), transcript("", "")])
def test_nothing_said_is_valid(form, said):
    text = render(said, form, BOTH)
    match form:
        case Format.TXT | Format.SRT:
            assert text == ""
        case Format.VTT:
            assert text == "WEBVTT\n\n"
        case Format.JSON:
            assert json.loads(text) == {"text": ""}
        case Format.VERBOSE_JSON:
            answer = json.loads(text)
            assert answer["words"] == []
            assert all(segment["text"] == "" for segment in answer["segments"])


def test_srt():
    words = (Word(" Hello,", 74, 112, 0.9), Word(" you <there>.", 130, 362_005, 0.9))
    said = Transcript((Segment(0, 70, 362_010, words, "en"),), "en", 362_100)
    assert render(said, Format.SRT) == (
        "1\n00:00:00,740 --> 00:00:01,120\nHello,\n\n"
        "2\n00:00:01,300 --> 00:00:08,300\nyou <there>.\n\n"
    )


def test_vtt():
    words = (Word(" A & B", 360_074, 360_112, 0.9), Word(" <i>", 360_130, 360_205, 0.9))
    said = Transcript((Segment(0, 360_070, 360_210, words, "en"),), "en", 360_210)
    assert render(said, Format.VTT) == (
        "WEBVTT\n\n01:00:00.740 --> 01:00:02.050\nA &amp; B &lt;i&gt;\n\n"
    )


def test_verbose_json_is_openais():
    segment = Segment(
        id=0,
        start=50,
        end=200,
        words=(Word(" nine", 74, 112, 0.5), Word(" two", 130, 180, 0.25)),
        language="en",
        avg_logprob=-0.5,
        no_speech_prob=0.125,
        compression_ratio=1.5,
        temperature=0.2,
        tokens=(7, 8),
    )
    said = Transcript((segment,), "en", 250)
    listed = [
        {"word": "nine", "start": 0.74, "end": 1.12, "probability": 0.5},
        {"word": "two", "start": 1.3, "end": 1.8, "probability": 0.25},
    ]
    expected = {
        "task": "transcribe",
        "language": "english",
        "duration": 2.5,
        "text": "nine two",
        "segments": [
            {
                "id": 0,
                "seek": 50,
                "start": 0.5,
                "end": 2.0,
                "text": "nine two",
                "tokens": [7, 8],
                "temperature": 0.2,
                "avg_logprob": -0.5,
                "compression_ratio": 1.5,
                "no_speech_prob": 0.125,
            }
        ],
    }
    assert json.loads(render(said, Format.VERBOSE_JSON)) == expected
    expected["words"] = listed
    assert json.loads(render(said, Format.VERBOSE_JSON, BOTH)) == expected
    del expected["segments"]
    assert json.loads(render(said, Format.VERBOSE_JSON, WORDS)) == expected


def test_languages_are_openais_names():
    for code, name in LANGUAGES.items():
        said = Transcript((), code, 0)
        assert json.loads(render(said, Format.VERBOSE_JSON))["language"] == name.lower()


def test_long_speech_breaks_after_a_sentence():
    said = transcript(
        "The first sentence is of a middling length. The second one goes on for so long that "
        "it cannot stand beside the first, however one tries."
    )
    assert [cue.text.replace("\n", " ") for cue in cues(said)] == [
        "The first sentence is of a middling length.",
        "The second one goes on for so long that it cannot stand beside the first,",
        "however one tries.",
    ]


def test_long_speech_without_punctuation_breaks_at_the_longest_gap():
    text = " ".join(["word"] * 24)
    words = list(spoken(text, each=10, gap=2))
    words = words[:10] + [Word(w.text, w.start + 60, w.end + 60, 0.9) for w in words[10:]]
    said = Transcript((Segment(0, 0, 400, tuple(words), "en"),), "en", 400)
    assert [len(cue.text.split()) for cue in cues(said)] == [10, 14]


def test_slow_speech_is_cut_at_seven_seconds():
    made = cues(transcript("one two three four five six", each=100, gap=100))
    assert [cue.text for cue in made] == ["one two three four", "five six"]


def test_a_cue_makes_room_for_the_next_one():
    said = [Segment(0, 0, 300, (Word(" one", 0, 300, 0.9),), "en")]
    said.append(Segment(1, 200, 400, (Word(" two", 200, 400, 0.9),), "en"))
    made = cues(Transcript(tuple(said), "en", 400))
    assert [(cue.start, cue.end) for cue in made] == [(0, 200), (200, 400)]


def test_two_lines_are_of_like_length():
    [cue] = cues(transcript("these are some words that do not go into one line", each=10))
    first, second = cue.text.split("\n")
    assert abs(len(first) - len(second)) <= 5


def test_chinese_counts_two_columns_a_character():
    text = "今天天气很好我们一起去公园散步吧然后再去吃一顿好吃的午饭好不好呀我的朋友们大家都来"
    words = tuple(Word(c, i * 10, i * 10 + 10, 0.9) for i, c in enumerate(text))
    said = Transcript((Segment(0, 0, len(text) * 10, words, "zh"),), "zh", len(text) * 10)
    made = cues(said)
    assert all(len(line) <= 21 for cue in made for line in cue.text.split("\n"))
    assert "".join(cue.text.replace("\n", "") for cue in made) == text


def test_no_line_begins_with_what_belongs_to_the_word_before():
    text = " I" + " really" * 6 + " don" + "'t" + " know" * 10
    pieces = re.findall(r"\s*[^\s']+|'t", text)
    words = tuple(Word(p, i * 20, i * 20 + 20, 0.9) for i, p in enumerate(pieces))
    for shift in range(1, 12):
        moved = (*spoken(" x" * shift), *words)
        made = cues(Transcript((Segment(0, 0, 900, moved, "en"),), "en", 900))
        lines = [line for cue in made for line in cue.text.split("\n")]
        assert not any(line.startswith("'") for line in lines)


def test_every_format_has_a_media_type():
    assert set(MEDIA_TYPES) == set(Format)
