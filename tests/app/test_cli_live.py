from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest
from rich.console import Console

from sotto.app.cli.captions import Captions, stamp
from sotto.app.cli.lags import Lags
from sotto.app.cli.sources import PIECE, Pace, first_interrupt, open_source, until
from sotto.audio.format import SAMPLE_RATE
from sotto.runtime.container import read_file
from tests.speech import CLIP, CLIP_TEXT
from tests.terminal import TIMEOUT, on_a_terminal, start

CLIP_SECONDS = 7.37
ON_THE_WIRE = {
    "speech_started",
    "partial",
    "committed",
    "speech_ended",
    "final",
    "acknowledged",
    "warning",
}


@pytest.fixture
def sotto(sotto):
    return partial(sotto, "live")


class Clock:
    """Time that passes only in `sleep`; `slip` more passes than was asked for."""

    def __init__(self, slip: float = 0.0) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self.slip = slip

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + self.slip


def words(*texts: str, start: float = 0.0) -> list[dict[str, object]]:
    """Half a second each."""
    return [
        {"word": text, "start": start + at / 2, "end": start + (at + 1) / 2, "probability": 1.0}
        for at, text in enumerate(texts)
    ]


# A file


def test_a_line_for_each_utterance(sotto):
    code, out, err = sotto(CLIP, "--speed", "0")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "nine"
    assert " ".join(out.splitlines()) == CLIP_TEXT


def test_json_is_what_the_wire_has(sotto):
    _, out, _ = sotto(CLIP, "--speed", "0", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert {event["type"] for event in events} <= ON_THE_WIRE
    finals = {e["utterance"]: e["text"] for e in events if e["type"] == "final"}
    committed = dict.fromkeys(finals, "")
    for event in events:
        if event["type"] == "committed":
            committed[event["utterance"]] += event["text"]
    assert {number: text.strip() for number, text in committed.items()} == finals
    assert " ".join(finals.values()) == CLIP_TEXT


@pytest.mark.parametrize("policy", ["alignatt", "local-agreement", "chunked"])
def test_every_policy_can_be_chosen(sotto, policy):
    code, out, _ = sotto(CLIP, "--speed", "0", "--policy", policy)
    assert code == 0
    assert out


def test_a_server_says_the_same_as_this_machine(sotto, server):
    code, there, err = sotto(CLIP, "--speed", "0", "--url", server.host, "--model", "nano")
    assert code == 0
    assert err.startswith("sotto: nano is the small model")
    _, here, _ = sotto(CLIP, "--speed", "0")
    assert there == here


def test_a_servers_events_are_printed_as_they_come(sotto, server):
    _, out, _ = sotto(CLIP, "--speed", "0", "--url", server.url, "--model", "nano", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert {event["type"] for event in events} <= ON_THE_WIRE
    assert " ".join(event["text"] for event in events if event["type"] == "final") == CLIP_TEXT


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((CLIP, "--policy", "wild"), 2, "expected one of alignatt, local-agreement, chunked"),
        ((CLIP, "--language", "de"), 2, "expected a language of this model (en), got 'de'"),
        ((CLIP, "--model", "./away"), 1, "no such folder"),
        ((CLIP, "--url", "ftp://host"), 2, "expected an address such as ws://"),
        (("away.mp3",), 2, "away.mp3: No such file or directory"),
        ((__file__, "--speed", "0"), 2, f"{__file__}: expected audio or video"),
    ],
)
def test_faults_are_one_line(sotto, arguments, code, sentence):
    left, out, err = sotto(*arguments)
    assert (left, out) == (code, "")
    assert err.startswith("sotto: ")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_servers_refusal_is_one_line_too(sotto, server):
    code, out, err = sotto(CLIP, "--url", server.url, "--model", "huge")
    assert (code, out) == (2, "")
    assert err == "sotto: expected one of auto, nano, got 'huge'\n"


def test_help_teaches_with_examples(sotto):
    code, out, _ = sotto("--help")
    assert code == 0
    assert "sotto live --url ws://server:8000" in out


# Its pace


async def test_a_piece_comes_when_a_microphone_would_have_given_it():
    clock = Clock()
    with open_source(str(CLIP), Pace(clock, clock.sleep, 1.0)) as source:
        heard = [(clock.now - 1_000.0, len(piece)) async for piece in source.pieces]
    assert [at for at, _ in heard[:3]] == pytest.approx([0.1, 0.2, 0.3])
    assert heard[-1][0] == pytest.approx(CLIP_SECONDS, abs=0.01)
    assert {length for _, length in heard[:-1]} == {PIECE}
    samples = np.concatenate(list(read_file(CLIP)))
    assert sum(length for _, length in heard) == len(samples)


async def test_a_late_piece_does_not_make_the_next_one_late():
    clock = Clock(slip=0.03)
    with open_source(str(CLIP), Pace(clock, clock.sleep, 1.0)) as source:
        async for _ in source.pieces:
            pass
    assert clock.slept[:3] == pytest.approx([0.1, 0.07, 0.07])
    assert clock.now - 1_000.0 == pytest.approx(CLIP_SECONDS + 0.03, abs=0.01)


@pytest.mark.parametrize(("speed", "expected"), [(2.0, CLIP_SECONDS / 2), (0.0, 0.0)])
async def test_speed(speed, expected):
    clock = Clock()
    with open_source(str(CLIP), Pace(clock, clock.sleep, speed)) as source:
        async for _ in source.pieces:
            pass
    assert clock.now - 1_000.0 == pytest.approx(expected, abs=0.01)


# Ctrl-C


async def test_what_comes_after_the_end_is_not_heard():
    stopped = asyncio.Event()

    async def endless():
        while True:
            yield np.zeros(PIECE, np.float32)
            if len(heard) == 3:
                stopped.set()
                await asyncio.Event().wait()

    heard: list[object] = []
    async with asyncio.timeout(TIMEOUT):
        async for piece in until(stopped, endless()):
            heard.append(piece)
    assert len(heard) == 3


async def test_the_first_interrupt_acts_and_the_second_leaves():
    before = signal.getsignal(signal.SIGINT)
    acted = asyncio.Event()
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with first_interrupt(acted.set):
            signal.raise_signal(signal.SIGINT)
            async with asyncio.timeout(TIMEOUT):
                await acted.wait()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("where", ["here", "there"])
def test_ctrl_c_ends_the_sound_and_waits_for_the_last_words(where, server):
    """At half its pace the clip would take 12 seconds more: it does not end by itself."""
    there = ("--url", server.url, "--model", "nano") if where == "there" else ()
    with start("live", CLIP, "--speed", "0.5", "--json", *there) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        events = []
        for line in command.stdout:
            events.append(json.loads(line))
            if events[-1]["type"] == "committed":
                command.send_signal(signal.SIGINT)
                break
        events += [json.loads(line) for line in command.stdout]
        assert command.stderr.read() == ""
    assert command.returncode == 0
    finals = [event for event in events if event["type"] == "final"]
    assert finals[0]["text"] == "nine"
    assert finals[-1]["end"] < CLIP_SECONDS / 2


# The microphone


class Microphone(ModuleType):
    """What `sounddevice` is where the machine hears the clip, at its rate."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *, device: bool = True, opens: bool = True) -> None:
        super().__init__("sounddevice")
        self.device, self.opens = device, opens

    def query_devices(self, *, kind: str) -> dict[str, object]:
        assert kind == "input"
        if not self.device:
            raise self.PortAudioError("Error querying device -1")
        return {"name": "clip", "default_samplerate": float(SAMPLE_RATE)}

    def InputStream(self, **options):  # noqa: N802 - the library's own name
        if not self.opens:
            raise self.PortAudioError("Device unavailable")
        return Recording(**options)


class Recording:
    """Gives all of the clip at once, and then the cable is pulled out."""

    def __init__(self, *, samplerate, channels, dtype, blocksize, callback, finished_callback):
        assert (samplerate, channels, dtype) == (SAMPLE_RATE, 1, "float32")
        self.blocksize, self.callback, self.finished = blocksize, callback, finished_callback

    def __enter__(self):
        samples = np.concatenate(list(read_file(CLIP)))[:, np.newaxis]
        for at in range(0, len(samples), self.blocksize):
            buffer = samples[at : at + self.blocksize].copy()
            self.callback(buffer, len(buffer), None, None)
            buffer[:] = 0.0  # the library uses it again
        self.finished()
        return self

    def __exit__(self, *_):
        pass


def test_the_microphone_is_heard(sotto, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", Microphone())
    code, out, err = sotto()
    assert (code, err) == (0, "")
    assert " ".join(out.splitlines()) == CLIP_TEXT


@pytest.mark.parametrize(
    ("library", "sentence"),
    [
        (None, "pip install 'sotto[mic]'"),
        (Microphone(device=False), "expected a microphone, got none: Error querying device -1"),
        (Microphone(opens=False), "the microphone does not open: Device unavailable"),
    ],
)
def test_no_microphone_is_one_line(sotto, monkeypatch, library, sentence):
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    code, out, err = sotto("mic")
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


# What is shown


@pytest.fixture
def screen():
    return io.StringIO()


@pytest.fixture
def captions(screen):
    console = Console(file=screen, force_terminal=True, color_system="standard", width=60)
    with Captions(console) as drawn:
        yield drawn


def last(screen: io.StringIO) -> str:
    """What was drawn since the last look, without what moves the cursor."""
    drawn = screen.getvalue()
    screen.seek(0)
    screen.truncate()
    for code in ("\x1b[2K", "\x1b[1A", "\x1b[?25l", "\r"):
        drawn = drawn.replace(code, "")
    return drawn.strip("\n")


DIM, PLAIN = "\x1b[2m", "\x1b[0m"


def test_certain_words_are_plain_and_others_dim(captions, screen):
    assert "listening" in last(screen)
    captions.show({"type": "speech_started", "utterance": 0, "at": 3.2})
    assert last(screen) == f"{DIM}[00:03] {PLAIN}"
    captions.show(
        {
            "type": "partial",
            "utterance": 0,
            "text": " one two",
            "words": words(" one", " two", start=3.2),
            "until": 4.5,
        }
    )
    assert last(screen) == f"{DIM}[00:03] {PLAIN}{DIM}one two{PLAIN}"
    captions.show(
        {
            "type": "committed",
            "utterance": 0,
            "text": " one",
            "words": words(" one", start=3.2),
        }
    )
    assert last(screen) == f"{DIM}[00:03] {PLAIN}one{DIM} two{PLAIN}"


def test_a_finished_utterance_scrolls_up_and_the_open_one_stays(captions, screen):
    captions.show({"type": "speech_started", "utterance": 0, "at": 0.0})
    captions.show({"type": "speech_started", "utterance": 1, "at": 61.0})
    last(screen)
    captions.show({"type": "final", "utterance": 0, "text": "all of it", "start": 0.0})
    drawn = last(screen)
    assert drawn.count("all of it") == 1
    assert drawn.endswith(f"{DIM}[00:00] {PLAIN}all of it\n{DIM}[01:01] {PLAIN}")


def test_an_utterance_without_words_leaves_no_line(captions, screen):
    captions.show({"type": "speech_started", "utterance": 0, "at": 0.0})
    last(screen)
    captions.show({"type": "final", "utterance": 0, "text": "", "start": 0.0})
    assert "[" not in last(screen).replace("\x1b[", "")


def test_markup_in_speech_is_only_text(captions, screen):
    captions.show({"type": "final", "utterance": 0, "text": "[bold]x[/bold]", "start": 0.0})
    assert "[bold]x[/bold]" in last(screen)


def test_stamps():
    assert [stamp(at) for at in (0.0, 3.99, 61, 3_661)] == ["00:00", "00:03", "01:01", "1:01:01"]


def test_a_terminal_shows_captions_and_the_latency():
    code, _, shown = on_a_terminal("live", CLIP, "--speed", "4", out_too=True)
    assert code == 0
    assert "listening" in shown
    assert "[00:04] \x1b[0mthree one" in shown
    assert "sotto models pull small" in shown
    assert "s (median)" in shown
    assert "6 words" in shown


def test_the_lag_of_a_word_is_the_time_since_it_was_spoken():
    clock = Clock()
    lags = Lags(clock, speed=2.0)
    clock.now += 0.05
    lags.hear(0.1)  # 0.1 s of sound in 0.05 s: it began at 1000.0
    clock.now = 1_001.0
    committed = {"type": "committed", "words": words(" a", " b", " c")}
    lags.note(committed)
    lags.note({"type": "final"})
    assert lags.seconds == pytest.approx([0.75, 0.5, 0.25])
    assert lags.summary() == "certain after 0.50 s (median), 0.75 s (p95), 3 words"


def test_there_is_no_lag_where_there_is_no_pace():
    lags = Lags(Clock(), speed=0.0)
    lags.hear(0.1)
    lags.note({"type": "committed", "words": words(" a")})
    assert lags.summary() is None
