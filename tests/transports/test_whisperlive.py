"""WhisperLive, as its Python client and its browser extensions speak and listen."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sotto.app.setting_sources import Flag
from sotto.errors import BadOption, EngineFailed, ModelNotReady, Overloaded
from sotto.transcript.events import Committed, Event, Final, Partial
from sotto.transcript.words import Segment, Word
from sotto.transports.whisperlive.dialect import Options, parse_options, refusal, uid_of
from sotto.transports.whisperlive.segments import MAX_LAST, Segments
from tests.serving import Served, guarded, watched
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

SOUND = pcm_s16le(CLIP).data
FLOATS = (np.frombuffer(SOUND, "<i2") / 32_768).astype("<f4").tobytes()
FRAME = 4_096 * 4
"""Bytes of each message of the Python client."""
END = b"END_OF_AUDIO"

RECORDED: dict[str, Any] = {
    "uid": "0a5b4f1e-6f6c-4c6c-9d5e-1f1f2b3c4d5e",
    "language": None,
    "task": "transcribe",
    "model": "small",
    "use_vad": True,
    "send_last_n_segments": 10,
    "no_speech_thresh": 0.45,
    "clip_audio": False,
    "same_output_threshold": 10,
    "enable_translation": False,
    "target_language": "fr",
    "hotwords": None,
    "enable_diarization": False,
    "max_speakers": 10,
    "word_timestamps": False,
    "initial_prompt": None,
    "vad_parameters": None,
}
"""The first message of the released Python client (0.10.0), unasked for anything."""
CHROME = {"uid": "c", "language": None, "task": "transcribe", "model": "tiny", "use_vad": True}
IOS = {
    "uid": "5F0E",
    "language": "en",
    "task": "transcribe",
    "model": "medium",
    "use_vad": True,
    "max_clients": 4,
    "max_connection_time": 600,
}


@dataclass
class Client:
    """What the Python client keeps of what it is told, by its own checks."""

    uid: str
    ready: bool = False
    backend: str = ""
    language: str | None = None
    statuses: list[dict[str, Any]] = field(default_factory=list)
    transcript: list[dict[str, Any]] = field(default_factory=list)
    last_incomplete: dict[str, Any] | None = None
    updates: list[list[dict[str, Any]]] = field(default_factory=list)
    languages: list[dict[str, Any]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    close_code: int | None = None

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        assert message["uid"] == self.uid, "the client drops messages for others"
        if "status" in message:
            self.order.append(message["status"])
            self.statuses.append(message)
        elif message.get("message") == "SERVER_READY":
            self.order.append("ready")
            self.ready, self.backend = True, message["backend"]
        elif "language" in message:
            self.order.append("language")
            self.languages.append(message)
        else:
            self.order.append("segments")
            self.hear(message["segments"])

    def hear(self, segments: list[dict[str, Any]]) -> None:
        assert segments[-1]["text"], "the client looks at the last one, unasked"
        self.updates.append(segments)
        seen: list[str] = []
        for number, segment in enumerate(segments):
            if seen and seen[-1] == segment["text"]:  # a bare text and a raw one
                continue
            seen.append(segment["text"].strip())
            if number == len(segments) - 1 and not segment["completed"]:
                self.last_incomplete = segment
            elif self.backend == "faster_whisper" and segment["completed"]:
                after = self.transcript[-1]["end"] if self.transcript else "0"
                if not self.transcript or float(segment["start"]) >= float(after):
                    self.transcript.append(segment)

    @property
    def text(self) -> str:
        return " ".join(segment["text"].strip() for segment in self.transcript)

    @property
    def subtitles(self) -> list[str]:
        """The lines of its SRT file."""
        lines = [segment["text"] for segment in self.transcript]
        last = self.last_incomplete
        if last is not None and (not lines or lines[-1] != last["text"]):
            lines.append(last["text"])
        return lines

    @property
    def error(self) -> str:
        (status,) = self.statuses
        assert status["status"] == "ERROR"
        return str(status["message"])


def check(client: Client) -> None:
    """What holds for every stream that ends well."""
    assert client.order[0] == "ready"
    assert client.backend == "faster_whisper"
    completed: dict[str, dict[str, Any]] = {}
    for segments in client.updates:
        assert all(segment["completed"] for segment in segments[:-1])
        for segment in segments:
            assert segment["text"].startswith(" ")
            assert segment["text"].strip()
            for side in ("start", "end"):
                assert re.fullmatch(r"\d+\.\d{3}", segment[side])
            assert float(segment["start"]) <= float(segment["end"])
            if segment["completed"]:
                assert completed.setdefault(segment["start"], segment) == segment
        for before, after in pairwise(segments):
            assert float(after["start"]) >= float(before["end"])


def frames(sound: bytes = FLOATS, size: int = FRAME) -> list[bytes]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


def url(server: Served) -> str:
    return f"ws://{server.host}/ws"


async def talk(
    server: Served, first: Any, messages: Iterable[str | bytes], end: str | bytes | None = END
) -> Client:
    """Wait for SERVER_READY, send sound, and take what comes until the server closes."""
    uid = first["uid"] if isinstance(first, dict) and "uid" in first else ""
    client = Client(uid)
    async with connect(url(server), max_size=None) as socket:
        await socket.send(first if isinstance(first, str | bytes) else json.dumps(first))
        try:
            while not client.ready:
                client.take(await socket.recv())
            sending = asyncio.create_task(send(socket, [*messages, *([end] if end else [])]))
            async for message in socket:
                client.take(message)
            await asyncio.gather(sending, return_exceptions=True)
        except ConnectionClosed:
            pass
        client.close_code = socket.close_code
    return client


async def send(socket: ClientConnection, messages: Iterable[str | bytes]) -> None:
    for message in messages:
        await socket.send(message)


# ---- a stream


@pytest.fixture(scope="module")
def heard(server: Served) -> Client:
    return asyncio.run(talk(server, RECORDED, frames()))


def test_the_python_client_hears_every_word_and_the_last(heard: Client) -> None:
    check(heard)
    assert heard.text == CLIP_TEXT
    assert heard.close_code == 1000
    assert heard.updates[-1][-1]["completed"]


def test_times_are_those_of_the_clip(heard: Client) -> None:
    assert float(heard.transcript[0]["start"]) < 0.8
    assert 5.5 < float(heard.transcript[-1]["end"]) < 7.4


def test_its_subtitles_hold_each_word_once(heard: Client) -> None:
    assert "".join(heard.subtitles).strip() == CLIP_TEXT


def test_the_language_is_told_once_where_it_was_not_named(heard: Client) -> None:
    (message,) = heard.languages
    assert message["language"] == "en"
    assert 0.5 < message["language_prob"] <= 1


@pytest.mark.parametrize("told", [{"language": "en"}, {"model": "small.en"}])
async def test_a_language_that_was_named_is_not_told(server: Served, told: dict[str, str]) -> None:
    client = await talk(server, RECORDED | told, frames())
    check(client)
    assert client.languages == []
    assert client.text == CLIP_TEXT


async def test_words_while_the_clip_still_plays(server: Served) -> None:
    client = Client(RECORDED["uid"])
    async with connect(url(server)) as socket:
        await socket.send(json.dumps(RECORDED))
        await send(socket, frames()[: len(frames()) // 2])
        while not client.updates:
            client.take(await socket.recv())
        assert not client.updates[0][-1]["completed"]
        assert client.updates[0][-1]["text"] == " nine"


@pytest.mark.parametrize("first", [CHROME, IOS, {}])
async def test_clients_that_say_less(server: Served, first: dict[str, Any]) -> None:
    client = await talk(server, first, frames())
    check(client)
    assert client.text == CLIP_TEXT


async def test_the_end_may_be_text(server: Served) -> None:
    client = await talk(server, IOS, frames(), end=END.decode())
    check(client)
    assert (client.text, client.close_code) == (CLIP_TEXT, 1000)


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("float32", FLOATS),
        ("int16", SOUND),
        ("uint8", (np.frombuffer(SOUND, "<i2") // 256 + 128).astype("u1").tobytes()),
    ],
)
async def test_sample_formats(server: Served, name: str, sound: bytes) -> None:
    odd = frames(sound, 4_099)  # samples are cut in the middle
    client = await talk(server, RECORDED | {"audio_format": name}, odd)
    check(client)
    assert client.text.split()[:2] == ["nine", "two"]
    assert client.text.split()[-1] == "one"


async def test_words_come_if_asked_for(server: Served, heard: Client) -> None:
    asked = await talk(server, RECORDED | {"word_timestamps": True}, frames())
    check(asked)
    assert all("words" not in segment for segment in heard.transcript)
    words = [word for segment in asked.transcript for word in segment["words"]]
    assert "".join(word["word"] for word in words).split() == CLIP_TEXT.split()
    for word in words:
        assert re.fullmatch(r"\d+\.\d{3}", word["start"])
        assert float(word["start"]) <= float(word["end"])
        assert 0 < word["probability"] <= 1


async def test_the_last_n_completed_segments_are_repeated(server: Served, heard: Client) -> None:
    client = await talk(server, RECORDED | {"send_last_n_segments": 1}, frames())
    check(client)
    assert client.text == CLIP_TEXT
    assert max(len(segments) for segments in client.updates) == 2
    assert len(heard.updates[-1]) == len(heard.transcript) > 2


async def test_what_was_said_last_is_committed_though_the_client_says_nothing(
    server: Served,
) -> None:
    client = Client(RECORDED["uid"])
    async with connect(url(server)) as socket:
        await socket.send(json.dumps(RECORDED))
        # Its last digit, cut before the pause that would end it.
        await send(socket, frames(FLOATS[: int(6.3 * 64_000)]))
        async with asyncio.timeout(10):
            while client.text != CLIP_TEXT:
                client.take(await socket.recv())
        await send(socket, [END])
        async for message in socket:
            client.take(message)
    check(client)
    assert client.text == CLIP_TEXT
    assert socket.close_code == 1000


async def test_silence_is_told_as_nothing(server: Served) -> None:
    client = await talk(server, RECORDED, [bytes(64_000)] * 5)
    assert client.updates == []
    assert client.languages == []
    assert client.close_code == 1000


async def test_what_is_not_offered_is_warned_of(server: Served) -> None:
    asked = {"enable_translation": True, "enable_diarization": True, "initial_prompt": "digits"}
    client = await talk(server, RECORDED | asked, [])
    assert client.order[0] == "ready"
    assert {status["status"] for status in client.statuses} == {"WARNING"}
    warnings = " ".join(status["message"] for status in client.statuses)
    for word in ("enable_translation", "enable_diarization", "prompt", "English digits"):
        assert word in warnings
    assert client.close_code == 1000


# ---- what goes wrong


@pytest.mark.parametrize(
    ("first", "close"),
    [
        ("no json", 1007),
        ("[]", 1007),
        ("[" * 100_000, 1007),
        ({"uid": "u", "task": "translate"}, 1007),
        ({"uid": "u", "task": "sing"}, 1007),
        ({"uid": "u", "language": "klingon"}, 1007),
        ({"uid": "u", "language": "fr"}, 1007),
        ({"uid": "u", "language": 7}, 1007),
        ({"uid": "u", "audio_format": "mp3"}, 1007),
        ({"uid": "u", "send_last_n_segments": "ten"}, 1007),
        ({"uid": "u", "hotwords": "x" * 1_001}, 1007),
        ({"uid": "u", "vad_parameters": {"threshold": 7}}, 1007),
        ({"uid": "u", "vad_parameters": {"min_silence_duration_ms": -1}}, 1007),
        (b"\x00\x00\x00\x00", 1002),
    ],
)
async def test_a_bad_beginning_is_told(server: Served, first: Any, close: int) -> None:
    client = await talk(server, first, [])
    assert not client.ready
    assert "expected" in client.error
    assert client.close_code == close


@pytest.mark.parametrize(
    ("message", "close"),
    [
        ("hello", 1002),
        ('{"uid": "u"}', 1002),
        (np.full(99, np.nan, "<f4").tobytes(), 1007),
    ],
)
async def test_a_bad_message_is_told(server: Served, message: str | bytes, close: int) -> None:
    client = await talk(server, IOS | {"language": "en"}, [message])
    errors = [status for status in client.statuses if status["status"] == "ERROR"]
    assert len(errors) == 1
    assert "expected" in errors[0]["message"]
    assert client.close_code == close


async def test_what_came_before_half_a_sample_is_told(server: Served) -> None:
    client = await talk(server, RECORDED, [FLOATS, b"\x00"])
    assert client.text == CLIP_TEXT
    assert "whole samples of 4 bytes" in client.statuses[-1]["message"]


# ---- who may, and how many


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server that asks for a key, with room for one stream; and a key."""
    folder: Path = tmp_path_factory.mktemp("keys")
    with guarded(folder, Flag("--max-sessions", "server.max_sessions", 1)) as (served, key):
        yield served, key


@pytest.mark.parametrize("query", ["", "?token=sk-sotto-wrong"])
async def test_who_has_no_key_is_refused_at_the_upgrade(
    full: tuple[Served, str], query: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url(full[0]) + query)
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("where", ["header", "query"])
async def test_who_has_a_key_is_let_in(full: tuple[Served, str], where: str) -> None:
    served, key = full
    headers = {"Authorization": f"Bearer {key}"} if where == "header" else {}
    query = f"?token={key}" if where == "query" else ""
    async with connect(url(served) + query, additional_headers=headers) as socket:
        await socket.send("{}")
        assert json.loads(await socket.recv())["message"] == "SERVER_READY"
        await socket.send(END)
        async for _ in socket:
            pass
    assert socket.close_code == 1000


async def test_one_too_many_is_told_to_wait_and_may_hang_up(full: tuple[Served, str]) -> None:
    served, key = full
    address = f"{url(served)}?token={key}"
    async with connect(address) as first:
        await first.send(json.dumps(RECORDED))
        await first.recv()
        async with connect(address) as polite, connect(address) as stubborn:
            for socket in (polite, stubborn):
                await socket.send('{"uid": "late"}')
                answer = json.loads(await socket.recv())
                assert answer == {"uid": "late", "status": "WAIT", "message": answer["message"]}
                assert isinstance(answer["message"], float)
                assert 0 < answer["message"] < 60
            await (await polite.ping())  # it has time to look at what it was told
            await polite.close()
            assert polite.close_code == 1000
            with pytest.raises(ConnectionClosed):
                await stubborn.recv()
            assert stubborn.close_code == 1013
        await first.send(END)


def test_only_what_may_pass_is_waited_for() -> None:
    for error in (Overloaded("full"), ModelNotReady("loading")):
        assert error.retry_after is not None
        told = refusal("u", error, ready=False)
        assert told == {"uid": "u", "status": "WAIT", "message": error.retry_after / 60}
        assert refusal("u", error, ready=True)["status"] == "ERROR"
    assert refusal("u", BadOption("task", "no"), ready=False)["status"] == "ERROR"
    assert refusal("u", EngineFailed("broke"), ready=True)["message"] == "broke"


# ---- segments of events


def word(text: str, start: int, end: int) -> Word:
    return Word(text, start, end, 0.9)


def told(segments: Segments, *events: Event) -> list[dict[str, Any]]:
    return [message for event in events for message in segments.receive(event)]


def final(number: int, *words: Word, probability: float = 0.9) -> Final:
    start, end = (words[0].start, words[-1].end) if words else (0, 0)
    return Final(Segment(number, start, end, words, "en", probability))


def test_a_partial_that_comes_to_nothing_leaves_no_segment() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    assert len(told(segments, Partial(0, (word(" eh", 0, 10),), 20))) == 1
    assert told(segments, final(0)) == []
    (shown,) = told(segments, Partial(1, (word(" two", 50, 60),), 70))
    assert [segment["text"] for segment in shown["segments"]] == [" two"]


def test_a_segment_is_seen_as_it_stays_before_it_is_complete() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    stays = (word(" two", 0, 40),)
    told(segments, Committed(0, stays), Partial(0, (word(" eight", 41, 60),), 70))
    before, after = told(segments, final(0, *stays))
    assert before["segments"][-1] | {"completed": True} == after["segments"][-1]


def test_the_client_keeps_neighbors_that_are_equal() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    client = Client("", backend="faster_whisper")
    for number in range(3):  # as a language without spaces has them
        for message in told(segments, final(number, word("二", number * 10, number * 10 + 9))):
            client.hear(message["segments"])
    assert client.text == "二 二 二"


def test_segments_never_overlap_though_words_do() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    told(segments, final(0, word(" one", 0, 100)))
    shown = told(segments, final(1, word(" two", 90, 95)))[-1]["segments"]
    assert [(one["start"], one["end"]) for one in shown] == [("0.000", "1.000"), ("1.000", "1.000")]


def test_a_language_that_is_not_sure_is_told_when_it_is() -> None:
    segments = Segments(last=10, with_words=False, detects=True)
    first = told(segments, final(0, word(" one", 0, 9), probability=0.5))
    later = told(segments, final(1, word(" two", 10, 19), probability=0.51))
    again = told(segments, final(2, word(" two", 20, 29), probability=0.9))
    assert [message for message in first + later + again if "language" in message] == [later[0]]


@pytest.mark.parametrize("last", [-3, 0, 1, MAX_LAST, 10**12])
def test_however_many_are_asked_for_messages_stay_small(last: int) -> None:
    segments = Segments(last=last, with_words=True, detects=False)
    for number in range(MAX_LAST + 5):
        shown = told(segments, final(number, word(" one", number * 10, number * 10 + 9)))
    assert len(shown[-1]["segments"]) == min(max(last, 1), MAX_LAST)


# ---- whatever comes

FAST = settings(deadline=None, max_examples=200)
SLOW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "uid": st.text(max_size=9),
    "language": st.sampled_from([None, "", "en", "auto", "fr", "xx"]),
    "task": st.sampled_from([None, "transcribe", "translate", "sing"]),
    "model": st.sampled_from([None, "small", "nano", "tiny.en", ""]),
    "audio_format": st.sampled_from([None, "float32", "int16", "uint8", "?"]),
    "send_last_n_segments": st.integers(),
    "word_timestamps": st.booleans(),
    "vad_parameters": st.one_of(st.none(), st.fixed_dictionaries({"threshold": st.floats(0, 1)})),
}
FIRST = st.one_of(
    st.fixed_dictionaries({}, optional=LIKELY),
    st.fixed_dictionaries({}, optional=dict.fromkeys(LIKELY, ANYTHING)),
    ANYTHING,
).map(json.dumps)


@FAST
@given(text=st.one_of(FIRST, st.text(max_size=30)))
@example('{"uid": "\\ud800"}')
@example('{"send_last_n_segments": %s}' % ("9" * 4_400))
@example('{"uid":' * 9_999)
@example("\x00")
def test_options_are_some_or_a_bad_option(text: str) -> None:
    uid = uid_of(text)
    assert len(uid) <= 200
    try:
        options = parse_options(text)
    except BadOption as error:
        assert error.message.startswith("expected")
        assert len(error.message) < 500
    else:
        assert isinstance(options, Options)
        assert options.uid == uid


SAMPLES = st.sampled_from([END, FLOATS[:9_000], FLOATS[80_000:160_000]])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@pytest.fixture
def no_traceback(server: Served) -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []


@SLOW
@given(
    first=st.one_of(FIRST, st.binary(max_size=30)),
    messages=st.one_of(
        st.lists(st.one_of(SAMPLES, st.binary(max_size=300)), max_size=6),
        st.lists(st.one_of(SAMPLES, TEXTS), max_size=6),
    ),
)
def test_every_stream_ends_in_words(
    server: Served, no_traceback: None, first: str | bytes, messages: list[str | bytes]
) -> None:
    async def run() -> tuple[list[dict[str, Any]], int | None]:
        answers = []
        async with connect(url(server), max_size=None) as socket:
            sending = asyncio.create_task(send(socket, [first, *messages, END]))
            try:
                async for message in socket:
                    answers.append(json.loads(message))
            except ConnectionClosed:
                pass
            await asyncio.gather(sending, return_exceptions=True)
            return answers, socket.close_code

    answers, close_code = asyncio.run(run())
    errors = [answer for answer in answers if answer.get("status") == "ERROR"]
    if close_code == 1000:
        assert errors == []
        assert answers[0]["message"] == "SERVER_READY"
    else:
        assert close_code in (1002, 1007)
        assert errors == answers[-1:]
        assert "expected" in errors[0]["message"]
    assert all(answer.get("segments", [1]) for answer in answers)
