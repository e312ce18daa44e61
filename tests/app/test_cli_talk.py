"""`sotto talk`, against a real server; and what plays its answers."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sotto.app.cli.conversing import Conversing
from sotto.app.cli.dialog import Lines, Words
from sotto.app.cli.speaker import Loudspeaker, Playlist
from sotto.app.settings import load
from sotto.client.talk_events import (
    AnswerEnded,
    AnswerStarted,
    Heard,
    Refused,
    Says,
    Sounds,
    TurnStarted,
    Understood,
    parse_talk,
)
from sotto.client.talking import Talking, TalkOptions
from sotto.errors import ServerError
from tests.app.conftest import Run
from tests.chat_server import ChatServer, Held
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT

LONG = "This is a long answer. It has many phrases. Somebody will stop it. It never ends."


@pytest.fixture(scope="module")
def chat() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@pytest.fixture(scope="module")
def talker(chat: ChatServer) -> Iterator[Served]:
    """A server whose language model is written down."""
    with serving(load(environ={"SOTTO_TALK__URL": chat.url})) as running:
        yield running


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(samples).max() > 3_000
    return len(samples) / 24_000


def test_a_recorded_question_is_answered(sotto: Run, server: Served, tmp_path: Path) -> None:
    answer = tmp_path / "answer.wav"
    code, out, _ = sotto("talk", CLIP, "--url", server.url, "-o", answer)
    assert code == 0
    question, reply = out.splitlines()
    assert question == f"you: {CLIP_TEXT}"
    assert reply.startswith("sotto: ")
    assert reply.endswith(f"You said: {CLIP_TEXT}")
    assert 3 < seconds(answer) < 20


def test_what_is_typed_is_answered_in_the_language_and_voice_that_are_wanted(
    sotto: Run, server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hola\n\n¿qué tal?\n"))
    code, out, _ = sotto(
        *("talk", "--type", "--url", server.url, "-o", tmp_path / "a.wav"),
        *("--language", "es", "--voice", "deep"),
    )
    assert code == 0
    first, second = out.splitlines()
    assert first.startswith("sotto: Aquí todavía")
    assert second == "sotto: Has dicho: ¿qué tal?"
    assert seconds(tmp_path / "a.wav") > 3


def test_a_model_is_told_the_instructions_of_the_command(
    sotto: Run, talker: Served, chat: ChatServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n"))
    chat.will("Good day.")
    words = ("talk", "--type", "--url", talker.url, "-o", tmp_path / "a.wav")
    code, out, _ = sotto(*words, "--instructions", "Speak as a sailor.")
    assert (code, out) == (0, "sotto: Good day.\n")
    assert "Speak as a sailor." in chat.asked[-1].body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--url", "http://127.0.0.1:9", "--type"), 1, "cannot reach ws://127.0.0.1:9/v1/realtime"),
        (("--type", "question.wav"), 2, "expected either a FILE or --type, got both"),
        (("no.wav",), 2, "no.wav: No such file"),
        (("--url", "gopher://host", "--type"), 2, "expected an address"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    sotto: Run, words: tuple[str, ...], code: int, why: str
) -> None:
    left, _, err = sotto("talk", *words, "-o", "a.wav")
    assert left == code
    assert why in err


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal sends Ctrl-C otherwise there")
def test_ctrl_c_ends_the_answer_and_then_the_conversation(
    talker: Served, chat: ChatServer, tmp_path: Path
) -> None:
    held = Held()
    chat.will("Once upon ", held, "a time.")
    words = ("talk", "--type", "--url", talker.url, "-o", str(tmp_path / "a.wav"))
    command = subprocess.Popen(
        [sys.executable, "-u", "-m", "sotto", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - one call
    )
    with command as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("tell me a story\n")
        process.stdin.flush()
        assert held.reached.wait(60)
        process.send_signal(signal.SIGINT)
        assert chat.asked[-1].gone.wait(60)
        held.release()
        chat.will("It goes on.")
        process.stdin.write("go on\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if line == "sotto: Once upon\n":  # it may be on its way still when all is stopped
            line = process.stdout.readline()
        assert line == "sotto: It goes on.\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


async def test_an_interruption_tells_the_server_what_was_played(
    talker: Served, chat: ChatServer
) -> None:
    """The device is this test, which asks for sound as a device would."""
    chat.will(LONG)
    speaker = Loudspeaker(asyncio.get_running_loop())
    async with Talking(talker.url, TalkOptions(takes_turns=False)) as talk:
        conversing = Conversing(talk, Lines(), speaker)
        following = asyncio.ensure_future(conversing.follow())
        asking = asyncio.ensure_future(conversing.ask("Talk."))
        await conversing.answered.wait()
        assert conversing.is_answering
        out = bytearray(2 * 24_000)
        speaker.fill(out, 24_000, None, None)
        assert max(np.abs(np.frombuffer(out, "<i2"))) > 1_000
        await conversing.interrupt()
        speaker.fill(out, 24_000, None, None)
        assert not any(out)
        await asyncio.wait_for(asking, 60)
        conversing.answered.clear()
        await talk.say("What did you say?")
        await talk.respond()
        await conversing.answered.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    told = chat.asked[-1].body["messages"]
    (remembered,) = [each["content"] for each in told if each["role"] == "assistant"]
    assert remembered
    assert LONG.startswith(remembered.removesuffix("…").rstrip())
    assert len(remembered) < len(LONG) / 2


def test_a_playlist_knows_what_of_an_answer_was_heard() -> None:
    playlist = Playlist()
    playlist.push("a", bytes([1]) * 480)
    playlist.push("a", bytes([2]) * 480)
    playlist.push("b", bytes([3]) * 960)
    assert playlist.take(720) == bytes([1]) * 480 + bytes([2]) * 240
    assert playlist.take(480) == bytes([2]) * 240 + bytes([3]) * 240
    assert playlist.clear() == ("b", 5)
    assert (playlist.clear(), playlist.take(4)) == (None, bytes(4))


async def test_a_loudspeaker_that_is_paused_keeps_what_it_has() -> None:
    speaker = Loudspeaker(asyncio.get_running_loop())
    assert not speaker.is_sounding
    speaker.play("a", bytes([7]) * 4)
    out = bytearray(8)
    speaker.pause()
    speaker.fill(out, 4, None, None)
    assert (bytes(out), speaker.is_sounding) == (bytes(8), True)
    speaker.resume()
    speaker.fill(out, 4, None, None)
    assert bytes(out) == bytes([7]) * 4 + bytes(4)
    speaker.fill(out, 4, None, None)
    await asyncio.wait_for(speaker.finished(), 60)


def test_words_are_shown_as_they_come() -> None:
    paper = io.StringIO()
    words = Words(Console(file=paper, width=80, highlight=False))
    for event in (
        TurnStarted("i", 0.1),
        Heard("i", "nine"),
        Heard("i", " two"),
        Understood("i", "nine two five"),
        AnswerStarted("r"),
        Says("r", "a", "You said"),
        Says("r", "a", " nine [two]."),
        AnswerEnded("r", "completed"),
    ):
        words.show(event)
    assert paper.getvalue() == "   you  nine two five\n sotto  You said nine [two].\n"


def test_what_fails_is_told_beside_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(AnswerEnded("r", "failed", "the language model is down"))
    lines.show(AnswerEnded("r", "cancelled", "turn_detected"))
    lines.show(Refused("code", "expected this, got that"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "sotto: the answer is failed: the language model is down",
        "sotto: expected this, got that",
    ]


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        "{}",
        '{"type": "response.created"}',
        '{"type": "error", "error": 1}',
        '{"type": "response.output_audio.delta", "response_id": 1, "item_id": 1, "delta": "*"}',
    ],
)
def test_what_is_no_message_of_the_api_is_refused(message: str) -> None:
    with pytest.raises(ServerError, match="expected the messages of /v1/realtime from here"):
        parse_talk(message, "here")


def test_messages_that_nobody_asked_for_are_passed_over() -> None:
    assert parse_talk('{"type": "rate_limits.updated"}', "here") is None
    assert parse_talk('{"type": "response.new_kind"}', "here") is None
    sound = '{"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", '
    assert parse_talk(sound + '"delta": "AAEC"}', "here") == Sounds("r", "i", b"\0\1\2")
