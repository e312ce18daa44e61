"""What a cluster is built from: Sotto's own settings, and how many replicas do the work."""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from sotto.app.setting_sources import Flag
from sotto.app.settings import Settings, load
from sotto.errors import BadOption


class _Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Replicas(_Arguments):
    """How many there are of a kind, and what each takes of its machine."""

    least: int = Field(default=1, ge=0, description="replicas that are always there")
    most: PositiveInt = Field(default=1, description="replicas at the busiest time")
    cpus: NonNegativeFloat = Field(default=1.0, description="processors of a replica, or a part")
    gpus: NonNegativeFloat = Field(default=0.0, description="GPUs of a replica, or a part of one")
    resources: dict[str, float] = Field(
        default={}, description="Ray's other resources of a replica, as a kind of GPU"
    )
    target: PositiveFloat = Field(
        default=16.0, description="what each replica should have under way: sessions, or jobs"
    )
    up_after: NonNegativeFloat = Field(
        default=10.0, description="seconds of more than that, before there is one replica more"
    )
    down_after: NonNegativeFloat = Field(
        default=300.0, description="seconds of less than that, before there is one less"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Replicas:
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) is more than most ({self.most})")
        return self


class IngressReplicas(Replicas):
    """Those that hold connections and sessions."""

    least: int = Field(default=1, ge=1, description="replicas that are always there")
    target: PositiveFloat = Field(
        default=96.0, description="sessions and requests that each replica should have"
    )
    drain: PositiveFloat = Field(
        default=30.0, description="seconds in which files must end where a replica is to stop"
    )


class EngineReplicas(Replicas):
    """Those that hold one model each; `least` 0 is for models that are asked for rarely."""

    patience: PositiveFloat = Field(
        default=60.0, description="seconds that a job waits for a replica where there is none"
    )
    drain: PositiveFloat = Field(
        default=30.0, description="seconds in which jobs must end where a replica is to stop"
    )


class Arguments(_Arguments):
    """The `args` of an application in Serve's file."""

    settings: dict[str, dict[str, Any]] = Field(
        default={},
        description="as in sotto.toml; they win over the environment and the file of the machine "
        "on which the application is built",
    )
    ingress: IngressReplicas = IngressReplicas()
    engine: EngineReplicas = EngineReplicas()
    engines: dict[str, EngineReplicas] = Field(
        default={}, description="by the model's name, where it is not as `engine` says"
    )
    keeper_cpus: NonNegativeFloat = Field(
        default=0.5, description="processors of the one process with the figures and the store"
    )

    def loaded(self) -> Settings:
        """The settings in force, all said and checked: replicas read no file and no environment.

        Whoever reaches the cluster's port may come from anywhere: keys are asked for, unless
        `auth.bypass` is set. Raises BadOption.
        """
        flags = [
            Flag("of the arguments", f"{group}.{name}", value)
            for group, body in self.settings.items()
            for name, value in body.items()
        ]
        settings = load([*flags, Flag("of the cluster", "auth.on_loopback", value=True)])
        strangers = sorted(set(self.engines) - set(settings.models.served))
        if strangers:
            served = ", ".join(settings.models.served)
            raise BadOption("engines", f"expected models of {served}, got {', '.join(strangers)}")
        return settings

    def of_model(self, name: str) -> EngineReplicas:
        """The replicas of a model's engine."""
        return self.engines.get(name, self.engine)
