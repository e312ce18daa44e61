"""The deployment that holds connections and sessions: the application of one process, without its
engines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sotto.app import logs
from sotto.app.build import build_access, build_service, build_store, running
from sotto.app.http import make_app
from sotto.app.ray.arguments import Arguments
from sotto.app.ray.draining import is_to_stop, watch
from sotto.app.ray.figures import Reports, together
from sotto.app.ray.keeper import is_kept
from sotto.app.ray.models import model_pool
from sotto.app.ray.places import EngineHandle, Keeper
from sotto.app.ray.secrets import AfterTold, SharedAccess
from sotto.app.ray.store import RemoteStore
from sotto.app.server import SWITCH_SECONDS
from sotto.app.setting_groups import WebhookSettings
from sotto.app.settings import Settings
from sotto.app.stopping import Patience, let_go
from sotto.app.talk import build_partner, talking
from sotto.clock import SystemClock
from sotto.dialogue.partner import Partner
from sotto.runtime.metrics import Metrics
from sotto.runtime.quota import Quotas
from sotto.runtime.service import Service
from sotto.transports.realtime.secrets import Secrets


class IngressReplica:
    """One process with doors and sessions; Serve runs the application that it builds."""

    def __init__(
        self,
        settings: Settings,
        arguments: Arguments,
        engines: Mapping[str, EngineHandle],
        keeper: Keeper,
    ) -> None:
        self._settings = settings
        self._arguments = arguments
        self._engines = engines
        self._keeper = keeper

    async def __serve_build_asgi_app__(self) -> ASGIApp:
        """Serve asks for it once, in the loop in which it will run. Raises BadOption."""
        logs.configure(self._settings.log)
        sys.setswitchinterval(SWITCH_SECONDS)
        service = self._service()
        quotas = Quotas(service.store, SystemClock())
        secrets = Secrets(SystemClock())
        own = build_access(self._settings, quotas)
        access = SharedAccess(own, secrets, self._keeper)
        partner = build_partner(self._settings, service)
        life = partial(self._life, service, quotas, partner)
        app = make_app(service, self._settings, access, life, secrets, partner)
        return WithAllFigures(AfterTold(app, access), self._keeper)

    def _service(self) -> Service:
        """As in one process, but for the engines; the keeper posts the finals that it keeps."""
        settings, metrics = self._settings, Metrics()
        models = model_pool(settings, self._arguments, self._engines, metrics)
        if is_kept(settings):
            quiet = settings.model_copy(update={"webhook": WebhookSettings()})
            return build_service(quiet, RemoteStore(self._keeper), models, metrics=metrics)
        return build_service(settings, build_store(settings), models, metrics=metrics)

    @asynccontextmanager
    async def _life(
        self, service: Service, quotas: Quotas, partner: Partner | None
    ) -> AsyncIterator[None]:
        reports = Reports(service.metrics, self._keeper)
        patience = Patience(0.0, self._arguments.ingress.drain)
        leaving = asyncio.create_task(watch(is_to_stop, partial(let_go, service, patience)))
        admission = service.admission
        watching = nullcontext() if admission is None else admission.watching(service.metrics)
        try:
            talk = talking(partner, service, self._settings.talk.timeout)
            async with running(service), talk, quotas.kept(), watching:
                yield
        finally:
            reports.close()
            leaving.cancel()


class WithAllFigures:
    """The application, whose `/metrics` tells of all replicas: who asks meets any of them."""

    def __init__(self, app: ASGIApp, keeper: Keeper) -> None:
        self._app = app
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one socket, or the application's life."""
        if scope["type"] == "http" and scope["path"] == "/metrics":
            pages = await self._keeper.figures.remote()
            page = await asyncio.to_thread(together, pages)
            await Response(page, media_type=Metrics.content_type)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
