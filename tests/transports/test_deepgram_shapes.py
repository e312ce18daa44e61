"""Deepgram's dialect without a socket: what holds whatever is asked for and whatever is heard."""

from __future__ import annotations

import io
import json
import re
import wave
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sotto.audio.format import Encoding, PcmFormat, PcmReader
from sotto.errors import BadAudio, BadOption, ProtocolViolation, SottoError, UnknownModel
from sotto.runtime.container import read_file
from sotto.runtime.requests import Container
from sotto.transcript.events import Committed, Event, Final, Partial, SpeechEnded, SpeechStarted
from sotto.transcript.options import DecodeOptions, PolicyName
from sotto.transcript.words import Segment, Transcript, Word, join
from sotto.transports.deepgram.errors import error_message, fault_of, refusal
from sotto.transports.deepgram.files import Layout, results
from sotto.transports.deepgram.results import About, Channel, Style, alternative
from sotto.transports.deepgram.shapes import Command, Query, parse_message, parse_query
from sotto.transports.deepgram.sound import Splitter, wav_header
from tests.transports.deepgram_client import check_results, transcript

FAST = settings(deadline=None, max_examples=300)
STORIES = settings(deadline=None, max_examples=80)
ANY_TEXT = st.text(st.characters(), max_size=30)  # with surrogates


# ---- what is asked for

OPTIONS: dict[str, st.SearchStrategy[str]] = {
    "model": st.sampled_from(["nova-3", "nano", "", "gigantic"]),
    "language": st.sampled_from(["en", "en-US", "multi", "xx", ""]),
    "detect_language": st.sampled_from(["true", "false", "en", "zz"]),
    "encoding": st.sampled_from(["linear16", "linear32", "mulaw", "alaw", "opus", "amr-nb", ""]),
    "sample_rate": st.sampled_from(["8000", "16000", "0", "-1", "9" * 30, "1e3", ""]),
    "channels": st.sampled_from(["1", "2", "32", "33", "x"]),
    "multichannel": st.sampled_from(["true", "false", "True", "2"]),
    "interim_results": st.sampled_from(["true", "false", ""]),
    "endpointing": st.sampled_from(["true", "False", "10", "10001", "-1", "٣", "1.5", "9" * 40]),
    "utterance_end_ms": st.sampled_from(["1000", "5000", "999", "5001", "a"]),
    "utt_split": st.sampled_from(["0.5", "nan", "inf", "-1", "1e9"]),
    "keyterm": st.text(max_size=20),
    "redact": st.sampled_from(["false", "pci"]),
}
QUERIES = st.lists(
    st.one_of(
        st.one_of([st.tuples(st.just(name), value) for name, value in OPTIONS.items()]),
        st.tuples(st.sampled_from([*OPTIONS, "other", "callback", ""]), ANY_TEXT),
    ),
    max_size=8,
)


@FAST
@given(items=QUERIES)
@example([("endpointing", "9" * 5_000)])
@example([("sample_rate", "9" * 5_000)])
@example([("encoding", "linear16"), ("sample_rate", "16000"), ("sample_rate", "x")])
@example([("keyterm", "\ud800")])
@example([("model", "x" * 100_000)])
def test_a_query_is_one_or_a_bad_option(items: list[tuple[str, str]]) -> None:
    try:
        query = parse_query(items)
        request = query.stream_request(DecodeOptions(), PolicyName.ALIGNATT)
    except BadOption as error:
        assert "expected" in error.message
        assert len(error.message) < 1_000
        json.dumps(refusal(error, "id")).encode()
        return
    assert request.pause is None or 0 <= request.pause <= 10
    assert request.stream.partials == query.interim_results
    assert query.utterance_end_ms is None or query.interim_results
    if isinstance(request.sound, PcmFormat):
        assert query.split is None or (request.sound.channels, query.split) == (1, query.sound)
    else:
        assert query.split is None
    request.decode.hotwords.encode()


def test_the_last_of_two_values_holds_and_the_unknown_is_ignored() -> None:
    query = parse_query([("channels", "1"), ("nonsense", "x"), ("channels", "2")])
    assert query == Query(channels=2)
    assert isinstance(query.sound, Container)


def test_terms_and_keywords_are_words_to_expect() -> None:
    query = parse_query([("keyterm", "Sotto"), ("keyterm", "Jigasi"), ("keywords", "Vosk:2")])
    assert query.decode(DecodeOptions()).hotwords == "Sotto, Jigasi, Vosk"


@pytest.mark.parametrize(
    ("items", "language", "candidates"),
    [
        ([], None, ()),
        ([("language", "en-US")], "en", ()),
        ([("language", "multi")], None, ()),
        ([("language", "en"), ("detect_language", "false")], "en", ()),
        ([("language", "en"), ("detect_language", "true")], None, ()),
        ([("detect_language", "en"), ("detect_language", "pt-BR")], None, ("en", "pt")),
    ],
)
def test_the_language_is_said_or_found_out(
    items: list[tuple[str, str]], language: str | None, candidates: tuple[str, ...]
) -> None:
    decode = parse_query(items).decode(DecodeOptions())
    assert (decode.language, decode.candidates) == (language, candidates)


@pytest.mark.parametrize(
    ("given_", "served", "wanted"),
    [
        ("nova-3", ["tiny"], ""),
        ("nova-2-phonecall", ["tiny"], ""),
        ("base", ["tiny"], ""),
        ("base", ["base"], "base"),
        ("whisper-large", ["tiny"], ""),
        ("tiny", ["tiny"], "tiny"),
        ("gigantic", ["tiny"], None),
        ("novaX", ["tiny"], None),
    ],
)
def test_deepgrams_models_mean_the_servers_own(
    given_: str, served: list[str], wanted: str | None
) -> None:
    def resolve(name: str) -> str:
        if name not in served:
            raise UnknownModel(name, served)
        return name

    if wanted is None:
        with pytest.raises(UnknownModel):
            Query(model=given_).model_of(resolve)
    else:
        assert Query(model=given_).model_of(resolve) == wanted


@FAST
@given(
    text=st.one_of(
        ANY_TEXT,
        st.builds(
            lambda kind, channel: json.dumps({"type": kind, "channel": channel}),
            st.one_of(st.sampled_from([*Command, "finalize"]), st.none(), st.integers()),
            st.one_of(st.none(), st.integers(-1, 3), st.booleans(), st.floats(), st.just([0])),
        ),
        st.integers(1, 100_000).map(lambda n: "[" * n),
    ),
    channels=st.integers(1, 3),
)
@example('{"type": ["Finalize"]}', 1)
@example('{"type": {"Finalize": 1}}', 1)
@example('{"type": "Finalize", "channel": ' + "9" * 5_000 + "}", 1)
def test_a_text_message_is_a_command_or_a_violation(text: str, channels: int) -> None:
    try:
        told = parse_message(text, channels)
    except ProtocolViolation as error:
        assert "expected" in error.message
        assert len(error.message) < 300
        json.dumps(error_message(error)).encode()
    else:
        assert json.loads(text)["type"] == told.command
        assert told.channel is None or 0 <= told.channel < channels


def errors() -> list[type[SottoError]]:
    found = [SottoError]
    for kind in found:
        found += kind.__subclasses__()
    return found


@pytest.mark.parametrize("kind", errors())
def test_every_error_has_a_name_in_the_dialect(kind: type[SottoError]) -> None:
    fault = fault_of(kind.__new__(kind))
    assert 400 <= fault.status < 600
    assert fault.code
    assert len(fault.reason) <= 123


# ---- what is heard


@st.composite
def heard(draw: st.DrawFn) -> tuple[list[Event], list[Word]]:
    """A session's events as they may come, and all words that are committed in it."""
    events: list[Event] = []
    everything: list[Word] = []
    at = 0
    for utterance in range(draw(st.integers(0, 4))):
        start = at + draw(st.integers(0, 300))
        at = start + draw(st.integers(0, 30))
        events.append(SpeechStarted(utterance, at))
        committed: list[Word] = []
        for _ in range(draw(st.integers(0, 6))):
            new, at = draw(some_words(at))
            if new:
                events.append(Committed(utterance, tuple(new)))
                committed += new
            shown, until = draw(some_words(at))
            if draw(st.booleans()):
                events.append(Partial(utterance, tuple(shown), until))
        last, at = draw(some_words(at))
        end = at + draw(st.integers(0, 20))
        events.append(SpeechEnded(utterance, at))
        if last:
            events.append(Committed(utterance, tuple(last)))
        committed += last
        events.append(Final(Segment(utterance, start, end, tuple(committed), "en")))
        everything += committed
        at = end
    return events, everything


@st.composite
def some_words(draw: st.DrawFn, at: int) -> tuple[list[Word], int]:
    words = []
    for _ in range(draw(st.integers(0, 4))):
        start = at + draw(st.integers(0, 60))
        at = start + draw(st.integers(0, 80))
        text = draw(st.sampled_from([" nine", " Two,", " five.", "-", " O'Neil"]))
        words.append(Word(text, start, at, draw(st.floats(0, 1))))
    return words, at


STYLES = st.builds(
    Style,
    interim=st.booleans(),
    endpoints=st.booleans(),
    speech_started=st.booleans(),
    utterance_end=st.sampled_from([None, 100, 500]),
)


def tell(channel: Channel, events: list[Event]) -> list[dict[str, Any]]:
    return [message for event in events for message in channel.receive(event)]


@STORIES
@given(said=heard(), style=STYLES)
def test_finals_hold_every_word_once_and_interims_what_follows(
    said: tuple[list[Event], list[Word]], style: Style
) -> None:
    events, everything = said
    messages = tell(Channel(0, 1, style, About("id", "nano")), events)
    told = [message for message in messages if message["type"] == "Results"]
    check_results(told)
    finals = [result for result in told if result["is_final"]]
    texts = " ".join(map(transcript, finals))
    assert texts.replace(" ", "") == join(everything).replace(" ", "")
    spans = [
        (word["start"], word["end"])
        for result in finals
        for word in result["channel"]["alternatives"][0]["words"]
    ]
    assert spans == [(word.start / 100, word.end / 100) for word in everything]
    assert all(style.interim for result in told if not result["is_final"])
    ends = sum(result["speech_final"] for result in told)
    assert ends == (sum(isinstance(event, Final) for event in events) if style.endpoints else 0)
    started = sum(message["type"] == "SpeechStarted" for message in messages)
    assert started == (sum(isinstance(e, SpeechStarted) for e in events) * style.speech_started)


@STORIES
@given(said=heard())
def test_an_utterance_with_words_ends_in_a_result_with_words(
    said: tuple[list[Event], list[Word]],
) -> None:
    channel = Channel(0, 1, Style(interim=True), About("id", "nano"))
    for event in said[0]:
        for message in channel.receive(event):
            if isinstance(event, Final):
                assert bool(transcript(message)) == bool(event.segment.words)


@STORIES
@given(said=heard())
def test_interims_grow_out_of_what_is_committed(said: tuple[list[Event], list[Word]]) -> None:
    """Each shows all that was committed and not yet told, and the partial's words."""
    channel = Channel(0, 1, Style(interim=True), About("id", "nano"))
    untold: list[Word] = []
    for event in said[0]:
        if isinstance(event, Committed):
            untold += event.words
        for message in channel.receive(event):
            shown = len(message["channel"]["alternatives"][0]["words"])
            if message["is_final"]:
                del untold[:shown]
            else:
                assert isinstance(event, Partial)
                assert transcript(message) == join([*untold, *event.words])
                assert shown == len(untold) + len(event.words)
    assert untold == []


def test_a_long_utterance_is_told_in_stretches() -> None:
    channel = Channel(0, 1, Style(), About("id", "nano"))
    told = []
    for number in range(20):
        word = Word(f" w{number}", 100 * number, 100 * number + 50, 1.0)
        told += tell(channel, [Committed(0, (word,)), Partial(0, (), 100 * number + 60)])
    assert len(told) > 3
    assert not any(result["speech_final"] for result in told)
    assert all(len(result["channel"]["alternatives"][0]["words"]) > 1 for result in told)


@STORIES
@given(said=heard(), flushes=st.sets(st.integers(0, 30)))
def test_each_finalize_is_answered_after_what_it_ended(
    said: tuple[list[Event], list[Word]], flushes: set[int]
) -> None:
    channel = Channel(0, 1, Style(), About("id", "nano"))
    begun = finals = 0
    due: set[int] = set()
    for number, event in enumerate(said[0]):
        begun += isinstance(event, SpeechStarted)
        messages = channel.receive(event)
        finals += isinstance(event, Final)
        answered = [m for m in messages if m.get("from_finalize")]
        assert len(answered) == (isinstance(event, Final) and finals in due)
        if number in flushes:
            is_awaited = channel.flushing(begun)
            assert is_awaited == (begun > finals)
            at_once = [] if is_awaited and number % 2 else channel.flushed(begun)
            assert len(at_once) == (begun == finals)
            assert all(one["from_finalize"] and not transcript(one) for one in at_once)
            due |= {begun} if begun > finals else set()


def test_the_end_of_an_utterance_is_told_once_and_in_silence_only() -> None:
    channel = Channel(1, 2, Style(interim=True, utterance_end=100), About("id", "nano"))
    assert channel.passed(1_000, 0) == []
    word = Word(" nine", 50, 70, 1.0)
    tell(channel, [SpeechStarted(0, 40), Committed(0, (word,))])
    assert channel.passed(1_000, 1) == []
    tell(channel, [Final(Segment(0, 30, 90, (word,), "en"))])
    assert channel.passed(169, 1) == []
    assert channel.passed(500, 2) == []
    assert channel.passed(170, 1) == [
        {"type": "UtteranceEnd", "channel": [1, 2], "last_word_end": 0.7}
    ]
    assert channel.passed(1_000, 1) == []


@pytest.mark.parametrize(
    ("text", "bare", "punctuated"),
    [
        (" Nine,", "nine", "Nine,"),
        ("“O'Neil”", "o'neil", "“O'Neil”"),
        (" -", "-", "-"),
        ("二。", "二", "二。"),
        ("", "", ""),
    ],
)
def test_a_word_comes_with_and_without_what_is_written_around_it(
    text: str, bare: str, punctuated: str
) -> None:
    (word,) = alternative([Word(text, 0, 1, 0.5)])["words"]
    assert (word["word"], word["punctuated_word"]) == (bare, punctuated)


# ---- files


@STORIES
@given(said=st.lists(heard(), min_size=1, max_size=3), gap=st.integers(0, 200))
def test_a_files_words_are_all_in_each_of_its_layouts(
    said: list[tuple[list[Event], list[Word]]], gap: int
) -> None:
    transcripts = [
        Transcript(tuple(e.segment for e in events if isinstance(e, Final)), "en", 10_000)
        for events, _ in said
    ]
    answer = results(transcripts, Layout(paragraphs=True, utterances=gap, language=True))
    for number, (channel, (_, everything)) in enumerate(zip(answer["channels"], said, strict=True)):
        (told,) = channel["alternatives"]
        assert [word["start"] for word in told["words"]] == [w.start / 100 for w in everything]
        assert sum(one["num_words"] for one in told["paragraphs"]["paragraphs"]) == len(everything)
        sentences = [
            one["text"] for part in told["paragraphs"]["paragraphs"] for one in part["sentences"]
        ]
        assert squeezed(*sentences) == squeezed(told["transcript"])
        mine = [one for one in answer["utterances"] if one["channel"] == number]
        assert squeezed(*(one["transcript"] for one in mine)) == squeezed(told["transcript"])
        assert all(b["start"] - a["end"] >= gap / 100 - 1e-9 for a, b in pairwise(mine))
    starts = [one["start"] for one in answer["utterances"]]
    assert starts == sorted(starts)


def squeezed(*texts: str) -> str:
    return re.sub(r"\s", "", "".join(texts))


# ---- raw sound


@FAST
@given(
    encoding=st.sampled_from(Encoding),
    channels=st.integers(1, 5),
    data=st.binary(max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=6),
)
def test_channels_come_apart_wherever_the_bytes_are_cut(
    encoding: Encoding, channels: int, data: bytes, cuts: list[int]
) -> None:
    pcm = PcmFormat(encoding, 8_000, channels)
    splitter, parts = Splitter(pcm), [b""] * channels
    edges = [0, *sorted(min(at, len(data)) for at in cuts), len(data)]
    for a, b in pairwise(edges):
        parts = [one + more for one, more in zip(parts, splitter.receive(data[a:b]), strict=True)]
    size = pcm.bytes_per_frame // channels
    for channel, part in enumerate(parts):
        whole = len(data) // (size * channels)
        wanted = [data[(n * channels + channel) * size :][:size] for n in range(whole)]
        assert part == b"".join(wanted)
    if len(data) % pcm.bytes_per_frame:
        with pytest.raises(BadAudio):
            splitter.finish()
    else:
        splitter.finish()


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_sound_with_a_header_is_a_file(encoding: Encoding, channels: int) -> None:
    pcm = PcmFormat(encoding, 16_000, channels)
    rng = np.random.default_rng(1)
    data = rng.uniform(-1, 1, 800).astype("<f4").tobytes()
    if encoding is not Encoding.PCM_F32LE:
        data = rng.integers(0, 256, 3_200, np.uint8).tobytes()
    (samples,) = read_file(io.BytesIO(wav_header(pcm) + data))
    np.testing.assert_allclose(samples, PcmReader(pcm).receive(data), atol=2e-3)


def test_the_header_is_what_the_standard_library_reads() -> None:
    pcm = PcmFormat(Encoding.PCM_S16LE, 44_100, 2)
    with wave.open(io.BytesIO(wav_header(pcm) + bytes(400))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (44_100, 2, 2)


def test_a_query_survives_being_written_into_an_address() -> None:
    items = [("keyterm", "a b"), ("language", "en-US"), ("interim_results", "True")]
    query = parse_query(parse_qsl(urlencode(items)))
    assert query.interim_results
    assert query.keyterm == ("a b",)
