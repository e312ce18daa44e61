"""From settings to a service that listens."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache, partial

from sotto.app.engines import check_engine, open_engine
from sotto.app.observing import build_observing
from sotto.app.registry import plugin
from sotto.app.setting_groups import AuthSettings
from sotto.app.setting_types import MEMORY
from sotto.app.settings import Settings
from sotto.app.webhook import build_webhook
from sotto.audio.format import frames
from sotto.clock import Clock, SystemClock
from sotto.errors import BadOption
from sotto.interfaces.engine import ContinuousEngine, Engine
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.checkpoints.catalog import lookup
from sotto.runtime.access import Access, Allowance, Credentials, Open, OpenButAdmin
from sotto.runtime.admission import Admission
from sotto.runtime.batcher import Batcher, Recognizer, Ticket
from sotto.runtime.continuous import Continuous
from sotto.runtime.front_end import FrontEnd
from sotto.runtime.guard import Guarded
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool, ModelSpec
from sotto.runtime.observing import Observing
from sotto.runtime.quota import Quotas
from sotto.runtime.requests import Limits
from sotto.runtime.retention import expiring
from sotto.runtime.schedule import Schedule
from sotto.runtime.service import Service
from sotto.runtime.tracing import Tracing
from sotto.runtime.webhook import delivering
from sotto.streaming.segmenter import SegmenterOptions
from sotto.transcript.options import AudioContext, DecodeOptions

log = logging.getLogger(__name__)

UNKNOWN_SIZE = 100
"""Millions of parameters of a checkpoint that the catalog does not know."""


def build_service(
    settings: Settings,
    store: TranscriptStore | None = None,
    models: ModelPool[Recognizer] | None = None,
    observing: Observing | None = None,
    metrics: Metrics | None = None,
) -> Service:
    """Everything put together; nothing is loaded yet but the detector.

    Without a store, finals are kept in memory: what one command hears is nobody else's to find.
    Without models, those that the settings name are loaded into this process. Raises BadOption.
    """
    if models is None:
        check_engine(settings)
    metrics, clock = metrics or Metrics(), SystemClock()
    observing = observing or build_observing(settings, clock)
    models = models or ModelPool[Recognizer](
        [model_spec(name) for name in settings.models.served],
        loader(settings, clock, metrics, tracing=observing.tracing),
        clock,
        default=settings.models.default,
        idle_unload=settings.models.idle_unload,
        wait=settings.models.wait,
    )
    models.watch(metrics.model_is)
    return Service(
        models=models,
        front_end=FrontEnd(plugin("vad", "silero")()),
        store=store or plugin("storage", "memory")(),
        metrics=metrics,
        limits=limits(settings),
        defaults=DecodeOptions(
            beam_size=settings.engine.beam_size, audio_context=settings.decode.audio_context
        ),
        policy=settings.decode.policy,
        webhook=None if store is None else build_webhook(settings, store),
        admission=Admission() if settings.server.admission else None,
        observing=observing,
    )


def loader(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    around: Callable[[Engine], Engine] = lambda engine: engine,
    tracing: Tracing | None = None,
) -> Callable[[ModelSpec], Recognizer]:
    """What loads a model into this process; `around` may put something around its engine."""

    def load(spec: ModelSpec) -> Recognizer:
        engine = around(open_engine(settings, spec.name))
        exact = context_of(settings, engine) is AudioContext.EXACT
        schedule = Schedule[Ticket](
            max_batch=settings.engine.batch, limit=settings.engine.queue_limit, exact=exact
        )
        if isinstance(engine, ContinuousEngine):
            return Continuous(spec.name, engine, schedule, clock, metrics, tracing)
        return Batcher(spec.name, engine, schedule, clock, metrics, tracing)

    return load


def build_store(settings: Settings) -> TranscriptStore:
    """Where a server's finals are kept; opened with the service. Raises BadOption."""
    url, tells = settings.store.url, settings.webhook.url is not None
    store: TranscriptStore
    if url == MEMORY:
        store = plugin("storage", MEMORY)(keeps_outbox=tells)
    else:
        store = plugin("storage", "sql")(url, keeps_outbox=tells)
    return store


def build_access(settings: Settings, quotas: Quotas | None = None) -> Access:
    """Who is let in. Raises BadOption, and KeysUnavailable where the file of keys is broken."""
    clock, per_address = SystemClock(), settings.server.per_address
    if _is_for_this_machine(settings):
        return Open(clock, per_address=per_address)
    auth = settings.auth
    default = Allowance(auth.rate, auth.concurrent, auth.minutes_per_day)
    keys: Callable[[], Credentials] = partial(plugin("auth", "keys"), settings.auth.keys, default)
    if settings.auth.bypass:
        guarded = cache(lambda: Guarded([keys()], clock))
        return OpenButAdmin(clock, guarded, per_address=per_address)
    credentials = [keys()]
    if takes_tokens(settings):
        credentials.append(_tokens(settings.auth, default, clock))
    return Guarded(credentials, clock, quotas)


def open_because(settings: Settings) -> str | None:
    """Why no key is asked for; None where one is."""
    if settings.auth.bypass:
        return "auth.bypass is set"
    if _is_for_this_machine(settings):
        return "only this machine can connect (auth.on_loopback asks for keys here too)"
    return None


def takes_tokens(settings: Settings) -> bool:
    """Whether signed tokens are let in, besides keys."""
    auth = settings.auth
    return bool(auth.jwt_folder or auth.jwt_bases or auth.jwt_jwks or auth.jwt_secret)


def _is_for_this_machine(settings: Settings) -> bool:
    return _is_loopback(settings.server.host) and not settings.auth.on_loopback


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tokens(auth: AuthSettings, default: Allowance, clock: Clock) -> Credentials:
    from sotto.plugins.auth.claims import Rules
    from sotto.plugins.auth.places import Places

    if not auth.jwt_audiences:
        raise BadOption(
            "auth.jwt_audiences",
            "expected auth.jwt_audiences to name this server as its tokens do (aud), got none: "
            "without it tokens that were made for other servers would be good here",
        )
    places = Places(
        folder=auth.jwt_folder,
        jwks=auth.jwt_jwks,
        bases=auth.jwt_bases,
        secret=auth.jwt_secret.get_secret_value() if auth.jwt_secret else None,
        ttl=auth.jwt_ttl,
    )
    rules = Rules(
        audiences=frozenset(auth.jwt_audiences),
        leeway=auth.jwt_leeway,
        meeting=auth.jwt_meeting_claim,
        speaker=auth.jwt_speaker_claim,
        minutes=auth.jwt_minutes_claim,
        scopes=frozenset(auth.jwt_scopes),
        allowance=default,
    )
    try:
        make = plugin("auth", "tokens")
    except ImportError as error:  # 18 MB of cryptography, which keys need nothing of
        raise BadOption(
            "auth", f"signed tokens need a package more: pip install 'sotto[jwt]' ({error})"
        ) from error
    credentials: Credentials = make(places, rules, clock)
    return credentials


def context_of(settings: Settings, engine: Engine) -> AudioContext:
    """How much the encoder is given unless a request says otherwise."""
    return settings.decode.audio_context or engine.traits.audio_context


def model_spec(name: str) -> ModelSpec:
    """What is known of a model by its name alone."""
    entry = lookup(name)
    if entry is None:
        return ModelSpec(name, UNKNOWN_SIZE)
    aliases = tuple(other for other in (entry.name, *entry.aliases) if other != name)
    return ModelSpec(name, entry.parameters, aliases)


def limits(settings: Settings) -> Limits:
    """The settings in the core's own units."""
    vad = settings.vad
    return Limits(
        max_sessions=settings.server.max_sessions,
        max_file_seconds=settings.server.max_file_seconds,
        keep=settings.store.keep,
        idle=settings.server.idle_flush,
        guard=None if settings.decode.guard is None else frames(settings.decode.guard),
        whole_partials=settings.decode.whole_partials,
        segmenter=SegmenterOptions(
            threshold=vad.threshold,
            release=vad.release,
            min_speech=frames(vad.min_speech),
            silence=frames(vad.silence),
            pre_roll=frames(vad.pre_roll),
            max_utterance=frames(vad.max_utterance),
        ),
    )


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """The service with its store open and its models loading; both let go of at the end.

    Raises StoreUnavailable, BadOption.
    """
    await service.store.open()
    try:
        async with (
            delivering(service.webhook, service.metrics),
            expiring(service.store, service.limits.keep, SystemClock()),
        ):
            await service.models.start()
            try:
                yield service
            finally:
                service.draining = True
                await service.models.close()
                await service.tails.close()
    finally:
        await service.store.close()
        await asyncio.to_thread(service.observing.tracing.close)
