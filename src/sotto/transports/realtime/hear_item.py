"""Sound that a client puts into a conversation at once, as words."""

from __future__ import annotations

import asyncio
import io
import wave

from sotto.audio.encode import to_s16
from sotto.audio.format import PcmFormat, PcmReader
from sotto.runtime.requests import FileRequest
from sotto.transports.realtime.call import Call


async def hear_item(call: Call, data: bytes) -> str:
    """What is said in sound of the session's format. Raises as `Service.transcribe_file`."""
    wanted = call.request("")
    file = await asyncio.to_thread(_as_file, data, call.session.pcm)
    request = FileRequest(wanted.model, wanted.decode)
    return (await call.service.transcribe_file(file, request)).text


def _as_file(data: bytes, pcm: PcmFormat) -> io.BytesIO:
    """A WAV file. Raises BadAudio where a sample is cut."""
    reader, file = PcmReader(pcm), io.BytesIO()
    samples = reader.receive(data)
    reader.finish()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(pcm.sample_rate)
        out.writeframes(to_s16(samples))
    file.seek(0)
    return file
