"""Sessions of OpenAI Realtime as JSON: merged, filled, and turned from one shape to the other."""

from __future__ import annotations

from typing import Any

from sotto.errors import BadOption
from sotto.transports.realtime.events import Json, Shape

OPENAIS_RATE = 24_000
"""Samples a second of `audio/pcm` where it says none."""
OPENAIS_WORDS: Json = {"model": "whisper-1", "language": None, "prompt": ""}
"""How turns are written down where a client does not say."""

_FORMATS = {
    "pcm16": {"type": "audio/pcm", "rate": OPENAIS_RATE},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_FLAT = {
    "input_audio_format": "format",
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
"""The beta's names → those in `audio.input`."""
_ANSWERS = frozenset(
    (
        *("model", "output_modalities", "instructions", "tools", "tool_choice", "truncation"),
        *("parallel_tool_calls", "max_output_tokens", "prompt", "reasoning", "sotto"),
    )
)
"""What a session has only if it is a conversation."""
_FOLLOWING = ("create_response", "interrupt_response", "idle_timeout_ms")
"""The same of a turn detection."""
_BETAS = frozenset((*_FLAT, "modalities", "output_audio_format", "voice", "temperature"))


def shape_of(fragment: Json) -> Shape | None:
    """Which shape a fragment has, where it shows."""
    if "audio" in fragment or "type" in fragment:
        return Shape.GA
    return Shape.BETA if _BETAS & fragment.keys() else None


def from_beta(fragment: Json) -> Json:
    """As the released shape has it. Raises BadOption for a format that is none."""
    rest = {key: value for key, value in fragment.items() if key not in (*_FLAT, "client_secret")}
    heard = {_FLAT[key]: value for key, value in fragment.items() if key in _FLAT}
    if "format" in heard:
        given = heard["format"]
        if not isinstance(given, str) or given not in _FORMATS:
            raise BadOption(
                "session.input_audio_format", f"expected one of {', '.join(_FORMATS)}, got another"
            )
        heard["format"] = _FORMATS[given]
    return {**rest, **({"audio": {"input": heard}} if heard else {})}


def to_beta(document: Json) -> Json:
    """As the beta has it."""
    heard: dict[str, Any] = (document.get("audio") or {}).get("input") or {}
    flat = {name: heard.get(key) for name, key in _FLAT.items()}
    names = (name for name, given in _FORMATS.items() if given == flat["input_audio_format"])
    rest = {key: value for key, value in document.items() if key not in ("audio", "type")}
    return {**rest, **flat, "input_audio_format": next(names, "pcm16")}


def merged(old: Json, new: Json) -> Json:
    """Only what is present changes; null clears; an object of another type replaces."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict) and not _differ(before, value):
            result[key] = merged(before, value)
        else:
            result[key] = value
    return result


def _differ(old: Json, new: Json) -> bool:
    return bool(new.get("type", old.get("type")) != old.get("type"))


def filled(document: Json) -> Json:
    """With the types that a client may leave out, where what they mean is one thing."""
    audio = document.get("audio")
    if not isinstance(audio, dict):
        return document
    answers = document.get("type") == "realtime"
    parts = {name: _with_rate(part) for name, part in audio.items()}
    if isinstance(parts.get("input"), dict):
        parts["input"] = _with_detection(parts["input"], answers=answers)
    return {**document, "audio": parts}


def without_answers(document: Json) -> Json:
    """What was a conversation, as a session of transcription: without what that has not."""
    rest = {key: value for key, value in document.items() if key not in _ANSWERS}
    if rest.get("tracing", "") is None:
        del rest["tracing"]
    audio = rest.get("audio")
    if isinstance(audio, dict):
        heard = dict(audio.get("input") or {})
        heard["transcription"] = heard.get("transcription") or OPENAIS_WORDS
        detection = heard.get("turn_detection")
        if isinstance(detection, dict):
            kept = {key: value for key, value in detection.items() if key not in _FOLLOWING}
            heard["turn_detection"] = kept
        rest["audio"] = {**audio, "input": heard}
        rest["audio"].pop("output", None)
    return rest


def _with_rate(part: Any) -> Any:
    form = part.get("format") if isinstance(part, dict) else None
    if isinstance(form, dict) and form.get("type") == "audio/pcm" and form.get("rate") is None:
        return {**part, "format": {**form, "rate": OPENAIS_RATE}}
    return part


def _with_detection(heard: Json, *, answers: bool) -> Json:
    detection = heard.get("turn_detection")
    if not isinstance(detection, dict):
        return heard
    kind = detection.get("type") or "server_vad"
    usual: Json = {"eagerness": "auto"} if kind == "semantic_vad" else {}
    if answers:
        usual |= {"create_response": True, "interrupt_response": True}
    return {**heard, "turn_detection": {**usual, **detection, "type": kind}}
