"""Whatever comes in, what goes out is an answer, or an error that the protocol's page lists."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sotto.audio.format import Encoding, PcmFormat, PcmReader, Samples
from sotto.errors import BadAudio, BadOption, ProtocolViolation, UnknownLanguage
from sotto.runtime.requests import StreamRequest
from sotto.transcript.languages import LANGUAGES, parse_language
from sotto.transcript.options import DecodeOptions, PolicyName, Task, one_of
from sotto.transports.stream import Config, parse_command, parse_config
from tests.listening import Heard, converse, listen
from tests.serving import Served, watched
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
CLOSES = {
    int(close): set(re.findall(r"`(\w+)`", codes))
    for close, codes in re.findall(r"^\| (\d{4}) \| (.+?) \|", PROTOCOL, re.MULTILINE)
}
"""Close code → error codes."""
EVENTS = set(re.findall(r"^\| `(\w+)` \| `", PROTOCOL, re.MULTILINE))

FAST = settings(deadline=None, max_examples=300)
SLOW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def no_traceback(server: Served) -> Iterator[None]:
    """Nothing is raised in the server that nobody foresaw."""
    with watched() as records:
        yield
    assert records == []


# ---- what a client may send as JSON

ANY_TEXT = st.text(st.characters(), max_size=30)  # with surrogates
HUGE = object()
"""An integer that the standard library neither reads nor writes."""
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, HUGE, 1e308, 5e-324]),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, ANY_TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(ANY_TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["auto", "nano", "", "whisper-1", "gigantic"]),
    "model_size": st.sampled_from([None, "nano", "tiny"]),
    "language": st.sampled_from([None, "", "en", "auto", "fr", "English", "xx"]),
    "languages": st.lists(st.sampled_from(["en", "auto", "de", "?"]), max_size=3),
    "task": st.sampled_from(["transcribe", "translate", "sing"]),
    "encoding": st.sampled_from([*Encoding, "webm", "ogg", "mp7"]),
    "sample_rate": st.sampled_from([16_000, 8_000, 44_100, 384_000, 4_000, 3_999, 0]),
    "channels": st.integers(-1, 33),
    "policy": st.sampled_from([*PolicyName, "hope"]),
    "partials": st.booleans(),
    "word_timestamps": st.booleans(),
    "use_context": st.booleans(),
    "chunk_duration": st.floats(0, 30),
    "overlap": st.floats(0, 3),
    "prompt": st.text(max_size=20),
    "hotwords": st.text(max_size=20),
    "beam_size": st.integers(0, 21),
}
CONFIGS = st.one_of(
    st.fixed_dictionaries({}, optional=LIKELY),
    st.fixed_dictionaries({}, optional=dict.fromkeys(LIKELY, JSON)),
    st.dictionaries(ANY_TEXT, JSON, max_size=3),
)


def dumped(value: Any, *, ascii_only: bool) -> str:
    """JSON of anything."""
    if isinstance(value, dict):
        rows = (
            f"{dumped(k, ascii_only=ascii_only)}:{dumped(v, ascii_only=ascii_only)}"
            for k, v in value.items()
        )
        return "{" + ",".join(rows) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumped(item, ascii_only=ascii_only) for item in value) + "]"
    if value is HUGE:
        return "9" * 4_400
    return json.dumps(value, ensure_ascii=ascii_only)


CONFIG_TEXTS = st.one_of(
    ANY_TEXT,
    st.builds(lambda value, a: dumped(value, ascii_only=a), CONFIGS, a=st.booleans()),
    st.builds(lambda value: dumped(value, ascii_only=True), JSON),
    st.builds(
        lambda a, b, n: a * n + b * n,
        st.sampled_from(["[", '{"model":', '{"languages":[', "[{}", "-", "9", " "]),
        st.sampled_from(["]", "}", ""]),
        st.integers(1, 20_000),
    ),
)


@FAST
@given(text=CONFIG_TEXTS)
@example('{"prompt": "\\ud800"}')
@example('{"beam_size": 0}')
@example('{"chunk_duration": -0.0, "overlap": 1e400}')
@example('{"model": "a", "model": "b"}')
@example("\ufeff{}")
@example("\x00")
def test_a_configuration_is_one_or_a_bad_option(text: str) -> None:
    try:
        config = parse_config(text)
        assert isinstance(config, Config)
        request = config.request(DecodeOptions())
    except BadOption as error:
        assert error.message
        json.dumps({"message": error.message, "param": error.param}).encode()
        return
    assert isinstance(request, StreamRequest)
    assert 1 <= request.decode.beam_size <= 20
    assert config.beam_size in (None, request.decode.beam_size)
    request.decode.prompt.encode()
    request.decode.hotwords.encode()
    request.model.encode()


@FAST
@given(
    text=st.one_of(
        CONFIG_TEXTS,
        st.builds(
            lambda kind: dumped({"type": kind}, ascii_only=True),
            st.one_of(JSON, st.sampled_from(["flush", "finish", "Flush"])),
        ),
    )
)
@example('{"type": ["flush"]}')
@example('{"type": {"flush": 1}}')
@example('{"type": "flush", "extra": 1}')
def test_a_command_is_one_or_a_violation(text: str) -> None:
    try:
        command = parse_command(text)
    except ProtocolViolation as error:
        assert "expected" in error.message
    else:
        assert command in ("flush", "finish")
        assert json.loads(text)["type"] == command


@FAST
@given(
    given_=st.one_of(
        st.none(),
        ANY_TEXT,
        st.sampled_from(sorted(LANGUAGES)),
        st.sampled_from(sorted(LANGUAGES.values())).map(str.upper),
    )
)
def test_a_language_is_a_code_or_unknown(given_: str | None) -> None:
    try:
        code = parse_language(given_)
    except UnknownLanguage as error:
        assert error.param == "language"
        error.message.encode()
    else:
        assert code is None or code in LANGUAGES
        assert parse_language(code) == code


@FAST
@given(name=st.one_of(ANY_TEXT, st.sampled_from([*Task, *PolicyName])))
def test_a_choice_is_one_or_a_bad_option(name: str) -> None:
    for kind in (Task, PolicyName):
        try:
            chosen = one_of(kind, "param", name)
        except BadOption as error:
            assert name not in tuple(kind)
            assert error.param == "param"
            error.message.encode()
        else:
            assert chosen == name


# ---- raw samples


def read(pcm: PcmFormat, data: bytes, cuts: list[int]) -> Samples | str:
    """The samples, or the first words of what is wrong with them."""
    reader = PcmReader(pcm)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    try:
        parts = [reader.receive(data[a:b]) for a, b in pairwise(edges)]
        reader.finish()
    except BadAudio as error:
        return error.message[:16]
    return np.concatenate(parts)


@FAST
@given(
    encoding=st.sampled_from(Encoding),
    channels=st.integers(1, 9),
    data=st.binary(max_size=400),
    cuts=st.lists(st.integers(0), max_size=9),
)
def test_samples_do_not_depend_on_the_cuts(
    encoding: Encoding, channels: int, data: bytes, cuts: list[int]
) -> None:
    pcm = PcmFormat(encoding, 16_000, channels)
    whole, cut = read(pcm, data, []), read(pcm, data, cuts)
    np.testing.assert_array_equal(cut, whole)


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_the_loudest_floats_stay_finite(channels: int) -> None:
    row = [3e38] * (channels - channels // 2) + [-3e38] * (channels // 2)
    for sign in (1, -1):
        samples = read(
            PcmFormat(Encoding.PCM_F32LE, 16_000, channels),
            np.array([row, [sign * 3e38] * channels], "<f4").tobytes(),
            [],
        )
        assert not isinstance(samples, str)
        assert np.isfinite(samples).all()


# ---- the whole socket

COMMANDS = st.sampled_from(['{"type": "flush"}', '{"type": "finish"}'])
SOUND = st.one_of(
    st.binary(max_size=300),
    st.integers(0, 8_000).map(bytes),
    st.sampled_from([CLIP.read_bytes()[:3_000], b"OggS" * 50, b"\x1aE\xdf\xa3" * 50]),
    st.integers(0, 100_000).map(lambda at: pcm_s16le(CLIP).data[at : at + 9_000]),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FIRST = st.one_of(
    CONFIGS.map(lambda value: dumped(value, ascii_only=True)),
    st.fixed_dictionaries({}, optional=LIKELY).map(json.dumps),
    st.just("{}"),
    TEXTS,
    SOUND,
)
MESSAGES = st.lists(st.one_of(SOUND, SOUND, COMMANDS, TEXTS), max_size=8)


def check_end(heard: Heard) -> None:
    """docs/protocol.md, "How it ends"."""
    assert {event["type"] for event in heard.events} <= EVENTS
    assert heard.close_code in CLOSES
    last = heard.events[-1]
    if heard.close_code == 1000:
        assert last["type"] == "closed"
        assert heard.of("error") == []
    else:
        assert last == heard.error
        assert heard.of("closed") == []
        assert last["code"] in CLOSES[heard.close_code]
        assert last["code"] != "server_error", last
        assert last["message"]
        assert last["retryable"] == ("retry_after" in last)
    finals = heard.of("final")
    assert [final["utterance"] for final in finals] == list(range(len(finals)))


@settings(SLOW, max_examples=150)
@given(first=FIRST, messages=MESSAGES)
def test_every_stream_ends_as_the_protocol_says(
    server: Served, first: str | bytes, messages: list[str | bytes]
) -> None:
    heard = asyncio.run(converse(server.stream, first, messages))
    check_end(heard)


def test_the_server_still_hears_after_that(server: Served) -> None:
    heard = asyncio.run(listen(server.stream, pcm_s16le(CLIP)))
    check_end(heard)
    assert heard.text == CLIP_TEXT
    assert (server.service.open_streams, server.service.open_files) == (0, 0)


# ---- forms

TOKENS = st.text("abcXYZ019'()+_,-./:=?", min_size=1, max_size=80)
NAMES = st.one_of(
    st.sampled_from([b"file", b"model", b"language", b"temperature", b"prompt", b""]),
    st.binary(max_size=20),
    st.integers(1, 100_000).map(lambda n: b"n" * n),
)
PARTS = st.builds(
    lambda name, extra, value: (
        b'Content-Disposition: form-data; name="%s"%s\r\n\r\n%s' % (name, extra, value)
    ),
    NAMES,
    st.sampled_from([b"", b'; filename="clip"', b"; filename*=utf-8''%ff", b"; filename="]),
    st.one_of(st.binary(max_size=200), st.integers(0, 3_000).map(lambda n: b"x" * n)),
)


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, bytes]:
    """A boundary and a body that may be cut, spoiled, or of another boundary. Never sound."""
    boundary = draw(TOKENS)
    edge = b"--" + draw(st.sampled_from([boundary, boundary, boundary, "another"])).encode()
    parts = draw(st.lists(PARTS, max_size=4)) * draw(st.sampled_from([1, 1, 1, 40]))
    body = b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts) + edge + b"--\r\n"
    if draw(st.booleans()):
        body = body[: draw(st.integers(0, len(body)))]
    if body and draw(st.booleans()):
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + draw(st.binary(max_size=5)) + body[at + 1 :]
    return boundary, draw(st.one_of(st.just(body), st.binary(max_size=300)))


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        yield client


# The form's parser leaves the file of a part that breaks off to the garbage collector.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@settings(SLOW, max_examples=200)
@given(
    form=forms(),
    path=st.sampled_from(["/v1/audio/transcriptions", "/v1/audio/translations", "/transcribe"]),
    charset=st.sampled_from(["", "; charset=utf-7", "; charset=undefined"]),
)
def test_every_form_without_sound_is_told_so(
    client: httpx2.Client, form: tuple[str, bytes], path: str, charset: str
) -> None:
    boundary, body = form
    kind = f'multipart/form-data; boundary="{boundary}"{charset}'
    check_refusal(client.post(path, content=body, headers={"Content-Type": kind}))


@settings(SLOW, max_examples=60)
@given(
    kind=st.one_of(
        st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "audio/wav"]),
        st.text('abc/;= "-', max_size=20),
    ),
    body=st.one_of(
        st.binary(max_size=200), st.sampled_from([b"file=x&model=nano", b"{}", b"&" * 999])
    ),
)
def test_every_other_body_is_told_so(client: httpx2.Client, kind: str, body: bytes) -> None:
    response = client.post(
        "/v1/audio/transcriptions", content=body, headers={"Content-Type": kind.strip()}
    )
    check_refusal(response)


def check_refusal(response: httpx2.Response) -> None:
    assert 400 <= response.status_code < 500, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert len(response.content) < 2_000


def test_the_server_still_takes_files_after_that(client: httpx2.Client) -> None:
    response = client.post("/v1/audio/transcriptions", files={"file": ("clip", CLIP.read_bytes())})
    assert response.json()["text"] == CLIP_TEXT
