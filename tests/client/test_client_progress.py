"""Any cut at any place loses and doubles nothing: against a server that is written down here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.format import Encoding, PcmFormat
from sotto.client.events import (
    Acknowledged,
    Committed,
    Event,
    Final,
    Resumed,
    SpeechEnded,
    SpeechStarted,
)
from sotto.client.progress import (
    KEPT_SECONDS,
    PIECE_BYTES,
    QUIET_SECONDS,
    UNREAD_SECONDS,
    Progress,
)

RATE = 4_000
PCM = PcmFormat(Encoding.PCM_U8, RATE)
QUIET = 128
"""A byte of silence; all others are a word's."""
PAUSE = int(0.6 * RATE)
"""Samples that end an utterance."""
ONSET = int(0.1 * RATE)
"""Samples after which speech is believed."""


@dataclass(frozen=True)
class Said:
    """One utterance; samples."""

    at: int
    length: int
    byte: int


class Server:
    """One stream as a Sotto server hears it: one byte that is not silence is one word of its own.

    An utterance's text is its bytes and how many of each there were, so that what is lost or
    doubled of it shows.
    """

    def __init__(self) -> None:
        self.sent = bytearray()
        self.read = self.heard = 0
        self.outbox: deque[Event | int] = deque()
        """In the order in which it goes over the wire; a number is a pong."""
        self._start: int | None = None
        self._last = 0
        self._is_told = False
        self._utterances = 0

    def pong(self) -> None:
        """It reads no further than it may."""
        self.read = min(len(self.sent), self.heard + UNREAD_SECONDS * RATE)
        self.outbox.append(self.read)

    def hear(self, samples: int, *, last: bool = False) -> None:
        end = len(self.sent) if last else min(self.read, self.heard + samples)
        while self.heard < end:
            if self._start is None:  # all of a silence at once
                rest = self.sent[self.heard : end]
                self.heard += len(rest) - len(rest.lstrip(bytes([QUIET])))
                if self.heard == end:
                    break
            self._step(self.heard)
            self.heard += 1
        if last and self._is_told:
            self._end(min(self._last + PAUSE // 2, end))

    def _step(self, place: int) -> None:
        if self.sent[place] != QUIET:
            self._last = place + 1
            if self._start is None:
                self._start = place
            elif not self._is_told and place - self._start >= ONSET:
                self._is_told = True
                at = self._start / RATE
                self.outbox.append(SpeechStarted(self._utterances, at))
                self.outbox.append(Committed(self._utterances, "…", ()))
        elif self._start is not None and place - self._last >= PAUSE:
            self._end(self._last + PAUSE // 2)

    def _end(self, end: int) -> None:
        assert self._start is not None
        heard = [byte for byte in self.sent[self._start : end] if byte != QUIET]
        text = " ".join(f"{byte}x{heard.count(byte)}" for byte in dict.fromkeys(heard))
        number, start, end_s = self._utterances, self._start / RATE, end / RATE
        self.outbox.append(SpeechEnded(number, self._last / RATE))
        self.outbox.append(Final(number, text, start, end_s, "en"))
        self.outbox.append(Acknowledged(end_s))
        self._utterances += 1
        self._start, self._is_told = None, False


@st.composite
def speeches(draw: st.DrawFn) -> tuple[list[Said], bytes]:
    """Utterances with pauses between, some of them long, and their sound."""
    said: list[Said] = []
    sound = b""
    for number in range(draw(st.integers(1, 5))):
        quiet = draw(st.sampled_from([0.7, 0.7, 0.9, 1.5, 3.0, 31.0, 45.0]))
        speech = draw(st.integers(ONSET + 5, 3 * RATE))
        sound += bytes([QUIET]) * int(quiet * RATE)
        said.append(Said(len(sound), speech, number + 1))
        sound += bytes([number + 1]) * speech
    return said, sound + bytes([QUIET]) * draw(
        st.sampled_from([0, PAUSE // 3, 2 * RATE, 50 * RATE])
    )


class Client:
    """Progress, and what a program would be told."""

    def __init__(self, sound: bytes) -> None:
        self.progress = Progress(PCM)
        self.told: list[Event] = []
        self.server = Server()
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
                self.progress.was_read(self._origin + message)
            else:
                self.told.append(self.progress.receive(message))

    _origin = 0

    def cut(self) -> None:
        """Whatever is under way is gone, either way."""
        self.server = Server()
        resumed = self.progress.resume()
        self.told.append(resumed)
        self._origin = round(resumed.at * RATE)

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


turns = st.lists(
    st.builds(
        Turn,
        add=st.sampled_from([10_000, 500, 600_000, 0]),
        send=st.sampled_from([40, 3, 200, 0]),
        pong=st.sampled_from([True, True, False]),
        hear=st.sampled_from([20_000, 3_000, 100, 0]),
        listen=st.sampled_from([100, 5, 3, 1]),
        cut=st.sampled_from([False, False, True]),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=400)
@given(speeches(), turns)
def test_any_cut_at_any_place_loses_and_doubles_nothing(
    speech: tuple[list[Said], bytes], turns: list[Turn]
) -> None:
    said, sound = speech
    client = Client(sound)
    for turn in turns:
        client.add(turn.add)
        client.send(turn.send)
        if turn.pong:
            client.server.pong()
        client.server.hear(turn.hear)
        client.listen(turn.listen)
        if turn.cut:
            client.cut()
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


def test_what_is_kept_is_bounded_while_nobody_acknowledges():
    progress = Progress(PCM)
    added = 0
    while progress.has_room:
        progress.add(bytes(1_000))
        added += 1_000
    assert added == KEPT_SECONDS * RATE


def test_silence_is_not_kept_for_ever():
    progress = Progress(PCM)
    for _ in range(3_600 * 4):
        assert progress.has_room
        progress.add(bytes([QUIET]) * 1_000)
        progress.take()
        progress.was_read(progress.taken)
    assert progress.resume() == Resumed(3_600.0 - QUIET_SECONDS, 0)


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
