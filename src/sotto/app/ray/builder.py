"""The application: which deployments there are, and how many replicas each has."""

from __future__ import annotations

from typing import Any

from ray import serve
from ray.serve.deployment import Application

from sotto.app.build import limits
from sotto.app.ray.arguments import Arguments, Replicas
from sotto.app.ray.engine import EngineReplica
from sotto.app.ray.ingress import IngressReplica
from sotto.app.ray.keeper import KeeperReplica
from sotto.app.settings import Settings

AFTER_ALL = 64
"""Requests of an ingress replica beyond its streams and files: the page, `/ready`, figures."""
LOOK, HANGS = 2.0, 30.0
"""Seconds from one health check to the next, by which one that died is noticed, and after which one
without an answer failed."""
LAST_LOOK = 0.5
"""Seconds between looks whether a replica that is to stop has nothing left to do."""
AT_ONCE = 4_096
"""Calls of the keeper, or jobs of an engine, at once: their bounds are elsewhere, in sessions,
files and the engines' own queues, which take finals that are one too many."""
LOOK_BACK = 10.0
"""Seconds over which what is under way is averaged."""


def build(args: Arguments) -> Application:
    """What `serve run sotto.app.ray:build` and Serve's file name. Raises BadOption."""
    settings = args.loaded()
    keeper = _deployment(
        KeeperReplica,
        "keeper",
        num_replicas=1,
        ray_actor_options={"num_cpus": args.keeper_cpus},
        max_ongoing_requests=AT_ONCE,
    ).bind(settings)
    engines = {name: _engine(settings, args, name, keeper) for name in settings.models.served}
    ingress = _deployment(
        serve.ingress()(IngressReplica),
        "ingress",
        max_ongoing_requests=_most(settings),
        graceful_shutdown_timeout_s=args.ingress.drain,
        **_scaled(args.ingress),
    )
    return ingress.bind(settings, args, engines, keeper)


def _engine(settings: Settings, args: Arguments, name: str, keeper: Application) -> Application:
    replicas = args.of_model(name)
    deployment = _deployment(
        EngineReplica,
        f"engine-{name.replace('/', '--')}",
        max_ongoing_requests=AT_ONCE,
        graceful_shutdown_timeout_s=replicas.drain,
        **_scaled(replicas),
    )
    return deployment.bind(settings, name, keeper)


def _deployment(kind: type, name: str, **options: Any) -> serve.Deployment:
    make = serve.deployment(
        name=name,
        health_check_period_s=LOOK,
        health_check_timeout_s=HANGS,
        graceful_shutdown_wait_loop_s=LAST_LOOK,
        logging_config={"enable_access_log": False},  # a line for each job says nothing
        **options,
    )
    made: serve.Deployment = make(kind)
    return made


def _scaled(replicas: Replicas) -> dict[str, Any]:
    """Serve's options for so many replicas."""
    options: dict[str, Any] = {
        "ray_actor_options": {
            "num_cpus": replicas.cpus,
            "num_gpus": replicas.gpus,
            "resources": replicas.resources,
        }
    }
    if replicas.least == replicas.most:
        return {**options, "num_replicas": replicas.least}
    scaling = {
        "min_replicas": replicas.least,
        "max_replicas": replicas.most,
        "target_ongoing_requests": replicas.target,
        "upscale_delay_s": replicas.up_after,
        "downscale_delay_s": replicas.down_after,
        "look_back_period_s": LOOK_BACK + 1,
        "aggregation_function": "mean",
    }
    return {**options, "autoscaling_config": scaling}


def _most(settings: Settings) -> int:
    bounds = limits(settings)
    return bounds.max_sessions + bounds.max_files + AFTER_ALL
