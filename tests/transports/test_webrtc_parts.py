"""What a call is made of, without a connection: its offer, its channel, its ear."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from av import AudioFrame
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocketState

from sotto.errors import BadOption
from sotto.transports.webrtc.calls import Bounds
from sotto.transports.webrtc.channel import HIGH, MAX_EARLY, MAX_WAITING, Channel
from sotto.transports.webrtc.ear import MAX_GAP, PREFETCH, SOUND, Ear, hasten
from sotto.transports.webrtc.line import configuration
from sotto.transports.webrtc.offer import MAX_CANDIDATES, MAX_MESSAGE, MESSAGE, parse_offer

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
SOUND_SECTION = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
DATA_SECTION = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"


# ---- offers


def test_an_offer_says_whether_there_is_sound_and_how_much_fits_in_a_message() -> None:
    offer = parse_offer((HEAD + SOUND_SECTION + DATA_SECTION).encode(), {"type": "realtime"})
    assert offer.has_sound
    assert offer.session == {"type": "realtime"}
    assert offer.max_message == MESSAGE
    mute = parse_offer((HEAD + DATA_SECTION + "a=max-message-size:0\r\n").encode())
    assert not mute.has_sound
    assert mute.max_message == MAX_MESSAGE
    small = parse_offer((HEAD + DATA_SECTION + "a=max-message-size:1200\r\n").encode())
    assert small.max_message == 1_200


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "hello",
        HEAD,
        HEAD + SOUND_SECTION,
        HEAD + DATA_SECTION + DATA_SECTION,
        HEAD + SOUND_SECTION * 2 + DATA_SECTION,
        HEAD + DATA_SECTION + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
        HEAD + "m=application 9 TCP/RTP whatever\r\n",
        HEAD + DATA_SECTION + "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n" * 1_000,
    ],
)
def test_what_would_take_more_than_a_call_needs_is_refused(sdp: str) -> None:
    with pytest.raises(BadOption, match="expected"):
        parse_offer(sdp.encode())


def test_some_candidates_are_fine() -> None:
    line = "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n"
    parse_offer((HEAD + DATA_SECTION + line * MAX_CANDIDATES).encode())


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"v=0{text}".encode()))
def test_whatever_is_sent_as_an_offer_is_one_or_refused(data: bytes) -> None:
    try:
        offer = parse_offer(data)
    except BadOption as error:
        assert error.message.startswith("expected")
    else:
        assert offer.sdp.encode() == data


# ---- what helps two sides to meet


def test_addresses_of_ice_servers_are_understood() -> None:
    bounds = Bounds(ice_servers=("stun:one.test:3478", "turn:me:p%40ss@two.test?transport=tcp"))
    one, two = configuration(bounds.ice_servers).iceServers or []
    assert one.urls == "stun:one.test:3478"
    assert (two.urls, two.username, two.credential) == (
        "turn:two.test?transport=tcp",
        "me",
        "p@ss",
    )
    assert configuration([]).iceServers == []  # and not None, which would ask a public server


@pytest.mark.parametrize("address", ["http://one.test", "turn:one.test", "stun:", "stun:a:b"])
def test_an_address_that_is_none_keeps_the_server_from_starting(address: str) -> None:
    with pytest.raises(BadOption, match="stun:HOST:PORT"):
        Bounds(ice_servers=(address,))


# ---- the channel


class Pipe:
    """A data channel that is open, as aiortc's."""

    def __init__(self) -> None:
        self.readyState = "open"
        self.bufferedAmount = 0
        self.bufferedAmountLowThreshold = 0
        self.sent: list[Any] = []
        self.on_ = {}

    def on(self, name: str, do: Any) -> None:
        self.on_[name] = do

    def send(self, data: Any) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.readyState = "closed"
        self.on_["close"]()


def channel(*, images: bool = False, most: int = 1_000) -> tuple[Channel, Pipe]:
    made, pipe = Channel({}, QueryParams(), most, images=images), Pipe()
    made.open(pipe)  # type: ignore[arg-type]
    return made, pipe


async def test_sound_that_waits_is_one_message_and_events_keep_their_place() -> None:
    line, pipe = channel()
    assert (await line.receive())["text"] == ""
    line.hear(b"ab")
    line.hear(b"cd")
    pipe.on_["message"]("{}")
    line.hear(b"ef")
    pipe.on_["message"](b"no image is wanted")
    line.hang_up(1006)
    received = [await line.receive() for _ in range(4)]
    assert [message.get("bytes") or message.get("text") for message in received[:3]] == [
        b"abcd",
        "{}",
        b"ef",
    ]
    assert received[3] == {"type": "websocket.disconnect", "code": 1006}


async def test_sound_from_before_the_channel_is_open_is_heard_then() -> None:
    line, pipe = Channel({}, QueryParams(), 1_000, images=False), Pipe()
    line.hear(b"0" * MAX_EARLY)
    line.hear(b"11")
    line.open(pipe)  # type: ignore[arg-type]
    line.hear(b"22")
    assert (await line.receive())["text"] == ""
    assert (await line.receive())["bytes"] == b"0" * (MAX_EARLY - 2) + b"1122"


async def test_images_stay_apart_and_the_track_is_not_heard() -> None:
    line, pipe = channel(images=True)
    pipe.on_["message"](b"one")
    pipe.on_["message"](b"two")
    line.hear(b"sound")
    line.hang_up()
    received = [await line.receive() for _ in range(4)]
    assert [message.get("bytes") for message in received] == [None, b"one", b"two", None]


async def test_a_client_that_is_never_read_is_let_go_of() -> None:
    line, pipe = channel()
    for _ in range(MAX_WAITING // 65_536 + 1):
        pipe.on_["message"]("x" * 65_536)
    assert line.client_state is WebSocketState.DISCONNECTED
    assert (await line.receive())["code"] == 1008


async def test_an_event_that_does_not_fit_becomes_an_error() -> None:
    line, pipe = channel()
    await line.send_text("x" * 999)
    await line.send_text("é" * 999)
    assert pipe.sent[0] == "x" * 999
    assert json.loads(pipe.sent[1])["error"]["code"] == "event_too_large"


async def test_a_client_that_does_not_read_makes_the_sender_wait() -> None:
    line, pipe = channel()
    pipe.bufferedAmount = HIGH + 1
    sending = asyncio.create_task(line.send_text("hello"))
    await asyncio.sleep(0)
    assert not sending.done()
    pipe.bufferedAmount = 0
    pipe.on_["bufferedamountlow"]()
    await sending
    assert pipe.sent == ["hello"]
    pipe.close()
    with pytest.raises(ConnectionError):
        await line.send_text("hello")


# ---- the ear


def frames(lost: int) -> Iterator[AudioFrame]:
    """Ten of 20 ms, Opus' own, with so many lost after the fifth."""
    for n in range(10):
        loud = np.full((1, 960 * 2), 8_000, np.int16)
        frame = AudioFrame.from_ndarray(loud, format="s16", layout="stereo")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = 960 * (n + lost * (n > 4))
        yield frame


@pytest.mark.parametrize("lost", [0, 3, 10_000])
def test_what_is_lost_is_silence_of_its_length(lost: int) -> None:
    ear = Ear()
    heard = b"".join(ear.receive(frame) for frame in frames(lost))
    samples = np.frombuffer(heard, np.int16)
    missing = min(960 * lost, MAX_GAP)
    assert len(samples) == 9_600 + missing
    assert SOUND.sample_rate == 48_000
    assert np.count_nonzero(samples == 0) == missing
    assert set(samples[:4_800]) == {8_000}


async def test_packets_are_heard_as_soon_as_they_are_there() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("audio").receiver
    hasten(receiver)
    assert receiver._RTCRtpReceiver__jitter_buffer._prefetch == PREFETCH
    hasten(object())  # type: ignore[arg-type]  # of a version that has no such thing
    await connection.close()
