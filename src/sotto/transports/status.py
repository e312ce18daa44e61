"""What the server says of itself: alive, ready, figures, and hush's three numbers."""

from __future__ import annotations

from fastapi import APIRouter, Response

from sotto.errors import Draining, ModelNotReady
from sotto.runtime.models import ModelState
from sotto.runtime.service import Service

NAME = "status"


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["Status"])

    @routes.get("/health", summary="Alive?")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/ready", summary="Ready to transcribe?")
    async def ready() -> dict[str, object]:
        loaded = [s.name for s in service.models.snapshot() if s.state is ModelState.READY]
        if service.draining:
            raise Draining("the server is about to stop")
        if not loaded:
            raise ModelNotReady("no model is ready yet")
        if service.warming:
            raise ModelNotReady("conversations are not ready yet")
        return {"status": "ready", "models": loaded}

    @routes.get("/metrics", summary="Figures for Prometheus")
    async def metrics() -> Response:
        return Response(service.metrics.render(), media_type=service.metrics.content_type)

    return routes


def summary(service: Service) -> dict[str, int]:
    """Requests done, requests under way, models that are ready."""
    states = [status.state for status in service.models.snapshot()]
    return {
        "done": service.done,
        "queue": service.open_files + service.open_streams,
        "models": states.count(ModelState.READY),
    }
