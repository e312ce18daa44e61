"""All that takes bytes from strangers, each with some frames that it takes and how it is called."""

from __future__ import annotations

import asyncio
import io
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import fuzz_frames
import fuzz_seeds as seeds
import numpy as np
from starlette.datastructures import Headers, QueryParams

from sotto.app.build import build_service
from sotto.app.http import make_app
from sotto.app.settings import load
from sotto.audio.format import Encoding, PcmFormat, PcmReader
from sotto.audio.image import image_size, make_image
from sotto.audio.mel8 import make_mel8, parse_mel8
from sotto.clock import SystemClock
from sotto.dialogue.request import Manner
from sotto.errors import BadAudio, SottoError
from sotto.plugins.auth.claims import Rules, caller, parse_claims
from sotto.plugins.auth.key_file import KEY_PREFIX
from sotto.plugins.auth.keys import Keys
from sotto.runtime.access import Allowance, Open, Scope, network_of
from sotto.runtime.container import ContainerReader, length_of, read_file
from sotto.runtime.guard import Guarded
from sotto.runtime.mel_door import MelDoor
from sotto.runtime.picture import outline, paint, see
from sotto.runtime.service import Service
from sotto.runtime.sniff import SniffingReader
from sotto.transcript.options import DecodeOptions, PolicyName
from sotto.transports import stream, vosk
from sotto.transports.deepgram import shapes as deepgram
from sotto.transports.dialect import token_of
from sotto.transports.realtime import incoming as realtime
from sotto.transports.realtime.session import new_session
from sotto.transports.realtime.translations import parse_translation
from sotto.transports.realtime.understood import SessionType, manner_of
from sotto.transports.skynet.frames import parse_frame
from sotto.transports.whisperlive.dialect import parse_options, uid_of
from sotto.transports.whisperlivekit.dialect import parse_parameters
from sotto.transports.wyoming.shapes import Sound, Transcribe, parse
from sotto.transports.wyoming.wire import EventParser


@dataclass(frozen=True)
class Parser:
    """One of them."""

    name: str
    take: Callable[[bytes], object]
    """Raises SottoError for what it does not take, and nothing else."""
    seeds: tuple[bytes, ...]
    make: Callable[..., bytes] = fuzz_frames.binary
    weight: int = 10
    """How often it has its turn: those that decode media are slow."""


def parsers(folder: Path) -> list[Parser]:
    """`folder` is for the files that some of them read."""
    service = build_service(load(environ={"SOTTO_STORE__URL": "memory"}))
    forms = Parser("forms", _Forms(service), seeds.FORMS, weight=1)
    return [*_messages(service), *_binary(), *_pictures(), *_media(), *_secrets(folder), forms]


def _messages(service: Service) -> list[Parser]:
    text, query = fuzz_frames.text, fuzz_frames.query
    return [
        Parser("stream: configuration", _stream_config, seeds.STREAM, text, 20),
        Parser(
            "stream: command", lambda data: stream.parse_command(_text(data)), seeds.COMMANDS, text
        ),
        Parser("vosk", partial(_vosk, service), seeds.VOSK, text),
        Parser("whisperlive", partial(_whisperlive, service), seeds.WHISPERLIVE, text),
        Parser("whisperlivekit", lambda data: parse_parameters(_query(data)), seeds.KIT, query),
        Parser("deepgram: address", _deepgram, seeds.DEEPGRAM, query),
        Parser(
            "deepgram: message",
            lambda data: deepgram.parse_message(_text(data), 2),
            seeds.DEEPGRAM_MESSAGES,
            text,
        ),
        Parser("realtime", partial(_realtime, service), seeds.REALTIME, text, 20),
        Parser("realtime: talk", partial(_talk, service), seeds.TALK, text, 20),
        Parser(
            "realtime: translation",
            lambda data: parse_translation(_text(data)),
            seeds.TRANSLATION,
            text,
        ),
        Parser("addresses", lambda data: network_of(_text(data)), (b"::1", b"127.0.0.1")),
    ]


def _binary() -> list[Parser]:
    return [
        Parser("skynet", parse_frame, (b"p|en".ljust(60, b"\0") + bytes(64),)),
        Parser("wyoming", _wyoming, seeds.WYOMING, weight=20),
        *(
            Parser(
                f"samples: {encoding}", partial(_samples, encoding), (bytes(range(64)),), weight=2
            )
            for encoding in Encoding
        ),
    ]


def _pictures() -> list[Parser]:
    mel = np.linspace(-8, 0, 80 * 20, dtype=np.float32).reshape(20, 80)
    mel8 = (
        make_mel8(mel),
        make_mel8(mel, position=7, speech=np.ones(20, np.float32)),
        make_mel8(np.zeros((20, 128), np.float32) - 4),
    )
    painted = (paint(mel), make_image(mel))
    return [
        Parser("mel8", parse_mel8, mel8, weight=20),
        Parser("mel8: stream", _mel_stream, mel8),
        Parser("image: size", image_size, painted),
        Parser("image: outline", outline, (*painted, *mel8), weight=10),
        Parser("image: seen", see, (*painted, *mel8), weight=4),
    ]


def _media() -> list[Parser]:
    clip = (resources.files("sotto") / "assets" / "digits.flac").read_bytes()
    wav = seeds.wav(bytes(3_200))
    ogg = b"OggS" + bytes(24) + b"\x1e\x01\x13OpusHead" + bytes(40)
    matroska = b"\x1aE\xdf\xa3" + bytes(60)
    files = (clip[:3_000], wav, ogg, matroska)
    return [
        Parser("file", lambda data: list(read_file(io.BytesIO(data))), files, weight=1),
        Parser("file: length", lambda data: length_of(io.BytesIO(data)), files, weight=1),
        Parser("container: live", partial(_fed, ContainerReader), (ogg, matroska, wav), weight=1),
        Parser("sniffed", partial(_fed, lambda: SniffingReader(PcmFormat())), files, weight=1),
    ]


def _secrets(folder: Path) -> list[Parser]:
    from sotto.plugins.auth.tokens import parse_head

    claims = {"exp": 2e9, "nbf": 1, "aud": "a", "room": "r", "sub": "s", "minutes": 5}
    rules = Rules(frozenset({"a"}), meeting="room", speaker=None, minutes="minutes")
    token = ".".join(
        urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "RS256", "kid": "k", "typ": "JWT"}, claims, "signature")
    )
    keys = Keys(folder / "keys.json", Allowance())
    guard = Guarded([keys], SystemClock())
    return [
        Parser("token: head", lambda data: parse_head(_text(data)), (token.encode(),)),
        Parser(
            "token: claims",
            lambda data: caller("jwt:k", parse_claims(data), rules, 1e9),
            (json.dumps(claims).encode(),),
            fuzz_frames.text,
        ),
        Parser("key", partial(_admit, guard), ((KEY_PREFIX + "a" * 43).encode(), token.encode())),
    ]


class _Forms:
    """A form over HTTP, through all that stands before it and after."""

    def __init__(self, service: Service) -> None:
        self._app = make_app(service, load(environ={}), Open(SystemClock()), nullcontext)
        self._loop = asyncio.new_event_loop()

    def __call__(self, data: bytes) -> None:
        """Raises BadAudio for what is refused in words."""
        status, body = self._loop.run_until_complete(self._post(data))
        if status != 200:
            assert status != 500
            raise BadAudio(json.loads(body)["error"]["message"])

    async def _post(self, data: bytes) -> tuple[int, bytes]:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/audio/transcriptions",
            "query_string": b"",
            "headers": [(b"content-type", b"multipart/form-data; boundary=b")],
        }
        half = len(data) // 2
        asked = iter([(data[:half], True), (data[half:], False)])
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            piece = next(asked, None)
            if piece is None:
                await asyncio.Event().wait()
                raise AssertionError("nothing more comes")
            return {"type": "http.request", "body": piece[0], "more_body": piece[1]}

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        return told[0]["status"], b"".join(part.get("body", b"") for part in told)


def _text(data: bytes) -> str:
    """As a server decodes what must be UTF-8."""
    return data.decode("utf-8", "replace")


def _query(data: bytes) -> QueryParams:
    return QueryParams(data.decode("latin-1"))


def _stream_config(data: bytes) -> object:
    return stream.parse_config(_text(data)).request(DecodeOptions())


def _vosk(service: Service, data: bytes) -> object:
    said = vosk.parse_text(_text(data), vosk.Config())
    return said.request(service) if isinstance(said, vosk.Config) else said


def _whisperlive(service: Service, data: bytes) -> object:
    assert len(uid_of(_text(data))) <= 200
    return parse_options(_text(data)).request(service)


def _deepgram(data: bytes) -> object:
    query = deepgram.parse_query(_query(data).multi_items())
    return query.stream_request(DecodeOptions(), PolicyName.ALIGNATT)


def _realtime(service: Service, data: bytes) -> object:
    event = realtime.parse_event(_text(data))
    if isinstance(event, realtime.Update):
        session = new_session(service, "s", 1, SessionType.TRANSCRIPTION)
        session = session.updated(event.fragment, beta=event.beta)
        json.dumps(session.view(), allow_nan=False)
        return session.request(service, "")
    return event


def _talk(service: Service, data: bytes) -> object:
    event = realtime.parse_event(_text(data))
    match event:
        case realtime.Update(fragment, beta):
            session = new_session(service, "s", 1, SessionType.REALTIME, Manner())
            session = session.updated(fragment, beta=beta)
            json.dumps(session.view(), allow_nan=False)
            return session.request(service, ""), session.manner, session.wishes
        case realtime.Create(item):
            return _at_once(item.item("i", _unheard))
        case realtime.Respond(wanted, items):
            assert all(item.id is None or item.id for item in items or ())
            return manner_of(wanted, Manner())
    return event


async def _unheard(data: bytes) -> str:
    return ""


def _wyoming(data: bytes) -> None:
    parser = EventParser(max_payload=1 << 16)
    cuts = sorted({0, len(data) // 3, len(data) // 2, len(data)})
    for start, end in pairwise(cuts):
        for event in parser.receive(data[start:end]):
            if event.type == "transcribe":
                parse(Transcribe, event).decode(DecodeOptions())
            if event.type in ("audio-start", "audio-chunk"):
                parse(Sound, event).samples(event.payload)
    parser.finish()


def _samples(encoding: Encoding, data: bytes) -> None:
    reader = PcmReader(PcmFormat(encoding, 16_000, 1 + len(data) % 3))
    assert np.isfinite(reader.receive(data)).all()
    reader.finish()


def _mel_stream(data: bytes) -> None:
    door = MelDoor(80)
    try:
        door.receive(data)
        door.finish()
    finally:
        door.close()


def _fed(make: Callable[[], Any], data: bytes) -> None:
    reader = make()
    try:
        for at in range(0, len(data), 1_000):
            reader.receive(data[at : at + 1_000])
        reader.finish()
    finally:
        reader.close()


def _admit(guard: Guarded, data: bytes) -> None:
    value = data.decode("latin-1")
    headers = Headers(raw=[(b"authorization", b"Bearer " + data), (b"x-api-key", data)])
    for token in (token_of(headers, {}), token_of({}, {"token": value}), value):
        try:
            _at_once(guard.admit(token, Scope.FILES))
        except SottoError:
            continue
        raise AssertionError("somebody was let in")


def _at_once(work: Coroutine[Any, Any, object]) -> object:
    """What comes of it. Nothing in it waits: a loop for each frame would be most of the work."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")
