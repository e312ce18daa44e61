"""Plug-ins by name: our own table, and what other packages offer as entry points."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from sotto.errors import BadOption

PLUGINS: dict[str, dict[str, str]] = {
    "engines": {
        "ctranslate2": "sotto.plugins.engines.ctranslate2:CTranslate2Engine",
        "torch": "sotto.plugins.engines.torch_whisper.engine:TorchEngine",
        "remote": "sotto.plugins.engines.remote.engine:RemoteEngine",
    },
    "vad": {"silero": "sotto.plugins.vad.silero:Silero"},
    "auth": {
        "keys": "sotto.plugins.auth.keys:Keys",
        "tokens": "sotto.plugins.auth.places:tokens_of",
    },
    "storage": {
        "memory": "sotto.plugins.storage.memory:MemoryStore",
        "sql": "sotto.plugins.storage.sql:SqlStore",
    },
    "llm": {
        "openai": "sotto.plugins.llm.openai_chat:OpenAIChat",
        "parrot": "sotto.plugins.llm.parrot:Parrot",
    },
    "tts": {
        "espeak": "sotto.plugins.tts.espeak:Espeak",
        "kokoro": "sotto.plugins.tts.kokoro:Kokoro",
        "sherpa": "sotto.plugins.tts.sherpa:Sherpa",
        "openai": "sotto.plugins.tts.openai_speech:OpenAISpeech",
    },
    "turns": {"smart-turn": "sotto.plugins.turns.smart_turn:SmartTurn"},
    "tracing": {"otel": "sotto.plugins.tracing.otel:sending"},
}
"""Family → name → `module:attribute`."""


def plugin(family: str, name: str) -> Any:
    """What the name stands for, imported now. Raises BadOption."""
    own = PLUGINS[family].get(name)
    if own is not None:
        module, _, attribute = own.partition(":")
        return getattr(importlib.import_module(module), attribute)
    foreign = entry_points(group=f"sotto.{family}")
    if name not in foreign.names:
        raise BadOption(family, f"expected one of {', '.join(names(family))}, got {name!r}")
    return foreign[name].load()


def names(family: str) -> list[str]:
    """All that are known; nothing is imported."""
    return sorted({*PLUGINS[family], *entry_points(group=f"sotto.{family}").names})
