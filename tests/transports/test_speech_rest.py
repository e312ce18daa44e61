"""A text spoken over HTTP: its formats, how it is streamed, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest

from sotto.app.settings import load
from sotto.audio.format import SAMPLE_RATE
from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.interfaces.synthesizer import Phrase
from sotto.runtime.container import read_file
from sotto.runtime.encoding import FileFormat
from sotto.testing.talking import ScriptedChat, ToneVoice
from sotto.transports.openai.speech import MAX_BODY, MAX_INPUT
from tests.asking import error_of, eventually
from tests.serving import Served, serving, watched

SPEECH = "/v1/audio/speech"
TEXT = "One, two, three and four. Five."
BREAKS = "breaks here"


@dataclass
class Speaking:
    """A server, and the voice that it has."""

    served: Served
    tone: ToneVoice
    slow: ToneVoice
    """Speaks French, a piece at a time as it is let."""

    def release(self, pieces: int) -> None:
        self.served.loop.call_soon_threadsafe(self.slow.release, pieces)

    def is_quiet(self) -> bool:
        return self.slow.open == self.tone.open == self.served.service.open_files == 0


@pytest.fixture(scope="module")
def speaking() -> Iterator[Speaking]:
    tone = ToneVoice(["en", "es", "zh", "ja"], breaks_at=BREAKS)
    slow = ToneVoice(["fr"], by_hand=True, name="slow")
    partner = Partner(ScriptedChat(["Yes."]), Voices([tone, slow]))
    slow.release(2)  # for the word with which the server warms it up
    with serving(load(environ={}), partner=partner) as served:
        yield Speaking(served, tone, slow)


@pytest.fixture
def client(speaking: Speaking) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=speaking.served.url, timeout=60) as client:
        yield client


@pytest.fixture(autouse=True)
def no_traceback(speaking: Speaking) -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []
    eventually(speaking.is_quiet)


def post(client: httpx2.Client, **said: Any) -> httpx2.Response:
    return client.post(SPEECH, json={"model": "tts-1", "input": TEXT, "voice": "alloy"} | said)


def seconds_of(response: httpx2.Response, form: FileFormat) -> float:
    assert response.status_code == 200, response.text
    if form is FileFormat.PCM:
        return len(response.content) / 2 / OUTPUT_RATE
    pieces = read_file(io.BytesIO(response.content))
    return sum(map(len, pieces)) / SAMPLE_RATE


@pytest.mark.parametrize(
    ("form", "media"),
    [
        ("mp3", "audio/mpeg"),
        ("opus", "audio/ogg"),
        ("aac", "audio/aac"),
        ("flac", "audio/flac"),
        ("wav", "audio/wav"),
        ("pcm", "audio/pcm"),
    ],
)
def test_every_format_holds_all_that_was_said(
    speaking: Speaking, client: httpx2.Client, form: FileFormat, media: str
) -> None:
    spoken = len(speaking.tone.spoken)
    response = post(client, response_format=form)
    assert response.headers["content-type"] == media
    phrases = speaking.tone.spoken[spoken:]
    assert " ".join(phrase.text for phrase in phrases) == TEXT
    expected = sum(speaking.tone.length(phrase.text) for phrase in phrases) / OUTPUT_RATE
    assert seconds_of(response, FileFormat(form)) == pytest.approx(expected, abs=0.15)


def test_mp3_is_what_comes_unless_one_says_otherwise(client: httpx2.Client) -> None:
    assert post(client).headers["content-type"] == "audio/mpeg"


def test_a_text_is_spoken_phrase_by_phrase_as_it_is_written(
    speaking: Speaking, client: httpx2.Client
) -> None:
    def phrases(**said: Any) -> list[Phrase]:
        before = len(speaking.tone.spoken)
        assert post(client, **said).status_code == 200
        return speaking.tone.spoken[before:]

    told = phrases(input="Good morning to you. **How** are you?", voice={"id": "tone-high"})
    assert [phrase.text for phrase in told] == ["Good morning to you.", "How are you?"]
    assert {(phrase.language, phrase.voice) for phrase in told} == {("en", "tone-high")}
    assert {phrase.language for phrase in phrases(input="你好，世界。")} == {"zh"}
    assert {phrase.language for phrase in phrases(input="こんにちは。")} == {"ja"}
    (spanish,) = phrases(input="Hola.", language="es-MX", speed=2)
    assert (spanish.language, spanish.speed) == ("es", 2.0)


def test_it_is_heard_while_it_is_made(speaking: Speaking, client: httpx2.Client) -> None:
    wanted = {"input": "Un deux.", "language": "fr", "response_format": "pcm"}  # 0.4 s
    speaking.release(1)
    with client.stream("POST", SPEECH, json=wanted) as response:
        pieces = response.iter_raw()
        assert len(next(pieces)) == 2 * OUTPUT_RATE // 10
        assert speaking.slow.open == 1
        speaking.release(3)
        assert sum(map(len, pieces)) == 3 * 2 * OUTPUT_RATE // 10


@pytest.mark.parametrize("form", ["audio", "sse"])
@pytest.mark.parametrize("heard", [0, 1])
def test_a_client_that_hangs_up_is_spoken_to_no_more(
    speaking: Speaking, form: str, heard: int
) -> None:
    said = {"input": "Un deux trois quatre.", "language": "fr", "stream_format": form}
    body = json.dumps(said | {"response_format": "pcm"}).encode()
    host, port = speaking.served.host.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as wire:
        wire.sendall(
            f"POST {SPEECH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
            "\r\n".encode()
            + body
        )
        speaking.release(heard)
        if heard:
            assert wire.recv(100).startswith(b"HTTP/1.1 200")
        eventually(lambda: speaking.slow.open == 1)
    eventually(speaking.is_quiet)


def test_server_sent_events_carry_the_same_bytes(client: httpx2.Client) -> None:
    plain = post(client, response_format="pcm").content
    response = post(client, response_format="pcm", stream_format="sse")
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.split("\n\n") if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == plain
    assert events[-1]["type"] == "speech.audio.done"
    assert set(events[-1]["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}


def test_what_breaks_midway_is_seen_by_who_listens(client: httpx2.Client) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        post(client, input=BREAKS, response_format="pcm")
    told = post(client, input=BREAKS, response_format="pcm", stream_format="sse").text
    *_, last = [line for line in told.split("\n\n") if line]
    assert last.startswith("event: error\ndata: ")
    assert json.loads(last.split("data: ")[1])["error"]["code"] == "voice_unavailable"


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": " \n"}, "input"),
        ({"input": "x" * (MAX_INPUT + 1)}, "input"),
        ({"input": 5}, "input"),
        ({"input": None}, "input"),
        ({"voice": 5}, "voice"),
        ({"voice": {"name": "x"}}, "voice"),
        ({"voice": "x" * 301}, "voice"),
        ({"speed": 0.2}, "speed"),
        ({"speed": 4.1}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"response_format": "doc"}, "response_format"),
        ({"stream_format": "x"}, "stream_format"),
        ({"language": "xx"}, "language"),
        ({"language": "de"}, "language"),
    ],
)
def test_what_cannot_be_spoken_is_refused(
    client: httpx2.Client, said: dict[str, Any], param: str
) -> None:
    response = post(client, **said)
    assert response.status_code == 400
    error = error_of(response)
    assert error["param"] == param
    assert error["message"].startswith("expected ")
    assert len(error["message"]) < 500


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"speed": NaN}', b"[" * 9_999, b"\xff"])
def test_what_is_no_request_is_refused(client: httpx2.Client, body: bytes) -> None:
    response = client.post(SPEECH, content=body)
    assert response.status_code == 400
    assert error_of(response)["message"].startswith("expected ")


def test_a_body_without_end_is_refused(client: httpx2.Client) -> None:
    response = client.post(SPEECH, content=b" " * (MAX_BODY + 1))
    assert response.status_code == 413


def test_a_language_that_nothing_speaks_is_told(client: httpx2.Client) -> None:
    response = post(client, input="Здравствуйте.")
    assert response.status_code == 501
    assert error_of(response)["code"] == "voice_unavailable"


def test_nothing_to_say_is_an_empty_file(client: httpx2.Client) -> None:
    response = post(client, input="*** --- 😀", response_format="pcm")
    assert (response.status_code, response.content) == (200, b"")


def test_one_too_many_is_told_so(speaking: Speaking, client: httpx2.Client) -> None:
    service = speaking.served.service
    limits = service.limits
    service.limits = replace(limits, max_files=0)
    try:
        response = post(client)
    finally:
        service.limits = limits
    assert response.status_code == 503
    assert error_of(response)["code"] == "overloaded"


def test_voices_are_listed(client: httpx2.Client) -> None:
    told = client.get("/v1/audio/voices").json()
    assert told["languages"] == ["en", "es", "fr", "ja", "zh"]
    low = {"id": "tone-low", "name": "tone-low", "languages": ["en", "es", "ja", "zh"]}
    assert told["voices"][0] == low
    assert [voice["id"] for voice in told["voices"]] == [
        "tone-low", "tone-high", "slow-low", "slow-high",
    ]  # fmt: skip


def test_a_server_without_a_voice_says_so() -> None:
    silent = Partner(ScriptedChat(["Yes."]), Voices([]))
    with serving(load(environ={}), partner=silent) as served:
        for response in (
            httpx2.post(served.url + SPEECH, json={"input": "Hello."}, timeout=60),
            httpx2.get(served.url + "/v1/audio/voices", timeout=60),
        ):
            assert response.status_code == 501
            assert error_of(response)["code"] == "voice_unavailable"


def test_what_is_spoken_is_heard_again(server: Served) -> None:
    """The server as it comes: espeak's digits, by the checkpoint that ships."""
    pytest.importorskip("espeakng_loader", reason="needs pip install 'sotto[talk]'")
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        for form in FileFormat:
            if form is FileFormat.PCM:
                continue
            sound = post(client, input="nine two five", response_format=form).content
            files = {"file": (f"said.{form}", sound)}
            heard = client.post("/v1/audio/transcriptions", files=files).json()["text"]
            assert heard == "nine two five", form
