"""An answer's sound in the format that its client wants, in events over the socket."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import numpy as np
import soxr

from sotto.audio.encode import to_alaw, to_mulaw, to_s16
from sotto.audio.format import Encoding, PcmFormat, PcmReader, Samples, exact_div
from sotto.dialogue.events import AudioDelta, Place
from sotto.dialogue.items import OUTPUT_RATE
from sotto.transports.realtime.events import Json

MAX_PIECE = exact_div(OUTPUT_RATE, 5)
"""Samples before they are resampled, 200 ms: a client that is interrupted has little more to read
of what it will throw away."""

_PLAIN = PcmFormat(Encoding.PCM_S16LE, OUTPUT_RATE)
_ENCODE: dict[Encoding, Callable[[Samples], bytes]] = {
    Encoding.PCM_S16LE: to_s16,
    Encoding.MULAW: to_mulaw,
    Encoding.ALAW: to_alaw,
}


class Encoder:
    """s16le at OUTPUT_RATE, one item's, on its way to another format."""

    def __init__(self, pcm: PcmFormat) -> None:
        self._reader = PcmReader(_PLAIN)
        self._encode = _ENCODE[pcm.encoding]
        self._is_plain = pcm == _PLAIN
        rate = pcm.sample_rate
        self._stream = None if rate == OUTPUT_RATE else soxr.ResampleStream(OUTPUT_RATE, rate, 1)

    def receive(self, pcm: bytes) -> bytes:
        """What of the output became known by this."""
        return pcm if self._is_plain else self._made(self._reader.receive(pcm), last=False)

    def finish(self) -> bytes:
        """What was still held back."""
        return b"" if self._stream is None else self._made(np.empty(0, np.float32), last=True)

    def _made(self, samples: Samples, *, last: bool) -> bytes:
        if self._stream is not None:
            samples = self._stream.resample_chunk(samples, last=last)
        return self._encode(samples)


class Socket:
    """The way out of a call whose events and sound take the same way; an `Outlet`."""

    def __init__(
        self, tell: Callable[[Json], Awaitable[None]], sound_of: Callable[[str], PcmFormat]
    ) -> None:
        """`sound_of`: in which format an answer's sound leaves."""
        self._tell = tell
        self._sound_of = sound_of
        self._encoders: dict[str, Encoder] = {}
        """By item, while more of it comes."""

    async def sound(self, delta: AudioDelta) -> None:
        """Sound more, in pieces of at most 200 ms."""
        encoder = self._encoders.get(delta.at.item)
        if encoder is None:
            encoder = self._encoders[delta.at.item] = Encoder(self._sound_of(delta.at.response))
        step = 2 * MAX_PIECE
        for start in range(0, len(delta.pcm), step):
            await self._send(delta.at, encoder.receive(delta.pcm[start : start + step]))

    async def finish(self, at: Place) -> None:
        """What the resampler held back."""
        if (encoder := self._encoders.pop(at.item, None)) is not None:
            await self._send(at, encoder.finish())

    async def hold(self, response: str) -> None:
        """Tell the client, which said that it can."""
        await self._tell({"type": "output_audio_buffer.paused", "response_id": response})

    async def resume(self, response: str) -> None:
        """Tell the client."""
        await self._tell({"type": "output_audio_buffer.resumed", "response_id": response})

    async def clear(self, response: str) -> None:
        """Nothing waits here: the client throws away what it has."""

    def played(self) -> int | None:
        """Nobody here knows."""
        return None

    async def _send(self, at: Place, data: bytes) -> None:
        if data:
            await self._tell(
                {
                    "type": "response.output_audio.delta",
                    "response_id": at.response,
                    "item_id": at.item,
                    "output_index": at.output,
                    "content_index": 0,
                    "delta": base64.b64encode(data).decode(),
                }
            )
