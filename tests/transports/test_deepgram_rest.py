"""Deepgram's dialect for files, as its wire shows it."""

from __future__ import annotations

import hashlib
import logging
from contextlib import closing
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from tests.asking import connect, eventually, figures
from tests.serving import Served, serving, watched
from tests.speech import CLIP, CLIP_TEXT, encoded, pcm_s16le
from tests.transports.deepgram_client import RAW, spoken

PATH = "/v1/listen"
SOUND = pcm_s16le(CLIP).data


def listen(client: httpx2.Client, sound: bytes, **query: Any) -> dict[str, Any]:
    response = client.post(PATH, params=query, content=sound)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert response.headers["dg-request-id"] == answer["metadata"]["request_id"]
    return answer


def first(answer: dict[str, Any], channel: int = 0) -> dict[str, Any]:
    (alternative,) = answer["results"]["channels"][channel]["alternatives"]
    found: dict[str, Any] = alternative
    return found


def refused(response: httpx2.Response) -> str:
    body = response.json()
    assert set(body) == {"err_code", "err_msg", "request_id"}
    assert response.headers["dg-request-id"] == body["request_id"]
    text: str = body["err_msg"]
    return text


def test_a_file_becomes_words(client: httpx2.Client) -> None:
    answer = listen(client, CLIP.read_bytes(), model="nova-3")
    told = first(answer)
    assert told["transcript"] == CLIP_TEXT
    assert [word["punctuated_word"] for word in told["words"]] == CLIP_TEXT.split()
    assert all(0 < word["confidence"] <= 1 for word in told["words"])
    mean = sum(word["confidence"] for word in told["words"]) / len(told["words"])
    assert told["confidence"] == pytest.approx(mean, abs=1e-3)
    assert all(word["start"] <= word["end"] for word in told["words"])
    assert set(answer["results"]) == {"channels"}
    metadata = answer["metadata"]
    assert metadata["duration"] == pytest.approx(len(SOUND) / 32_000, abs=0.02)
    assert metadata["channels"] == 1
    assert metadata["sha256"] == hashlib.sha256(CLIP.read_bytes()).hexdigest()
    assert [metadata["model_info"][key]["name"] for key in metadata["models"]] == ["nano"]


def test_what_more_is_asked_for_is_laid_out(client: httpx2.Client) -> None:
    answer = listen(
        client,
        CLIP.read_bytes(),
        utterances="true",
        utt_split="0.3",
        paragraphs="true",
        detect_language="true",
    )
    (channel,) = answer["results"]["channels"]
    assert channel["detected_language"] == "en"
    assert 0 < channel["language_confidence"] <= 1
    utterances = answer["results"]["utterances"]
    assert " ".join(one["transcript"] for one in utterances) == CLIP_TEXT
    assert len(utterances) > 2
    assert all(one["words"][0]["start"] == one["start"] for one in utterances)
    paragraphs = first(answer)["paragraphs"]["paragraphs"]
    assert sum(one["num_words"] for one in paragraphs) == len(CLIP_TEXT.split())


def test_utterances_are_parted_where_the_client_says(client: httpx2.Client) -> None:
    answer = listen(client, CLIP.read_bytes(), utterances="true", utt_split="5")
    (utterance,) = answer["results"]["utterances"]
    assert utterance["transcript"] == CLIP_TEXT


@pytest.mark.parametrize(
    ("form", "codec", "rate"),
    [("webm", "libopus", 48_000), ("mp3", "libmp3lame", 16_000), ("wav", "pcm_s16le", 16_000)],
)
def test_any_container_will_do(client: httpx2.Client, form: str, codec: str, rate: int) -> None:
    sample_format = "s16p" if form == "mp3" else "s16"
    text = first(listen(client, encoded(form, codec, rate, sample_format)))["transcript"]
    assert text.split()[:2] == ["nine", "two"]
    assert text.split()[-1] == "one"


def test_raw_sound_will_do_too(client: httpx2.Client) -> None:
    assert first(listen(client, SOUND, **RAW))["transcript"] == CLIP_TEXT
    mulaw = encoded("mulaw", "pcm_mulaw", 8_000, "s16")
    answer = listen(client, mulaw, encoding="mulaw", sample_rate=8_000)
    assert first(answer)["transcript"].split()[-1] == "one"
    assert answer["metadata"]["duration"] == pytest.approx(len(SOUND) / 32_000, abs=0.02)


def test_channels_of_raw_sound_are_heard_each_on_its_own(client: httpx2.Client) -> None:
    sounds = [spoken("nine", "two", "five"), spoken("eight", "three", "one")]
    length = max(map(len, sounds))
    samples = [np.frombuffer(sound.ljust(length, b"\0"), "<i2") for sound in sounds]
    answer = listen(
        client,
        np.stack(samples, axis=1).tobytes(),
        **RAW,
        channels=2,
        multichannel="true",
        utterances="true",
    )
    assert answer["metadata"]["channels"] == 2
    assert first(answer, 0)["transcript"].startswith("nine two five")
    assert first(answer, 1)["transcript"].startswith("eight three one")
    assert {one["channel"] for one in answer["results"]["utterances"]} == {0, 1}


def test_a_body_with_no_length_will_do(client: httpx2.Client) -> None:
    pieces = (SOUND[at : at + 10_001] for at in range(0, len(SOUND), 10_001))
    response = client.post(PATH, params=RAW, content=pieces)
    assert first(response.json())["transcript"] == CLIP_TEXT


def test_nothing_is_fetched(client: httpx2.Client) -> None:
    for content in (b'{"url": "https://example.org/a.wav"}', b"nonsense"):
        response = client.post(
            PATH, content=content, headers={"Content-Type": "application/json; charset=utf-8"}
        )
        assert response.status_code == 400
        assert "this server fetches nothing" in refused(response)


@pytest.mark.parametrize(
    ("query", "sound", "status", "word"),
    [
        ({}, b"", 400, "empty"),
        ({}, b"no sound", 400, "expected audio"),
        (RAW, b"", 400, "empty"),
        ({"encoding": "linear16"}, SOUND, 400, "sample_rate"),
        ({"encoding": "mp7"}, SOUND, 400, "encoding"),
        ({"model": "gigantic"}, SOUND, 400, "gigantic"),
        ({"language": "klingon"}, SOUND, 400, "klingon"),
        ({"language": "fr"}, CLIP.read_bytes(), 400, "fr"),
        ({"multichannel": "true"}, CLIP.read_bytes(), 400, "multichannel"),
        ({**RAW, "channels": 2, "multichannel": "true"}, SOUND[:4_002], 400, "whole samples"),
        ({"callback": "https://example.org"}, SOUND, 400, "callback"),
        ({"redact": "pci"}, SOUND, 400, "redact"),
        ({"utt_split": "nan"}, SOUND, 400, "utt_split"),
        ({"utterances": "perhaps"}, SOUND, 400, "utterances"),
    ],
)
def test_a_refusal_is_told_in_deepgrams_words(
    client: httpx2.Client, query: dict[str, Any], sound: bytes, status: int, word: str
) -> None:
    response = client.post(PATH, params=query, content=sound)
    assert response.status_code == status
    assert "expected" in refused(response)
    assert word in response.json()["err_msg"]


def test_too_much_is_refused_while_it_comes_and_too_many_files_too() -> None:
    flags = [Flag("--max-upload", "server.max_upload_bytes", 50_000)]
    with (
        serving(load(flags, environ={})) as served,
        httpx2.Client(base_url=served.url, timeout=60) as client,
    ):
        response = client.post(PATH, params=RAW, content=iter([bytes(10_000)] * 6))
        assert response.status_code == 413
        assert "at most 50,000 bytes" in refused(response)
        served.service.draining = True
        response = client.post(PATH, params=RAW, content=SOUND[:40_000])
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
        assert response.json()["err_code"] == "Service Unavailable"
        served.service.draining = False


def test_an_uploader_that_vanishes_leaves_nothing(
    client: httpx2.Client, server: Served, tracebacks: list[logging.LogRecord]
) -> None:
    before = figures(client).get(("sotto_files_done_total",), 0.0)
    with closing(connect(server.host)) as wire:
        wire.sendall(b"POST /v1/listen HTTP/1.1\r\nHost: sotto\r\nContent-Length: 99999\r\n\r\n")
        wire.sendall(bytes(4_000))
    assert first(listen(client, CLIP.read_bytes()))["transcript"] == CLIP_TEXT
    eventually(lambda: server.service.open_files == 0)
    assert figures(client)["sotto_files_done_total",] == before + 1
    assert tracebacks == []


QUERIES = st.dictionaries(
    st.sampled_from(
        ["model", "encoding", "sample_rate", "channels", "multichannel", "utterances", "utt_split"]
    ),
    st.one_of(
        st.sampled_from(["true", "false", "linear16", "mulaw", "linear32", "8000", "2", "nova-3"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    query=QUERIES,
    body=st.one_of(
        st.binary(max_size=2_000),
        st.integers(0, 4_000).map(lambda at: CLIP.read_bytes()[at : at + 3_000]),
    ),
)
def test_every_request_is_answered_in_deepgrams_words(
    client: httpx2.Client, server: Served, query: dict[str, str], body: bytes
) -> None:
    with watched() as records:
        response = client.post(PATH, params=query, content=body)
    assert records == []
    if response.status_code == 200:
        assert set(response.json()) == {"metadata", "results"}
    else:
        assert response.status_code == 400
        assert len(refused(response)) < 1_000
