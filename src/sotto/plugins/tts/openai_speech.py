"""Any server that speaks as OpenAI's `/v1/audio/speech` does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2
import openai

from sotto.audio.format import Encoding, PcmFormat, PcmReader, Samples
from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase
from sotto.plugins.tts.asking import FIVE, words_of

RATE = 24_000
"""Samples a second of OpenAI's `pcm`."""
VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
)  # fmt: skip
"""OpenAI's; a server that lists others in `/audio/voices` is asked for those."""
MAX_VOICES = 500
CONNECT = 5.0
"""Seconds in which a connection must be there."""
MAX_SECONDS = 600
"""Of sound for one phrase: what says more than that does not stop at all."""

_PCM = ("audio/pcm", "audio/l16", "audio/x-pcm", "audio/raw", "application/octet-stream", "")
"""What a server may call it."""
_FAILURES = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError)


class OpenAISpeech:
    """One server; what it is sent are phrases, and its key."""

    name = "openai"
    sample_rate = RATE

    def __init__(
        self,
        *,
        url: str,
        key: str | None = None,
        model: str | None = None,
        languages: Sequence[str] = FIVE,
        timeout: float = 15.0,
    ) -> None:
        """`url`: such as http://localhost:8880/v1; `timeout`: seconds that it may say nothing."""
        self.languages = frozenset(languages)
        self.voices: tuple[str, ...] = VOICES
        self._takes_language = False
        """OpenAI's own server refuses fields that it does not know; one that lists languages, as
        ours does, knows this one."""
        self._model = model or "tts-1"
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._client = openai.AsyncOpenAI(
            base_url=url,
            api_key=key or "none",
            timeout=httpx2.Timeout(timeout, connect=CONNECT),
            max_retries=1,
        )

    async def speak(self, phrase: Phrase) -> AsyncIterator[Samples]:
        """As it comes over the line. Raises VoiceUnavailable."""
        text = words_of(phrase, self.languages)
        if not text:
            return
        voice = phrase.voice if phrase.voice in self.voices else self.voices[0]
        reader, left = PcmReader(PcmFormat(Encoding.PCM_S16LE, RATE)), MAX_SECONDS * RATE
        try:
            async with self._client.audio.speech.with_streaming_response.create(
                model=self._model,
                voice=voice,
                input=text,
                response_format="pcm",
                speed=min(max(phrase.speed, 0.25), 4.0),
                extra_body={"language": phrase.language} if self._takes_language else None,
            ) as response:
                self._check(response.headers.get("content-type", ""))
                async for data in response.iter_bytes():
                    piece = reader.receive(data)
                    left -= len(piece)
                    if left < 0:
                        raise VoiceUnavailable(f"{self._host} does not stop speaking")
                    if len(piece):
                        yield piece
        except _FAILURES as error:
            raise VoiceUnavailable(f"{self._host} does not speak: {_why(error)}") from error

    async def warm_up(self) -> None:
        """Learn which voices it has, where it tells, and have one word spoken."""
        with suppress(*_FAILURES):
            self._learn(await self._client.get("/audio/voices", cast_to=httpx2.Response))
        async for _ in self.speak(Phrase("1", min(self.languages))):
            pass

    async def close(self) -> None:
        """Let go of its connections."""
        await self._client.close()

    def _learn(self, response: httpx2.Response) -> None:
        """What `/audio/voices` tells, where it is of a form that is known."""
        with suppress(ValueError):
            told = response.json()
            if isinstance(told, dict):
                self.voices = _names(told.get("voices")) or self.voices
                self._takes_language = isinstance(told.get("languages"), list)

    def _check(self, content_type: str) -> None:
        """Another format would be noise."""
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in _PCM:
            raise VoiceUnavailable(f"expected {self._host} to answer with pcm, got {kind[:100]!r}")


def _why(error: Exception) -> str:
    """Without what it says itself: servers put keys into it."""
    if isinstance(error, openai.APIStatusError):
        return f"it answers with status {error.status_code}"
    return type(error).__name__


def _names(listed: object) -> tuple[str, ...]:
    """Of `[name, …]` or `[{"id": name}, …]`; none where it is something else."""
    if not isinstance(listed, list):
        return ()
    ids = (each.get("id") if isinstance(each, dict) else each for each in listed[:MAX_VOICES])
    return tuple(dict.fromkeys(each for each in ids if isinstance(each, str) and each))
