"""The released `deepgram-sdk`, unmodified, against the real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.plugins.auth.key_file import Key, KeyFile, digest
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

pytest.importorskip("deepgram")

# The SDK asks websockets for names that are deprecated there.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

SOUND = pcm_s16le(CLIP).data
RAW = {"model": "nova-3", "encoding": "linear16", "sample_rate": 16_000}
KEY = "sk-sotto-letmein"


@dataclass
class Session:
    """What the SDK handed to its listener."""

    messages: list[Any] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)

    @property
    def results(self) -> list[Any]:
        return [message for message in self.messages if message.type == "Results"]

    @property
    def finals(self) -> list[Any]:
        return [message for message in self.results if message.is_final]

    @property
    def text(self) -> str:
        told = [message.channel.alternatives[0].transcript for message in self.finals]
        return " ".join(filter(None, told))


def make_client(server: Served, kind: str = "DeepgramClient", **more: Any) -> Any:
    import deepgram
    from deepgram.environment import DeepgramClientEnvironment

    environment = DeepgramClientEnvironment(
        base=server.url,
        production=f"ws://{server.host}",
        agent=f"ws://{server.host}",
        agent_rest=server.url,
    )
    return getattr(deepgram, kind)(**{"api_key": KEY, "environment": environment} | more)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that asks for the key."""
    path: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    KeyFile(path).add(Key(name="one", sha256=digest(KEY)))
    flags = [Flag("--loopback", "auth.on_loopback", True), Flag("--keys", "auth.keys", str(path))]
    with serving(load(flags, environ={})) as served:
        yield served


def listen(client: Any, messages: list[bytes | str], **query: Any) -> Session:
    """Send sound and commands in order; everything up to the close."""
    from deepgram.core.events import EventType

    session = Session()
    with client.listen.v1.connect(**RAW | query) as connection:
        connection.on(EventType.MESSAGE, session.messages.append)
        connection.on(EventType.ERROR, session.errors.append)
        hearing = threading.Thread(target=connection.start_listening)
        hearing.start()
        with suppress(ConnectionClosed):  # where the server has enough of it first
            for message in messages:
                if isinstance(message, bytes):
                    connection.send_media(message)
                else:
                    getattr(connection, f"send_{message}")()
            connection.send_close_stream()
        hearing.join(60)
        assert not hearing.is_alive()
    return session


def cut(sound: bytes) -> list[bytes | str]:
    return [sound[at : at + 3_200] for at in range(0, len(sound), 3_200)]


def test_live_words_times_and_the_last_word(guarded: Served) -> None:
    session = listen(make_client(guarded), cut(SOUND), interim_results=True, smart_format=True)
    assert session.errors == []
    assert session.text == CLIP_TEXT
    words = [word for final in session.finals for word in final.channel.alternatives[0].words]
    assert [word.punctuated_word for word in words] == CLIP_TEXT.split()
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert words[-1].end == pytest.approx(6.2, abs=0.4)
    assert all(0 < word.confidence <= 1 for word in words)
    assert session.finals[-1].speech_final
    assert session.messages[-1].type == "Metadata"
    assert session.messages[-1].duration == pytest.approx(len(SOUND) / 32_000, abs=0.02)
    assert session.messages[-1].request_id == session.finals[0].metadata.request_id


def test_finalize_flushes_without_ending_the_stream(guarded: Served) -> None:
    first = SOUND[:24_000]  # in the middle of nowhere: its pause has not come yet
    messages = [first, "finalize", "keep_alive", *cut(SOUND[24_000:])]
    session = listen(make_client(guarded), messages)
    answers = [final for final in session.finals if final.from_finalize]
    assert [one.channel.alternatives[0].transcript for one in answers] == ["nine"]
    assert session.text == CLIP_TEXT
    assert session.messages[-1].type == "Metadata"


def test_events_are_of_the_sdks_own_types(guarded: Served) -> None:
    from deepgram.listen.v1.types import (
        ListenV1Metadata,
        ListenV1Results,
        ListenV1SpeechStarted,
        ListenV1UtteranceEnd,
    )

    session = listen(
        make_client(guarded),
        cut(SOUND + bytes(64_000)),
        interim_results=True,
        vad_events=True,
        utterance_end_ms=1_000,
        endpointing=300,
    )
    kinds = {type(message) for message in session.messages}
    assert kinds == {
        ListenV1Results,
        ListenV1SpeechStarted,
        ListenV1UtteranceEnd,
        ListenV1Metadata,
    }


async def test_the_asynchronous_client_too(guarded: Served) -> None:
    from deepgram.core.events import EventType

    session = Session()
    client = make_client(guarded, "AsyncDeepgramClient")
    async with client.listen.v1.connect(**RAW) as connection:
        connection.on(EventType.MESSAGE, session.messages.append)
        connection.on(EventType.ERROR, session.errors.append)
        hearing = asyncio.create_task(connection.start_listening())
        await connection.send_media(SOUND)
        await connection.send_close_stream()
        await asyncio.wait_for(hearing, 60)
    assert session.errors == []
    assert session.text == CLIP_TEXT
    assert session.messages[-1].type == "Metadata"


def test_a_fault_on_the_way_is_told_as_an_error(guarded: Served) -> None:
    session = listen(make_client(guarded), [SOUND], language="fr")
    (error,) = session.messages
    assert error.type == "Error"
    assert "expected a language of this model" in error.description


async def test_a_wrong_key_and_a_bad_option_are_refused_at_the_upgrade(guarded: Served) -> None:
    from deepgram.core.api_error import ApiError

    wrong = make_client(guarded, "AsyncDeepgramClient", api_key="sk-sotto-wrong")
    with pytest.raises(ApiError) as refused:
        async with wrong.listen.v1.connect(**RAW):
            pass
    assert refused.value.status_code == 401
    right = make_client(guarded, "AsyncDeepgramClient")
    with pytest.raises(ApiError) as refused:
        async with right.listen.v1.connect(**RAW | {"encoding": "mp7"}):
            pass
    assert refused.value.status_code == 400


@pytest.fixture
def http() -> Iterator[Any]:
    """The SDK closes none that it makes itself."""
    import httpx

    with httpx.Client(timeout=60) as client:
        yield client


def test_a_file(guarded: Served, http: Any) -> None:
    answer = make_client(guarded, httpx_client=http).listen.v1.media.transcribe_file(
        request=CLIP.read_bytes(), model="nova-3", smart_format=True, utterances=True
    )
    (channel,) = answer.results.channels
    (told,) = channel.alternatives
    assert told.transcript == CLIP_TEXT
    assert [word.word for word in told.words] == CLIP_TEXT.split()
    assert told.words[-1].end == pytest.approx(6.2, abs=0.4)
    assert told.paragraphs.paragraphs[0].sentences[0].text.startswith("nine")
    assert " ".join(one.transcript for one in answer.results.utterances) == CLIP_TEXT
    assert answer.metadata.created.tzinfo is not None
    assert answer.metadata.duration == pytest.approx(len(SOUND) / 32_000, abs=0.02)


def test_refusals_of_files_are_the_sdks_exceptions(guarded: Served, http: Any) -> None:
    from deepgram.core.api_error import ApiError
    from deepgram.errors import BadRequestError

    media = make_client(guarded, httpx_client=http).listen.v1.media
    wrong = make_client(guarded, httpx_client=http, api_key="sk-sotto-wrong").listen.v1.media
    with pytest.raises(BadRequestError) as refused:
        media.transcribe_url(url="https://example.org/a.wav", model="nova-3")
    assert refused.value.body["err_code"] == "Bad Request"
    assert "this server fetches nothing" in refused.value.body["err_msg"]
    with pytest.raises(BadRequestError) as refused:
        media.transcribe_file(request=b"no sound", model="nova-3")
    assert "expected audio" in refused.value.body["err_msg"]
    with pytest.raises(ApiError) as denied:
        wrong.transcribe_file(request=CLIP.read_bytes(), model="nova-3")
    assert denied.value.status_code == 401
