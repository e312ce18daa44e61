"""Home Assistant's other road: text to speech, by the client of the released `wyoming` package."""

from __future__ import annotations

import io
import warnings
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.testing.talking import ScriptedChat, ToneVoice
from sotto.transports.wyoming.speech import MAX_TEXT
from tests.asking import eventually
from tests.wyoming_port import WyomingServed, serving_wyoming

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # audioop, which Python 3.13 has no more
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.error import Error
    from wyoming.event import Event
    from wyoming.info import Describe, Info
    from wyoming.tts import (
        Synthesize,
        SynthesizeChunk,
        SynthesizeStart,
        SynthesizeStop,
        SynthesizeStopped,
        SynthesizeVoice,
    )

TIMEOUT = 60.0


@dataclass
class Speaking:
    served: WyomingServed
    tone: ToneVoice

    def client(self) -> AsyncTcpClient:
        return AsyncTcpClient(
            "127.0.0.1", self.served.port, connect_timeout=5, read_timeout=TIMEOUT
        )


@pytest.fixture(scope="module")
def speaking() -> Iterator[Speaking]:
    tone = ToneVoice(["en", "es", "zh"])
    partner = Partner(ScriptedChat(["Yes."]), Voices([tone]))
    with serving_wyoming(partner) as served:
        yield Speaking(served, tone)


@pytest.fixture(autouse=True)
def nothing_stays(speaking: Speaking) -> Iterator[None]:
    yield
    eventually(lambda: speaking.tone.open == speaking.served.server.service.open_files == 0)


async def until(client: AsyncTcpClient, kind: type) -> list[Event]:
    """What comes up to the first event of a kind."""
    events: list[Event] = []
    while not events or not kind.is_type(events[-1].type):
        event = await client.read_event()
        assert event is not None, [event.type for event in events]
        events.append(event)
    return events


def sound_of(events: list[Event]) -> bytes:
    """s16le between one audio-start and one audio-stop."""
    start, *chunks, stop = events
    assert AudioStop.is_type(stop.type)
    told = AudioStart.from_event(start)
    assert (told.rate, told.width, told.channels) == (OUTPUT_RATE, 2, 1)
    return b"".join(AudioChunk.from_event(chunk).audio for chunk in chunks)


async def test_it_says_what_it_speaks(speaking: Speaking) -> None:
    async with speaking.client() as asking:
        await asking.write_event(Describe().event())
        info = Info.from_event((await until(asking, Info))[-1])
    (program,) = info.tts
    assert program.installed
    assert program.supports_synthesize_streaming
    assert program.version
    assert [(voice.name, voice.languages) for voice in program.voices] == [
        (f"{language}-tone-{pitch}", [language])
        for language in ("en", "es", "zh")
        for pitch in ("low", "high")
    ]


async def test_a_text_is_spoken(speaking: Speaking) -> None:
    async with speaking.client() as asking:
        for text in ("Good morning to you.", "And good night."):
            await asking.write_event(Synthesize(text=text).event())
            sound = sound_of(await until(asking, AudioStop))
            assert len(sound) == 2 * speaking.tone.length(text)


@pytest.mark.parametrize(
    ("voice", "language", "name"),
    [
        (SynthesizeVoice(name="es-tone-high"), "es", "tone-high"),
        (SynthesizeVoice(name="tone-high"), "en", "tone-high"),
        (SynthesizeVoice(name="en_US-amy-low"), "en", ""),
        (SynthesizeVoice(language="es"), "es", ""),
        (SynthesizeVoice(language="es-MX"), "es", ""),
        (None, "en", ""),
    ],
)
async def test_in_the_voice_that_is_wanted(
    speaking: Speaking, voice: SynthesizeVoice | None, language: str, name: str
) -> None:
    async with speaking.client() as asking:
        await asking.write_event(Synthesize(text="Hola.", voice=voice).event())
        assert sound_of(await until(asking, AudioStop))
    spoken = speaking.tone.spoken[-1]
    assert (spoken.language, spoken.voice) == (language, name)


async def test_a_text_is_spoken_while_it_comes(speaking: Speaking) -> None:
    """As Home Assistant sends what a language model says, and then all of it once more."""
    async with speaking.client() as asking:
        await asking.write_event(SynthesizeStart(voice=SynthesizeVoice(name="en-tone-low")).event())
        for text in ("Good mor", "ning to you. And ", "how are"):
            await asking.write_event(SynthesizeChunk(text=text).event())
        begun = await until(asking, AudioChunk)  # before it is told that nothing more comes
        await asking.write_event(SynthesizeChunk(text=" you?").event())
        whole = "Good morning to you. And how are you?"
        await asking.write_event(Synthesize(text=whole).event())
        await asking.write_event(SynthesizeStop().event())
        *events, last = [*begun, *await until(asking, SynthesizeStopped)]
        assert SynthesizeStopped.is_type(last.type)
        assert len(sound_of(events)) == 2 * speaking.tone.length(whole[1:])  # but for a space
        await asking.write_event(Synthesize(text="Good night.").event())
        assert sound_of(await until(asking, AudioStop))


async def test_nothing_to_say_is_an_end_without_sound(speaking: Speaking) -> None:
    async with speaking.client() as asking:
        await asking.write_event(Synthesize(text=" … ").event())
        assert sound_of(await until(asking, AudioStop)) == b""


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([SynthesizeChunk(text="x").event()], "protocol_violation"),
        ([SynthesizeStop().event()], "protocol_violation"),
        ([SynthesizeStart().event()] * 2, "protocol_violation"),
        ([Event(type="synthesize", data={"text": 5})], "protocol_violation"),
        ([Event(type="synthesize")], "protocol_violation"),
        ([Synthesize(text="x" * (MAX_TEXT + 1)).event()], "too_large"),
        ([Synthesize(text="Bonjour.", voice=SynthesizeVoice(language="fr")).event()],
         "unknown_language"),
        ([Synthesize(text="Здравствуйте.").event()], "voice_unavailable"),
    ],
)  # fmt: skip
async def test_a_refusal_is_an_error_and_the_end(
    speaking: Speaking, said: list[Event], code: str
) -> None:
    async with speaking.client() as asking:
        for event in said:
            await asking.write_event(event)
        error = Error.from_event((await until(asking, Error))[-1])
        assert await asking.read_event() is None
    assert error.code == code


async def test_one_who_leaves_in_the_middle_is_spoken_to_no_more(speaking: Speaking) -> None:
    async with speaking.client() as asking:
        await asking.write_event(Synthesize(text="One two three. " * 3_000).event())
        await until(asking, AudioChunk)
    eventually(lambda: speaking.served.server.service.open_files == 0)


async def test_what_espeak_says_is_heard() -> None:
    """The server as it comes."""
    pytest.importorskip("espeakng_loader", reason="needs pip install 'sotto[talk]'")
    with serving_wyoming() as served:
        client = AsyncTcpClient("127.0.0.1", served.port, connect_timeout=5, read_timeout=TIMEOUT)
        async with client as asking:
            voice = SynthesizeVoice(name="en-woman")
            await asking.write_event(Synthesize(text="nine two five", voice=voice).event())
            sound = sound_of(await until(asking, AudioStop))
        file = io.BytesIO()
        with wave.open(file, "wb") as writing:
            writing.setparams((1, 2, OUTPUT_RATE, 0, "NONE", ""))
            writing.writeframes(sound)
        files = {"file": ("said.wav", file.getvalue())}
        url = f"{served.server.url}/v1/audio/transcriptions"
        answer = httpx2.post(url, files=files, timeout=60)
    assert answer.json()["text"] == "nine two five"
