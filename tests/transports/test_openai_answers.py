"""The bodies and events of OpenAI's REST, from any transcript."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.errors import BadAudio, BadOption, EngineFailed
from sotto.transcript.render import Format, Granularity
from sotto.transcript.words import Segment, Transcript, Word
from sotto.transports.openai.answers import (
    FORMATS,
    Shape,
    delta_event,
    done_event,
    error_event,
    shape,
    to_json,
    transcript_logprobs,
    transcription,
    translation,
)

TEXTS = st.text(" abcé你\u2028\n😀.", max_size=6)
WORDS = st.builds(Word, TEXTS, st.just(0), st.just(1), st.floats(0, 1))
SEGMENTS = st.lists(st.lists(WORDS, max_size=4).map(tuple), max_size=4)


def transcript(of: list[tuple[Word, ...]]) -> Transcript:
    segments = [Segment(i, i, i + 1, words, "en", tokens=(7,) * 3) for i, words in enumerate(of)]
    return Transcript(tuple(segments), "en", 101)


def deltas(said: Transcript) -> list[dict[str, object]]:
    spoken = [segment for segment in said.segments if segment.text]
    return [delta_event(each, first=i == 0, logprobs=True) for i, each in enumerate(spoken)]


@given(SEGMENTS)
def test_what_is_streamed_is_the_text(segments: list[tuple[Word, ...]]) -> None:
    said = transcript(segments)
    events = deltas(said)
    assert "".join(str(event["delta"]) for event in events) == said.text
    done = done_event(said, logprobs=True)
    assert done["text"] == said.text
    assert [entry for event in events for entry in event["logprobs"]] == done["logprobs"]
    assert "\n" not in to_json(done)


@given(SEGMENTS)
def test_logprobs_spell_the_text_in_bytes(segments: list[tuple[Word, ...]]) -> None:
    said = transcript(segments)
    entries = transcript_logprobs(said)
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode() == said.text
    assert all(math.log(1e-9) <= entry["logprob"] <= 0 for entry in entries)
    json.loads(to_json({"logprobs": entries}), parse_constant=pytest.fail)


def test_usage_counts_what_was_heard_and_written() -> None:
    said = transcript([(Word(" one", 0, 9, 0.5),), (Word(" two", 20, 29, 0.5),)])
    assert json.loads(transcription(said, Shape()))["usage"] == {
        "type": "duration",
        "seconds": 1.01,
    }
    assert done_event(said, logprobs=False)["usage"] == {
        "type": "tokens",
        "input_tokens": 51,
        "input_token_details": {"audio_tokens": 51},
        "output_tokens": 6,
        "total_tokens": 57,
    }


def test_a_translation_is_english_whatever_was_spoken() -> None:
    said = replace(transcript([(Word(" one", 0, 9, 0.5),)]), language="de", task="translate")
    answer = json.loads(translation(said, shape("verbose_json")))
    assert (answer["task"], answer["language"]) == ("translate", "english")
    assert answer["text"] == answer["segments"][0]["text"] == "one"
    assert json.loads(translation(said, shape("json"))) == {"text": "one"}
    assert translation(said, shape("text")) == "one"


def test_an_error_has_the_body_that_http_has() -> None:
    assert error_event(BadAudio("expected sound, got noise")) == {
        "type": "error",
        "error": {
            "message": "expected sound, got noise",
            "type": "invalid_request_error",
            "param": None,
            "code": "bad_audio",
        },
    }
    assert error_event(EngineFailed("it broke"))["error"]["type"] == "server_error"
    assert error_event(BadOption("task", "no"))["error"]["param"] == "task"


NAMES = st.one_of(st.sampled_from([*FORMATS, *Granularity, "logprobs"]), st.text(max_size=9))


@given(
    form=NAMES,
    granularities=st.lists(NAMES, max_size=3),
    include=st.lists(NAMES, max_size=2),
    stream=st.booleans(),
)
def test_any_form_has_a_shape_or_a_typed_error(
    form: str, granularities: list[str], include: list[str], stream: bool
) -> None:
    try:
        looks = shape(form, granularities, include, stream=stream)
    except BadOption as error:
        assert error.param in (
            "response_format",
            "timestamp_granularities[]",
            "include[]",
            "stream",
        )
        assert str(error).startswith("expected ")
    else:
        assert looks.form is FORMATS[form]
        assert looks.logprobs == bool(include)
        assert looks.granularities == (frozenset(granularities) or {Granularity.SEGMENT})
        assert looks.form is Format.VERBOSE_JSON or not granularities


def test_a_long_name_is_not_given_back_whole() -> None:
    with pytest.raises(BadOption) as told:
        shape("x" * 100_000)
    assert len(str(told.value)) < 200
