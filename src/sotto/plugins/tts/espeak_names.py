"""Which languages espeak-ng speaks, and what it calls them."""

from __future__ import annotations

from collections.abc import Mapping

from sotto.plugins.tts.asking import FIVE

_OTHERS = (
    "de ru ko pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta th ur hr bg lt la mi "
    "ml cy sk te fa lv bn sr az sl kn et mk eu is hy ne bs kk sq sw mr pa si af ka be sd gu am uz "
    "ht tk mt lb my as tt haw ba yue"
)
ESPEAK_NAMES: Mapping[str, str] = {
    **{language: language for language in (*FIVE, *_OTHERS.split())},
    "en": "en-us",
    "zh": "cmn",
    "no": "nb",
}
"""Whisper's languages that it speaks → what it calls them."""
