"""Frames that each parser takes: what the others are made from."""

from __future__ import annotations

import json
import struct

from sotto.transports.wyoming.wire import pack


def wav(data: bytes) -> bytes:
    """A file of samples."""
    form = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _dumped(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


STREAM = _dumped(
    {
        "model": "auto",
        "language": "en",
        "languages": ["en", "de"],
        "task": "transcribe",
        "encoding": "pcm_s16le",
        "sample_rate": 48_000,
        "channels": 2,
        "policy": "alignatt",
        "partials": True,
        "chunk_duration": 5.0,
        "overlap": 0.5,
        "prompt": "",
        "hotwords": "",
        "beam_size": 1,
    },
    {"encoding": "mel8", "session": "a-b", "at": 1.5, "received": 1},
)
COMMANDS = _dumped({"type": "flush"}, {"type": "finish"})
VOSK = _dumped(
    {"config": {"sample_rate": 8000.0, "words": 1, "phrase_list": ["a b", "[unk]"]}},
    {"config": {"max_alternatives": 1, "model": "small"}},
    {"eof": 1},
    {"reset": 1},
)
WHISPERLIVE = _dumped(
    {
        "uid": "a",
        "language": "en",
        "task": "transcribe",
        "model": "small",
        "audio_format": "int16",
        "send_last_n_segments": 10,
        "initial_prompt": "",
        "vad_parameters": {"threshold": 0.5, "onset": 0.5, "min_silence_duration_ms": 300},
    }
)
KIT = (b"language=en&mode=full", b"language=auto&mode=diff&token=a")
DEEPGRAM = (
    b"model=nova-3&language=en&encoding=linear16&sample_rate=16000&channels=2&multichannel=true",
    b"interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true&keyterm=a&tag=b",
)
DEEPGRAM_MESSAGES = _dumped(
    {"type": "KeepAlive"},
    {"type": "Finalize", "channel": 0},
    {"type": "CloseStream"},
    {"type": "Configure", "thresholds": {"eot_threshold": 0.5}},
)
REALTIME = _dumped(
    {"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "e"},
    {"type": "input_audio_buffer.commit"},
    {
        "type": "session.update",
        "session": {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "transcription": {"model": "whisper-1", "language": "en", "prompt": "a"},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 500,
                    },
                }
            },
            "include": ["item.input_audio_transcription.logprobs"],
        },
    },
    {
        "type": "transcription_session.update",
        "session": {"input_audio_format": "pcm16", "turn_detection": None},
    },
)
TRANSLATION = _dumped(
    {"type": "session.input_audio_buffer.append", "audio": "AAAA"},
    {"type": "session.update", "session": {"audio": {"output": {"language": "es"}}}},
    {"type": "session.close", "event_id": "e"},
)
TALK = _dumped(
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "Be kind.",
            "output_modalities": ["audio"],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
            "tool_choice": {"type": "function", "name": "f"},
            "max_output_tokens": "inf",
            "audio": {
                "input": {
                    "transcription": None,
                    "turn_detection": {
                        "type": "semantic_vad",
                        "eagerness": "high",
                        "create_response": False,
                        "idle_timeout_ms": 5_000,
                    },
                },
                "output": {
                    "format": {"type": "audio/pcmu"},
                    "voice": {"id": "a"},
                    "speed": 1.5,
                    "language": "es",
                },
            },
            "sotto": {"holds": True},
        },
    },
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {
            "type": "message",
            "id": "a",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "b"},
                {"type": "input_audio", "audio": "AAAA"},
                {"type": "input_image", "image_url": "data:,"},
            ],
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": "{}"},
    },
    {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "metadata": {"k": "v"},
            "input": [
                {"type": "item_reference", "id": "a"},
                {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"},
            ],
            "output_modalities": ["text"],
            "max_output_tokens": 7,
        },
    },
    {
        "type": "conversation.item.truncate",
        "item_id": "a",
        "content_index": 0,
        "audio_end_ms": 100,
    },
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "response.cancel", "response_id": "a"},
    {"type": "output_audio_buffer.clear"},
)
WYOMING = (
    pack("transcribe", {"name": "nano", "language": "en"}),
    pack("audio-start", {"rate": 16_000, "width": 2, "channels": 1}),
    pack("audio-chunk", {"rate": 16_000, "width": 2, "channels": 1}, bytes(64)),
    pack("describe") + pack("audio-stop", {"timestamp": 1}),
)

_PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
_FILE = _PART % (b"file", b'; filename="a.wav"', wav(bytes(640)))
FORMS = (
    _FILE + _PART % (b"model", b"", b"nano") + b"--b--\r\n",
    _PART % (b"language", b"", b"en")
    + _PART % (b"temperature", b"", b"0.5")
    + _FILE
    + b"--b--\r\n",
    _PART % (b"response_format", b"", b"srt")
    + _PART % (b"timestamp_granularities[]", b"", b"word")
    + _FILE
    + b"--b--\r\n",
)
