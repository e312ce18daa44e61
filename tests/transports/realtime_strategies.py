"""What clients of OpenAI Realtime may send: sense, nonsense, and anything in between."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

TEXTS = st.text(st.characters(), max_size=20)  # with surrogates
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
FORMATS = st.sampled_from(
    [
        {"type": "audio/pcm", "rate": 24_000},
        {"type": "audio/pcm", "rate": None},
        {"type": "audio/pcmu"},
        {"type": "audio/mp7"},
        {"rate": 0},
        "pcm16",
        None,
    ]
)
DETECTIONS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["server_vad", "semantic_vad", "hope", None]),
            "threshold": st.floats(-1, 2),
            "silence_duration_ms": st.integers(-1, 70_000),
            "eagerness": st.sampled_from(["low", "auto", "never"]),
        },
    ),
)
TRANSCRIPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["whisper-1", "nano", "gigantic", None]) | JSON,
        "language": st.sampled_from(["en", "en-US", "xx", None]) | JSON,
        "languages": st.lists(st.sampled_from(["en", "?"]), max_size=2) | JSON,
        "prompt": TEXTS | JSON,
        "keywords": st.lists(TEXTS, max_size=3) | JSON,
    },
)
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "format": FORMATS | JSON,
        "turn_detection": DETECTIONS | JSON,
        "transcription": TRANSCRIPTIONS | JSON,
    },
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["function", "mcp"]) | JSON,
            "name": st.sampled_from(["f", ""]) | JSON,
            "parameters": st.dictionaries(TEXTS, JSON, max_size=2) | JSON,
        },
    ),
    max_size=2,
)
OUTPUTS = st.fixed_dictionaries(
    {},
    optional={
        "format": FORMATS | JSON,
        "voice": st.sampled_from(["alloy", {"id": "v"}]) | JSON,
        "speed": st.floats(0, 5) | JSON,
        "language": st.sampled_from(["es", "xx", None]) | JSON,
    },
)
ANSWERING = {
    "instructions": TEXTS | JSON,
    "output_modalities": st.lists(st.sampled_from(["text", "audio", "smell"]), max_size=3) | JSON,
    "tools": TOOLS | JSON,
    "tool_choice": st.sampled_from(["none", "any", {"type": "function", "name": "f"}]) | JSON,
    "max_output_tokens": st.sampled_from(["inf", 7, 0]) | JSON,
    "audio": st.fixed_dictionaries({}, optional={"input": INPUTS | JSON, "output": OUTPUTS | JSON})
    | JSON,
}
GA = st.fixed_dictionaries(
    {},
    optional={
        **ANSWERING,
        "type": st.sampled_from(["transcription", "realtime", "dance"]) | JSON,
        "include": st.lists(TEXTS, max_size=2) | JSON,
        "sotto": st.fixed_dictionaries({"holds": st.booleans() | JSON}) | JSON,
    },
)
BETA = st.fixed_dictionaries(
    {},
    optional={
        "input_audio_format": st.sampled_from(["pcm16", "g711_ulaw", "mp7"]) | JSON,
        "input_audio_transcription": TRANSCRIPTIONS | JSON,
        "turn_detection": DETECTIONS | JSON,
        "modalities": st.just(["text"]),
    },
)
FRAGMENTS = st.one_of(GA, BETA, st.dictionaries(TEXTS, JSON, max_size=3))

KINDS = st.sampled_from(
    [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "session.update",
        "transcription_session.update",
        "response.create",
        "response.cancel",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "output_audio_buffer.clear",
    ]
)
CONTENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["input_text", "input_audio", "output_audio", "x"]) | JSON,
            "text": TEXTS | JSON,
            "audio": st.sampled_from(["AAAA", "?"]) | JSON,
            "transcript": TEXTS | JSON,
        },
    ),
    max_size=2,
)
ITEMS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message", "function_call", "function_call_output", "item_reference"]
        )
        | JSON
    },
    optional={
        "id": TEXTS | JSON,
        "role": st.sampled_from(["user", "assistant", "system", "king"]) | JSON,
        "content": CONTENTS | JSON,
        "call_id": TEXTS | JSON,
        "name": TEXTS | JSON,
        "arguments": TEXTS | JSON,
        "output": TEXTS | JSON,
    },
)
RESPONSES = st.fixed_dictionaries(
    {},
    optional={
        **ANSWERING,
        "conversation": st.sampled_from(["none", "auto", "x"]) | JSON,
        "metadata": st.dictionaries(TEXTS, TEXTS | JSON, max_size=2) | JSON,
        "input": st.lists(ITEMS | JSON, max_size=3) | JSON,
    },
)
EVENTS = st.one_of(
    st.binary(max_size=20),
    TEXTS,
    st.builds(
        lambda a, n: a * n, st.sampled_from(["[", '{"a":', "9", "[{}"]), st.integers(1, 9_999)
    ),
    JSON.map(json.dumps),
    st.builds(
        lambda kind, rest: json.dumps({**rest, "type": kind}),
        KINDS | JSON,
        st.fixed_dictionaries(
            {},
            optional={
                "audio": JSON,
                "session": JSON,
                "event_id": JSON,
                "response": RESPONSES | JSON,
                "item": ITEMS | JSON,
                "item_id": TEXTS | JSON,
                "previous_item_id": st.sampled_from(["root", None]) | JSON,
                "audio_end_ms": st.integers(-1, 10**12) | JSON,
            },
        ),
    ),
)
