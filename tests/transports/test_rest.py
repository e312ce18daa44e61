"""Files over HTTP: every format of sound and of answer, and how much sound one file may hold."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import av
import httpx2
import numpy as np
import pytest

from sotto.app.build import build_service, running
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.runtime.requests import FileRequest
from sotto.transcript.options import Task
from sotto.transcript.words import Segment, Transcript, Word
from sotto.transports.forms import MAX_HOTWORDS, MAX_PROMPT
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, encoded, pcm_s16le

TRANSCRIPTIONS = "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"
MINUTES = 120


@pytest.fixture
def client(server: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        yield client


def post(
    client: httpx2.Client, path: str = TRANSCRIPTIONS, sound: bytes | None = None, **fields: Any
) -> httpx2.Response:
    """The clip, or other sound, with a form's fields."""
    data = CLIP.read_bytes() if sound is None else sound
    return client.post(path, files={"file": ("clip", data)}, data=fields)


def text_of(response: httpx2.Response) -> str:
    assert response.status_code == 200, response.text
    text: str = response.json()["text"]
    return text


def error_of(response: httpx2.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_json_is_the_plain_answer(client: httpx2.Client) -> None:
    response = post(client)
    assert response.headers["content-type"] == "application/json"
    usage = {"type": "duration", "seconds": 7.37}
    assert response.json() == {"text": CLIP_TEXT, "usage": usage}
    assert post(client, response_format="json").json() == response.json()


def test_text_is_the_words_alone(client: httpx2.Client) -> None:
    response = post(client, response_format="text")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.strip() == CLIP_TEXT


@pytest.mark.parametrize(
    ("form", "head", "point", "media_type"),
    [("srt", "1\n", ",", "application/x-subrip"), ("vtt", "WEBVTT\n\n", ".", "text/vtt")],
)
def test_captions_have_the_words_and_times_that_go_on(
    client: httpx2.Client, form: str, head: str, point: str, media_type: str
) -> None:
    response = post(client, response_format=form)
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.text.startswith(head)
    clock = rf"(\d\d):(\d\d):(\d\d)\{point}(\d\d\d)"
    lines = re.findall(rf"^{clock} --> {clock}\n(.+)\n\n", response.text, re.MULTILINE)
    assert " ".join(line[8] for line in lines) == CLIP_TEXT
    times = [at(*line[i : i + 4]) for line in lines for i in (0, 4)]
    assert times == sorted(times)
    assert 4_000 < times[-1] < 7_400


def at(hours: str, minutes: str, seconds: str, ms: str) -> int:
    """Milliseconds."""
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)


@pytest.mark.parametrize(
    ("granularities", "given"),
    [
        ([], {"segments"}),
        (["segment"], {"segments"}),
        (["word"], {"words"}),
        (["segment", "word"], {"segments", "words"}),
    ],
)
def test_verbose_json_has_what_granularities_ask_for(
    client: httpx2.Client, granularities: list[str], given: set[str]
) -> None:
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": granularities}
    answer = post(client, **fields).json()
    assert answer["text"] == CLIP_TEXT
    assert answer["task"] == "transcribe"
    assert answer["language"] == "english"
    assert answer["duration"] == pytest.approx(7.37, abs=0.02)
    assert answer["usage"] == {"type": "duration", "seconds": answer["duration"]}
    assert {"segments", "words"} & set(answer) == given
    if "segments" in given:
        segments = answer["segments"]
        assert [segment["id"] for segment in segments] == list(range(len(segments)))
        assert " ".join(segment["text"] for segment in segments) == CLIP_TEXT
    if "words" in given:
        words = answer["words"]
        assert [word["word"] for word in words] == CLIP_TEXT.split()
        assert all(0 <= word["start"] <= word["end"] <= answer["duration"] for word in words)
        assert all(a["end"] <= b["start"] for a, b in pairwise(words))


@pytest.mark.parametrize(
    "fields",
    [
        {"language": "en"},
        {"language": "en-US"},
        {"language": "English"},
        {"language": ""},
        {"language": "auto"},
        {"temperature": "0"},
        {"temperature": "0.0"},
        {"prompt": "Digits follow."},
        {"hotwords": "nine, two"},
        {"prompt": "é🎉" * MAX_PROMPT, "hotwords": "x" * MAX_HOTWORDS},
        {"model": "auto"},
        {"model": "nano"},
        {"model": "Nano"},
        {"model": "whisper-1"},
        {"model": "gpt-4o-transcribe-diarize"},
        {"model": "gpt-4o-mini-transcribe-2025-12-15"},
        {"languages[]": ["en-US", ""]},
        {"keywords[]": ["nine", "two"]},
        {"include[]": []},
        {"stream": "false"},
        {"chunking_strategy": "auto"},
        {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.5"},
        {"known_speaker_names[]": ["ann"], "known_speaker_references[]": ["data:audio/wav,"]},
        {"model": ""},
        {"response_format": ""},
        {"a field that nobody knows": "is let pass, as OpenAI's does"},
    ],
)
def test_options_are_taken(client: httpx2.Client, fields: dict[str, Any]) -> None:
    assert text_of(post(client, **fields)) == CLIP_TEXT


def test_a_temperature_is_told_back(client: httpx2.Client) -> None:
    answer = post(client, response_format="verbose_json", temperature="0.2").json()
    assert {segment["temperature"] for segment in answer["segments"]} == {0.2}


@pytest.mark.parametrize(
    ("form", "codec", "rate", "sample_format"),
    [
        ("wav", "pcm_s16le", 16_000, "s16"),
        ("wav", "pcm_f32le", 44_100, "flt"),
        ("mp3", "libmp3lame", 44_100, "fltp"),
        ("ogg", "libopus", 48_000, "s16"),
        ("webm", "libopus", 48_000, "s16"),
        ("mp4", "aac", 44_100, "fltp"),
    ],
)
def test_the_same_words_in_every_container(
    client: httpx2.Client, form: str, codec: str, rate: int, sample_format: str
) -> None:
    heard = text_of(post(client, sound=encoded(form, codec, rate, sample_format))).split()
    # Lossy codecs color what a model of digits alone hears; the ends are clear.
    assert heard[:2] == ["nine", "two"]
    assert heard[-1] == "one"
    if form == "wav":
        assert heard == CLIP_TEXT.split()


def test_a_truncated_file_gives_what_it_holds(client: httpx2.Client) -> None:
    data = CLIP.read_bytes()
    heard = text_of(post(client, sound=data[: len(data) // 2])).split()
    assert heard[:2] == ["nine", "two"]
    assert heard[-1] != "one"


def test_silence_gives_an_empty_text(client: httpx2.Client) -> None:
    answer = post(client, sound=silence(minutes=1), response_format="verbose_json").json()
    assert (answer["text"], answer["segments"], answer["duration"]) == ("", [], 60.0)


def test_a_model_that_cannot_translate_says_so(client: httpx2.Client) -> None:
    for response in (post(client, TRANSLATIONS), post(client, "/transcribe", task="translate")):
        assert response.status_code == 400
        error = error_of(response)
        assert error["message"].startswith("expected transcribe")
        assert (error["type"], error["param"], error["code"]) == (
            "invalid_request_error",
            "task",
            "bad_option",
        )


def test_a_translation_is_told_in_english() -> None:
    """By an engine that stands in for a checkpoint that translates: the one that ships does not."""
    said = Segment(0, 40, 120, (Word(" nine", 40, 80, 0.9), Word(" two", 90, 120, 0.9)), "de")
    asked: list[FileRequest] = []

    async def translate(file: BinaryIO, request: FileRequest, tell: object) -> Transcript:
        asked.append(request)
        return Transcript((said,), "de", 250, request.decode.task)

    service = build_service(load(environ={}))
    service.transcribe_file = translate  # type: ignore[method-assign]
    with (
        serving(load(environ={}), service) as served,
        httpx2.Client(base_url=served.url, timeout=60) as client,
    ):
        assert post(client, TRANSLATIONS).json() == {"text": "nine two"}
        assert post(client, TRANSLATIONS, response_format="text").text == "nine two"
        assert " --> " in post(client, TRANSLATIONS, response_format="srt").text
        verbose = {"response_format": "verbose_json", "language": "de", "prompt": "Zahlen."}
        answer = post(client, TRANSLATIONS, **verbose).json()
    assert (answer["task"], answer["language"]) == ("translate", "english")
    assert (answer["duration"], answer["text"]) == (2.5, "nine two")
    assert [segment["text"] for segment in answer["segments"]] == ["nine two"]
    assert "words" not in answer
    assert {request.decode.task for request in asked} == {Task.TRANSLATE}
    assert (asked[-1].decode.language, asked[-1].decode.prompt) == ("de", "Zahlen.")


def test_transcribe_takes_a_model_size(client: httpx2.Client) -> None:
    for size in ("auto", "nano"):
        answer = post(client, "/transcribe", model_size=size, language="en").json()
        assert answer["text"] == CLIP_TEXT
        assert answer["language"] == "en"
        assert answer["duration"] == pytest.approx(7.37, abs=0.02)
        assert " ".join(segment["text"] for segment in answer["segments"]) == CLIP_TEXT
        assert all(segment["start"] < segment["end"] for segment in answer["segments"])
    response = post(client, "/transcribe", model_size="gigantic")
    assert response.status_code == 404
    assert error_of(response)["code"] == "unknown_model"


def test_models_are_listed(client: httpx2.Client) -> None:
    answer = client.get("/v1/models").json()
    assert client.get("/v1/models/").json() == answer
    assert answer["object"] == "list"
    (nano,) = answer["data"]
    assert nano["id"] == "nano"
    assert nano["object"] == "model"
    assert nano["state"] == "ready"
    assert nano["error"] is None
    assert nano["languages"] == ["en"]
    assert nano["n_mels"] in (80, 128)


@pytest.mark.parametrize("name", ["nano", "NANO", "auto", "whisper-1", "gpt-4o-transcribe"])
def test_a_model_is_found_by_any_name_that_means_it(client: httpx2.Client, name: str) -> None:
    (nano,) = client.get("/v1/models").json()["data"]
    assert client.get(f"/v1/models/{name}").json() == nano


@pytest.mark.parametrize("name", ["gigantic", "someone/else", "someone%2Felse"])
def test_a_model_that_is_not_there_is_not_found(client: httpx2.Client, name: str) -> None:
    response = client.get(f"/v1/models/{name}")
    assert response.status_code == 404
    error = error_of(response)
    assert (error["param"], error["code"]) == ("model", "unknown_model")
    assert error["message"].endswith(f"got {name.replace('%2F', '/')!r}")


BAD_FIELDS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"model": "gigantic"}, 404, "model", "unknown_model"),
    ({"language": "klingon"}, 400, "language", "unknown_language"),
    ({"language": "fr"}, 400, "language", "unknown_language"),
    ({"response_format": "doc"}, 400, "response_format", "bad_option"),
    (
        {"timestamp_granularities[]": "letter"},
        400,
        "timestamp_granularities[]",
        "bad_option",
    ),
    ({"timestamp_granularities[]": "word"}, 400, "timestamp_granularities[]", "bad_option"),
    (
        {"timestamp_granularities[]": "segment", "response_format": "srt"},
        400,
        "timestamp_granularities[]",
        "bad_option",
    ),
    ({"include[]": "everything"}, 400, "include[]", "bad_option"),
    ({"include[]": "logprobs", "response_format": "text"}, 400, "include[]", "bad_option"),
    ({"stream": "perhaps"}, 400, "stream", "bad_option"),
    ({"stream": "true", "response_format": "srt"}, 400, "stream", "bad_option"),
    ({"response_format": "diarized_json"}, 400, "response_format", "bad_option"),
    ({"languages[]": ["en", "klingon"]}, 400, "language", "unknown_language"),
    ({"languages[]": ["en", "fr"]}, 400, "language", "unknown_language"),
    ({"keywords[]": ["x" * 100] * 12}, 400, "hotwords", "bad_option"),
    ({"temperature": "9"}, 400, "temperature", "bad_option"),
    ({"temperature": "nan"}, 400, "temperature", "bad_option"),
    ({"temperature": "1e999"}, 400, "temperature", "bad_option"),
    ({"temperature": "warm"}, 400, "temperature", "bad_option"),
    ({"hotwords": "x" * (MAX_HOTWORDS + 1)}, 400, "hotwords", "bad_option"),
]


@pytest.mark.parametrize(("fields", "status", "param", "code"), BAD_FIELDS)
def test_a_bad_field_is_told(
    client: httpx2.Client, fields: dict[str, Any], status: int, param: str, code: str
) -> None:
    response = post(client, **fields)
    error = error_of(response)
    assert response.status_code == status
    assert error["message"].startswith("expected ")
    assert error["type"] == "invalid_request_error"
    assert (error["param"], error["code"]) == (param, code)


def test_a_bad_response_format_names_openais(client: httpx2.Client) -> None:
    message = error_of(post(client, response_format="txt"))["message"]
    assert message == "expected one of json, text, srt, vtt, verbose_json, got 'txt'"


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape"])
@pytest.mark.parametrize("param", ["prompt", "hotwords"])
def test_half_a_character_is_no_text(client: httpx2.Client, charset: str, param: str) -> None:
    half = {"utf-7": b"+2AA-", "unicode_escape": rb"\ud800"}[charset]
    body = b"\r\n".join(
        [
            b'--b\r\nContent-Disposition: form-data; name="%s"\r\n' % param.encode(),
            half,
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="clip"\r\n',
            CLIP.read_bytes(),
            b"--b--\r\n",
        ]
    )
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    response = client.post(TRANSCRIPTIONS, content=body, headers={"Content-Type": kind})
    assert response.status_code == 400
    error = error_of(response)
    assert (error["param"], error["code"]) == (param, "bad_option")


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Dear Sir or Madam, " * 200, id="text"),
        pytest.param(bytes(10_000), id="zeros"),
        pytest.param(CLIP.read_bytes()[:60], id="a header alone"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(999), id="picture"),
    ],
)
@pytest.mark.parametrize("path", [TRANSCRIPTIONS, "/transcribe"])
def test_what_is_no_sound_is_told(client: httpx2.Client, path: str, sound: bytes) -> None:
    response = post(client, path, sound=sound)
    assert response.status_code == 400
    error = error_of(response)
    assert error["message"].startswith("expected ")
    assert (error["type"], error["param"], error["code"]) == (
        "invalid_request_error",
        None,
        "bad_audio",
    )


def silence(minutes: int) -> bytes:
    """A FLAC that unpacks to far more than itself."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        write_minutes(container, np.zeros(60 * 16_000, "<i2"), 16_000, minutes)
    return out.getvalue()


def write_minutes(container: Any, minute: Any, rate: int, times: int) -> None:
    """The same minute, again and again."""
    stream = container.add_stream("flac", rate=rate, layout="mono")
    for number in range(times):
        frame = av.AudioFrame.from_ndarray(minute[None], "s16", "mono")
        frame.sample_rate, frame.pts = rate, number * len(minute)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def test_a_file_may_hold_only_so_much_sound() -> None:
    flags = [Flag("--max-file", "server.max_file_seconds", 8)]
    bomb = silence(minutes=20)
    assert len(bomb) < 20 * 60 * 32_000 / 100
    with (
        serving(load(flags, environ={})) as served,
        httpx2.Client(base_url=served.url, timeout=60) as client,
    ):
        response = post(client, sound=bomb)
        assert response.status_code == 413
        error = error_of(response)
        assert error["code"] == "too_large"
        assert error["message"] == "expected at most 8 s of sound in one file, got more"
        registry = served.service.metrics.registry
        heard = registry.get_sample_value("sotto_audio_seconds_total", {"kind": "file"})
        assert heard is not None
        assert heard < 9
        assert served.service.open_files == 0
        assert text_of(post(client)) == CLIP_TEXT


def test_six_hours_is_the_limit_unless_it_is_said() -> None:
    assert build_service(load(environ={})).limits.max_file_seconds == 6 * 3600


def resident_memory() -> int:
    """Bytes that this process holds now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="this platform does not tell its memory so"
)
async def test_two_hours_in_little_memory_at_the_right_times(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    write_long_file(path)
    service = build_service(load(environ={}))
    async with running(service):
        await service.models.settled()
        await service.transcribe_file(CLIP, FileRequest())  # what is allocated once
        before, most = resident_memory(), 0

        def measure(_: object) -> None:
            nonlocal most
            most = max(most, resident_memory())

        transcript = await service.transcribe_file(path, FileRequest(), measure)
    words = transcript.words
    assert transcript.seconds == MINUTES * 60
    assert "".join(word.text for word in words).split() == CLIP_TEXT.split() * MINUTES
    assert all(a.start <= a.end <= b.start <= b.end for a, b in pairwise(words))
    count, minute = len(CLIP_TEXT.split()), 60 * 100
    # What the detector has heard before differs, and so may a cut, and times by a bit.
    for number in range(1, MINUTES):
        later = words[number * count : (number + 1) * count]
        for a, b in zip(words[:count], later, strict=True):
            assert abs(a.start - (b.start - number * minute)) <= 10, f"minute {number}"
            assert abs(a.end - (b.end - number * minute)) <= 10, f"minute {number}"
    assert most - before < 200 * 1024**2


def write_long_file(path: Path) -> None:
    """The clip one second into each minute, and silence around it."""
    pcm = pcm_s16le(CLIP)
    speech = np.frombuffer(pcm.data, "<i2")
    minute = np.zeros(60 * pcm.rate, "<i2")
    minute[pcm.rate : pcm.rate + len(speech)] = speech
    with av.open(str(path), "w") as container:
        write_minutes(container, minute, pcm.rate, MINUTES)
