"""Any cut at any place loses and doubles nothing: against a server that is written down here."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_server import ONSET, PAUSE, PCM, QUIET, RATE, Said, Server

from sotto.audio.format import Encoding, PcmFormat
from sotto.client.events import (
    Acknowledged,
    Event,
    Final,
    Resumed,
    SpeechStarted,
)
from sotto.client.progress import (
    KEPT_SECONDS,
    LEAD_SECONDS,
    PIECE_BYTES,
    STEP_SECONDS,
    UNREAD_SECONDS,
    Progress,
)
from sotto.client.wire import Place


@dataclass(frozen=True)
class Speech:
    """What is said, and its sound, which is too long to be printed."""

    said: list[Said]
    sound: bytes = field(repr=False)


@st.composite
def speeches(draw: st.DrawFn) -> Speech:
    """Utterances with pauses between, some of them long, and their sound."""
    said: list[Said] = []
    sound = b""
    for number in range(draw(st.integers(1, 5))):
        quiet = draw(st.sampled_from([0.7, 0.7, 0.9, 1.5, 3.0, 31.0, 45.0]))
        speech = draw(st.integers(ONSET + 5, 3 * RATE))
        sound += bytes([QUIET]) * int(quiet * RATE)
        said.append(Said(len(sound), speech, number + 1))
        sound += bytes([number + 1]) * speech
    rest = draw(st.sampled_from([0, PAUSE // 3, 2 * RATE, 50 * RATE]))
    return Speech(said, sound + bytes([QUIET]) * rest)


class Client:
    """Progress, and what a program would be told."""

    def __init__(self, sound: bytes) -> None:
        self.progress = Progress(PCM)
        self.told: list[Event] = []
        self.stored: list[Final] = []
        self.server = Server(self.stored, self.progress.place)
        self._sound = sound
        self._added = 0

    @property
    def is_through(self) -> bool:
        return self._added == len(self._sound) and not self.progress.has_waiting

    def add(self, samples: int) -> None:
        for _ in range(samples // 500):
            if not self.progress.has_room:
                return
            piece = self._sound[self._added : self._added + 500]
            if piece:
                self.progress.add(piece)
            self._added += len(piece)

    def send(self, pieces: int) -> None:
        for _ in range(pieces):
            piece = self.progress.take() if self.progress.may_send else None
            if piece is not None:
                self.server.sent += piece.data

    def listen(self, messages: int) -> None:
        for _ in range(min(messages, len(self.server.outbox))):
            message = self.server.outbox.popleft()
            if isinstance(message, int):
                self.progress.was_read(message)
            else:
                self.progress.receive(message)
                self.told.append(message)

    def cut(self, *, forgets: bool = False) -> None:
        """Whatever is under way is gone, either way; with it what the server keeps in memory."""
        if forgets:
            self.stored.clear()
        self.server = Server(self.stored, self.progress.place)
        self.told.append(self.progress.resume())

    def finish(self) -> None:
        """The rest without a cut."""
        while not self.is_through:
            self.add(500)
            self.send(50)
            self.server.pong()
            self.server.hear(RATE)
            self.listen(100)
        self.server.hear(0, last=True)
        self.listen(100)


@dataclass(frozen=True)
class Turn:
    """What happens one after the other, and how much of each."""

    add: int
    send: int
    pong: bool
    hear: int
    listen: int
    cut: bool
    forgets: bool


turns = st.lists(
    st.builds(
        Turn,
        add=st.sampled_from([10_000, 500, 600_000, 0]),
        send=st.sampled_from([40, 3, 200, 0]),
        pong=st.sampled_from([True, True, False]),
        hear=st.sampled_from([20_000, 3_000, 100, 0]),
        listen=st.sampled_from([100, 5, 3, 1]),
        cut=st.sampled_from([False, False, True]),
        forgets=st.sampled_from([False, False, True]),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=400)
@given(speeches(), turns)
def test_any_cut_at_any_place_loses_and_doubles_nothing(speech: Speech, turns: list[Turn]) -> None:
    said = speech.said
    client = Client(speech.sound)
    for turn in turns:
        client.add(turn.add)
        client.send(turn.send)
        if turn.pong:
            client.server.pong()
        client.server.hear(turn.hear)
        client.listen(turn.listen)
        if turn.cut:
            client.cut(forgets=turn.forgets)
    client.finish()
    finals = [event for event in client.told if isinstance(event, Final)]
    assert [final.text for final in finals] == [f"{each.byte}x{each.length}" for each in said]
    assert [final.utterance for final in finals] == list(range(len(said)))
    for final, each in zip(finals, said, strict=True):
        assert abs(final.start * RATE - each.at) <= RATE // 1000 * 2


def test_a_cut_that_loses_the_last_words_of_a_stream_brings_them_back():
    client = Client(bytes([1]) * RATE + bytes([QUIET]) * RATE)
    client.finish()
    heard = client.told
    assert [event for event in heard if isinstance(event, Final)]
    late = Client(bytes([1]) * RATE + bytes([QUIET]) * RATE)
    late.add(4 * RATE)
    late.send(100)
    late.cut()
    late.finish()
    assert late.told[0] == Resumed(0.0, 0)
    assert late.told[1:] == heard


@pytest.mark.parametrize("forgets", [False, True])
def test_two_seconds_before_what_is_stored_is_sent_again_and_told_by_no_server(
    forgets: bool,
) -> None:
    """Also not by one that does not know the session any more."""
    words = [bytes([number]) * 3 * RATE + bytes([QUIET]) * RATE for number in (1, 2)]
    client = Client(b"".join(words))
    client.add(int(4.5 * RATE))
    client.send(100)
    client.server.pong()
    client.server.hear(5 * RATE)
    client.listen(100)
    end = client.stored[0].end
    step = round(STEP_SECONDS * RATE)
    again = round((end - LEAD_SECONDS) * RATE) // step * step
    assert 0 < again < 3 * RATE  # within the first word
    assert client.progress.place == Place(None, again / RATE, 1, end)
    client.cut(forgets=forgets)
    client.finish()
    assert client.server.sent == b"".join(words)[again:]
    assert [event for event in client.told if isinstance(event, Resumed)] == [Resumed(end, 1)]
    finals = [event for event in client.told if isinstance(event, Final)]
    assert [(final.utterance, final.text) for final in finals] == [(0, "1x12000"), (1, "2x12000")]


def test_what_is_kept_is_bounded_while_nobody_acknowledges():
    progress = Progress(PCM)
    added = 0
    while progress.has_room:
        progress.add(bytes(1_000))
        added += 1_000
    assert added == KEPT_SECONDS * RATE


def test_silence_is_not_kept_for_ever():
    progress = Progress(PCM)
    for second in range(3_600):
        for _ in range(4):
            assert progress.has_room
            progress.add(bytes([QUIET]) * 1_000)
            progress.take()
        progress.receive(Acknowledged(max(second - 6.0, 0.0)))
    assert progress.resume() == Resumed(3_593.0, 0)


def test_what_was_told_again_is_let_go_once_it_is_sent_again():
    """The server has it, but its clock still counts the sound."""
    progress = Progress(PCM)
    for _ in range(16):
        progress.add(bytes(1_000))
        progress.take()
    assert progress.resume() == Resumed(0.0, 0)
    progress.receive(Final(0, "told again", 0.2, 3.5, "en"))
    assert progress.place == Place(None, 0.0, 1, 3.5)
    while progress.take() is not None:
        pass
    assert progress.place == Place(None, 1.44, 1, 3.5)


def test_what_somebody_says_is_kept_until_it_is_told():
    """Also where it is long, and the server slow."""
    progress = Progress(PCM)
    progress.receive(SpeechStarted(0, 1.0))
    for _ in range(4 * 100):
        progress.add(bytes(1_000))
        progress.take()
        progress.was_read(progress.taken)
    assert progress.resume() == Resumed(0.0, 0)


def test_what_the_server_did_not_read_is_bounded():
    progress = Progress(PCM)
    for _ in range(4 * KEPT_SECONDS):
        progress.add(bytes(1_000))
    sent = 0
    while progress.may_send:
        piece = progress.take()
        assert piece is not None
        sent += len(piece.data)
    assert sent == UNREAD_SECONDS * RATE
    assert progress.is_unread
    progress.was_read(sent)
    assert progress.may_send
    assert not progress.is_unread


def test_a_message_has_whole_samples_and_a_bound():
    for pcm in (PCM, PcmFormat(), PcmFormat(Encoding.PCM_F32LE, 384_000, 32)):
        most = Progress(pcm).piece_bytes
        assert 0 < most <= PIECE_BYTES
        assert most % pcm.bytes_per_frame == 0
