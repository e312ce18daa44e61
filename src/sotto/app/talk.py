"""From settings to who answers in conversations, and what is told of the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from sotto.app.registry import plugin
from sotto.app.setting_talk import TalkSettings, VoiceSettings
from sotto.app.settings import Settings
from sotto.dialogue.events import ResponseDone
from sotto.dialogue.partner import Limits, Partner
from sotto.dialogue.request import Manner
from sotto.dialogue.voices import Voices
from sotto.errors import BadOption, ChatUnavailable, ModelUnavailable, VoiceUnavailable
from sotto.interfaces.chat import ChatModel
from sotto.interfaces.synthesizer import Synthesizer
from sotto.interfaces.turn_detector import TurnDetector
from sotto.runtime.about import about
from sotto.runtime.metrics import Metrics
from sotto.runtime.service import Service
from sotto.runtime.tracing import AnswerRun, Tracing

log = logging.getLogger(__name__)

SPEAKING = frozenset({"realtime", "speech"})
"""Dialects that have something to say."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds before a model that did not answer is tried again."""
EXTRA = "pip install 'sotto[talk]'"


def build_partner(settings: Settings, service: Service) -> Partner | None:
    """None where nothing that is served ever speaks. Raises BadOption."""
    if not speaks(settings):
        return None
    talk, voice = settings.talk, settings.voice
    manner = Manner(
        instructions=talk.instructions,
        voice=voice.name or "",
        speed=voice.speed,
        language=talk.language or "",
    )
    return Partner(
        chat=build_chat(talk),
        voices=Voices(build_synthesizers(voice)),
        manner=manner,
        budget=talk.budget,
        turns=build_turn_detector(talk),
        limits=Limits(silence=talk.timeout),
        watch=watching(service.metrics, service.observing.tracing),
        interrupted=service.metrics.interruptions.inc,
    )


def speaks(settings: Settings) -> bool:
    """Whether anything that is served has something to say."""
    server = settings.server
    has_port = settings.ports.wyoming is not None
    return server.audio_transports and (has_port or not SPEAKING.isdisjoint(server.modules))


@asynccontextmanager
async def talking(
    partner: Partner | None, service: Service, patience: float
) -> AsyncIterator[None]:
    """For as long as it is open, the partner can be asked; it is warmed up meanwhile.

    `/ready` waits for that, `patience` seconds at most: one that is down keeps nobody from being
    written down.
    """
    if partner is None:
        yield
        return
    service.warming = True
    warming = asyncio.create_task(_warm_up(partner, service, patience))
    try:
        yield
    finally:
        warming.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await warming
        finally:
            await partner.close()


async def _warm_up(partner: Partner, service: Service, patience: float) -> None:
    """Until all of it answers; what does not is tried again."""
    pause = FIRST_PAUSE
    while (why := await _answers(partner, service, patience)) is not None:
        log.warning("talk: conversations are not ready, again in %g s: %s", pause, why)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _answers(partner: Partner, service: Service, patience: float) -> str | None:
    """Ask everything once; why it does not answer, or None."""
    try:
        async with asyncio.timeout(patience):
            times = await partner.warm_up()
    except TimeoutError:
        return f"nothing came within {patience:g} s"
    except (ChatUnavailable, VoiceUnavailable) as error:
        return str(error)
    finally:
        service.warming = False
    told = (f"{what} {1_000 * seconds:.0f} ms" for what, seconds in times.items())
    log.info("talk: %s", ", ".join(told))
    return None


def watching(metrics: Metrics, tracing: Tracing) -> Callable[[ResponseDone], None]:
    """What counts each answer, and draws it."""

    def watch(done: ResponseDone) -> None:
        _count(metrics, done)
        tracing.answered(about(), _run(done))

    return watch


def _count(metrics: Metrics, done: ResponseDone) -> None:
    metrics.answers.labels(done.ending.value).inc()
    timing = done.timing
    for histogram, seconds in (
        (metrics.answer_heard, timing.heard),
        (metrics.answer_word, timing.first_word),
        (metrics.answer_sound, timing.first_sound),
    ):
        if seconds is not None:
            histogram.observe(seconds)


def _run(done: ResponseDone) -> AnswerRun:
    timing = done.timing
    return AnswerRun(
        response=done.request.id,
        ending=done.ending.value,
        took=timing.over or 0.0,
        heard=timing.heard,
        first_word=timing.first_word,
        last_word=timing.last_word,
        first_phrase=timing.first_phrase,
        first_sound=timing.first_sound,
        last_sound=timing.last_sound,
        error=done.error[0] if done.error is not None else "",
    )


def build_chat(talk: TalkSettings) -> ChatModel:
    """The language model, to which nothing is said yet. Raises BadOption."""
    name = talk.llm or ("parrot" if talk.url is None else "openai")
    try:
        make = plugin("llm", name)
    except ImportError as error:
        raise BadOption("talk.llm", f"{name} needs a package more: {EXTRA} ({error})") from error
    if name == "parrot":
        parrot: ChatModel = make()
        return parrot
    if talk.url is None:
        raise BadOption("talk.url", f"expected talk.url where {name} answers, got none")
    key = talk.key.get_secret_value() if talk.key else None
    chat: ChatModel = make(url=talk.url, model=talk.model, key=key, timeout=talk.timeout)
    return chat


def build_turn_detector(talk: TalkSettings) -> TurnDetector | None:
    """None where no file is named. Raises BadOption."""
    if talk.smart_turn is None:
        return None
    try:
        detector: TurnDetector = plugin("turns", "smart-turn")(talk.smart_turn)
    except ModelUnavailable as error:
        raise BadOption("talk.smart_turn", str(error)) from error
    return detector


def build_synthesizers(voice: VoiceSettings) -> list[Synthesizer]:
    """Those that are installed, in the settings' order. Raises BadOption."""
    return [made for name in voice.engines if (made := _synthesizer(name, voice)) is not None]


def _synthesizer(name: str, voice: VoiceSettings) -> Synthesizer | None:
    """None where the one that is named unless another is wanted is not installed."""
    try:
        synthesizer: Synthesizer = plugin("tts", name)(**_arguments(name, voice))
    except (ImportError, VoiceUnavailable) as error:
        if name != "espeak":
            raise BadOption("voice.engines", f"{name} does not speak: {error}") from error
        log.warning("nothing speaks: answers are text alone until you %s (%s)", EXTRA, error)
        return None
    return synthesizer


def _arguments(name: str, voice: VoiceSettings) -> dict[str, object]:
    """What a plug-in of ours is made with. Raises BadOption."""
    match name:
        case "kokoro":
            return {
                "model": _given("voice.kokoro_model", voice.kokoro_model),
                "voices": _given("voice.kokoro_voices", voice.kokoro_voices),
            }
        case "sherpa":
            return {"folder": _given("voice.sherpa", voice.sherpa)}
        case "openai":
            key = voice.key.get_secret_value() if voice.key else None
            url = _given("voice.url", voice.url)
            return {"url": url, "key": key, "model": voice.model}
        case _:
            return {}


def _given(setting: str, value: object) -> object:
    if value is None:
        raise BadOption(setting, f"expected {setting} for an engine of voice.engines, got none")
    return value
