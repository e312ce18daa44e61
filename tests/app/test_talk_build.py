"""Who answers in conversations: from settings, through warm-up, to the end."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sotto.app.build import build_service
from sotto.app.registry import PLUGINS
from sotto.app.settings import Settings, effective, load
from sotto.app.talk import build_chat, build_partner, build_synthesizers, talking
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.errors import BadOption
from sotto.runtime.service import Service
from sotto.testing.talking import ScriptedChat, ToneVoice
from tests.chat_server import ChatServer, Fails
from tests.serving import Served

KEY = "sk-never-to-be-seen"
PATIENCE = 6_000
"""Hundredths of a second."""


def settings(**said: str) -> Settings:
    return load(environ={f"SOTTO_{name}": value for name, value in said.items()})


def partner_of(given: Settings) -> Partner | None:
    return build_partner(given, build_service(given))


def test_nobody_is_asked_where_nothing_is_set() -> None:
    partner = partner_of(settings())
    assert partner is not None
    assert (partner.chat.name, partner.voices.names[0]) == ("parrot", "espeak")
    assert {"en", "es", "fr", "zh", "ja"} <= partner.voices.languages


def test_what_is_set_is_how_answers_are_given() -> None:
    partner = partner_of(
        settings(
            TALK__INSTRUCTIONS="Be brief.",
            TALK__LANGUAGE="es",
            TALK__BUDGET="500",
            VOICE__NAME="deep",
            VOICE__SPEED="1.5",
        )
    )
    assert partner is not None
    manner = partner.manner
    assert (manner.instructions, manner.language) == ("Be brief.", "es")
    assert (manner.voice, manner.speed, partner.budget) == ("deep", 1.5, 500)


def test_a_server_that_never_speaks_has_nobody_to_answer() -> None:
    assert partner_of(settings(SERVER__MODULES="stream,deepgram")) is None
    assert partner_of(settings(SERVER__AUDIO_TRANSPORTS="false")) is None
    assert partner_of(settings(SERVER__MODULES="stream", PORTS__WYOMING="0")) is not None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"TALK__LLM": "openai"}, "expected talk.url where openai answers, got none"),
        ({"TALK__LLM": "oracle"}, "expected one of openai, parrot, got 'oracle'"),
        ({"VOICE__ENGINES": "kokoro"}, "expected voice.kokoro_model for an engine"),
        ({"VOICE__ENGINES": "sherpa"}, "expected voice.sherpa for an engine"),
        ({"VOICE__ENGINES": "espeak,openai"}, "expected voice.url for an engine"),
        (
            {"VOICE__ENGINES": "choir"},
            "expected one of espeak, kokoro, openai, sherpa, got 'choir'",
        ),
    ],
)
def test_what_is_set_by_half_is_said_in_a_sentence(said: dict[str, str], why: str) -> None:
    with pytest.raises(BadOption, match=why):
        partner_of(settings(**said))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TALK__URL", "localhost:11434/v1"),
        ("TALK__URL", "http://me:secret@host/v1"),
        ("TALK__LANGUAGE", "klingon"),
        ("VOICE__SPEED", "9"),
        ("VOICE__URL", "ftp://host"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadOption, match=r"expected (talk|voice)\."):
        settings(**{name: value})


def test_a_judge_of_pauses_is_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    standin = Path(__file__).parents[1] / "data" / "turn_standin.onnx"
    partner = partner_of(settings(TALK__SMART_TURN=str(standin)))
    assert partner is not None and partner.turns is not None
    assert 0 <= partner.turns.judge(np.zeros((100, partner.turns.n_mels), np.float32)) <= 1
    for broken in (tmp_path / "none.onnx", Path(__file__)):
        with pytest.raises(BadOption, match="expected a turn detector in"):
            partner_of(settings(TALK__SMART_TURN=str(broken)))


def test_secrets_are_not_shown() -> None:
    given = settings(
        TALK__KEY=KEY, VOICE__KEY=KEY, WEBRTC__ICE_SERVERS=f"stun:a:1,turn:me:{KEY}@b:2"
    )
    assert KEY not in json.dumps([value for _, value, _ in effective(given)])
    assert given.webrtc.ice_servers == ("stun:a:1", f"turn:me:{KEY}@b:2")


def test_without_a_voice_the_command_is_named_that_brings_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(PLUGINS["tts"], "espeak", "sotto.plugins.tts.missing:Espeak")
    assert build_synthesizers(settings().voice) == []
    assert "pip install 'sotto[talk]'" in caplog.text


def test_a_model_without_its_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLUGINS["llm"], "openai", "sotto.plugins.llm.missing:Chat")
    with pytest.raises(BadOption, match=r"pip install 'sotto\[talk\]'"):
        build_chat(settings(TALK__URL="http://localhost:1/v1").talk)


def service_of() -> Service:
    return build_service(load(environ={}))


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(PATIENCE):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("expected it to happen")


async def tried(service: Service) -> None:
    """Wait until all was asked once."""
    await until(lambda: not service.warming)


async def test_all_is_asked_once_at_start_and_the_log_says_how_long_it_took(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with ChatServer() as chat:
        given = settings(TALK__URL=chat.url, TALK__KEY=KEY)
        service = build_service(given)
        partner = build_partner(given, service)
        assert partner is not None
        async with talking(partner, service, 30.0):
            assert service.warming
            await tried(service)
    assert partner.is_ready
    assert [asked.headers["authorization"] for asked in chat.asked] == [f"Bearer {KEY}"]
    assert chat.asked[0].body["model"] == "scripted"
    (line,) = [record.message for record in caplog.records if record.message.startswith("talk:")]
    assert line.startswith("talk: scripted ")
    assert "espeak en " in line
    assert KEY not in caplog.text


async def test_a_model_that_is_down_is_tried_again_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("sotto.app.talk.FIRST_PAUSE", 0.01)
    with ChatServer() as chat:
        chat.will(Fails(401, "no such key"))
        given = settings(TALK__URL=chat.url)
        service = build_service(given)
        partner = build_partner(given, service)
        assert partner is not None
        async with talking(partner, service, 30.0):
            await tried(service)
            assert not service.warming
            await until(lambda: partner.is_ready)
            assert not service.warming
    lines = [record for record in caplog.records if record.message.startswith("talk:")]
    assert [line.levelname for line in lines] == ["WARNING", "INFO"]
    assert "conversations are not ready, again in 0.01 s" in lines[0].message


class Slow(ScriptedChat):
    """Never warm."""

    async def warm_up(self) -> None:
        await asyncio.Event().wait()


async def test_a_model_that_says_nothing_is_waited_for_as_long_as_is_set(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service, chat = service_of(), Slow()
    async with talking(Partner(chat, Voices([ToneVoice()])), service, 0.01):
        await tried(service)
    assert "nothing came within 0.01 s" in caplog.text
    assert chat.is_closed


async def test_what_nobody_foresaw_is_raised_where_the_server_ends() -> None:
    class Broken(ScriptedChat):
        async def warm_up(self) -> None:
            raise ZeroDivisionError

    service, chat = service_of(), Broken()
    with pytest.raises(ZeroDivisionError):
        async with talking(Partner(chat, Voices([])), service, 1.0):
            await tried(service)
    assert chat.is_closed


def test_ready_says_no_until_all_is_warm(server: Served) -> None:
    server.service.warming = True
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.url}/ready")
        assert refused.value.code == 503
        assert b"conversations are not ready yet" in refused.value.read()
    finally:
        server.service.warming = False
    with urllib.request.urlopen(f"{server.url}/ready") as answer:
        assert answer.status == 200
