"""The groups of settings: each value with its default, its bounds and its unit."""

from __future__ import annotations

from typing import get_args

from pydantic import Field, ValidationInfo, field_validator

from sotto.app.setting_sources import xdg
from sotto.app.setting_types import (
    Count,
    Folder,
    Folders,
    Group,
    MaybeContext,
    MaybeFolder,
    MaybeSeconds,
    MaybeSecret,
    MaybeText,
    Module,
    Modules,
    Names,
    Port,
    Scopes,
    StoreUrl,
)
from sotto.runtime.access import Scope
from sotto.transcript.options import PolicyName


class ServerSettings(Group):
    """What listens."""

    host: str = Field(
        default="127.0.0.1", description="address to listen at; 0.0.0.0 for every one"
    )
    port: int = Field(default=8000, ge=0, le=65_535, description="0 takes a free one")
    modules: Modules = Field(default=get_args(Module), description="dialects to serve")
    audio_transports: bool = Field(
        default=True, description="take audio; false: images of spectrograms alone"
    )
    max_upload_bytes: int = Field(
        default=2 * 1024**3, gt=0, description="bytes of one uploaded file"
    )
    max_file_seconds: float = Field(default=6 * 3600, gt=0, description="seconds of one file")
    max_message_bytes: int = Field(default=4 * 1024**2, gt=0, description="bytes of one message")
    send_timeout: float = Field(
        default=20.0, gt=0, description="seconds that a client may take to read a message"
    )
    config_timeout: float = Field(
        default=30.0, gt=0, description="seconds in which a stream must say its configuration"
    )
    idle_flush: float = Field(
        default=2.0,
        gt=0,
        description="seconds without sound after which what was said is committed",
    )
    idle_timeout: float = Field(
        default=3600.0, gt=0, description="seconds after which a socket that says nothing is closed"
    )
    max_sessions: int = Field(default=256, gt=0, description="streams at once")
    admission: bool = Field(
        default=True, description="refuse new streams while those that are open fall behind"
    )
    per_address: Count = Field(
        default=None,
        description="requests and sockets at once of one address, where no keys are asked for; "
        "none: any",
    )
    proxies: Names = Field(
        default=("127.0.0.1", "::1"),
        description="addresses and networks of proxies whose X-Forwarded-For is believed",
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="seconds from the word to stop, after which /ready says no, to its taking hold",
    )
    stop_seconds: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        description="seconds after that in which streams and files may come to their end",
    )
    skynet_audio: bool = Field(
        default=False, description="send each final's sound back to Skynet's clients, as `audio`"
    )
    cors_origins: Names = Field(
        default=(), description="origins of web pages that may call the server"
    )
    socket_origins: Names = Field(
        default=("*",), description="origins of web pages that may open sockets; *: all"
    )


class PortSettings(Group):
    """Ports of their own for clients that have no path to ask for; closed unless named."""

    whisperlive: Port = Field(default=None, description="WhisperLive's, by custom 9090")
    vosk: Port = Field(default=None, description="Vosk's, by custom 2700")
    wyoming: Port = Field(default=None, description="Wyoming's, by custom 10300")


class ModelSettings(Group):
    """Which models are served."""

    names: Names = Field(
        default=("nano",), description="models to load: names, or owner/repository"
    )
    paths: Folders = Field(default={}, description="models to load: a name and a folder for each")
    default: str = Field(
        default="auto", description="for requests that name none; `auto`: largest ready"
    )
    folder: Folder = Field(
        default_factory=lambda: xdg("XDG_DATA_HOME", ".local/share") / "models",
        description="where downloaded models lie",
    )
    idle_unload: MaybeSeconds = Field(
        default=None, description="seconds after which an unused model is freed; none: never"
    )
    wait: float = Field(
        default=30.0, ge=0, description="seconds that a request for one model waits for its load"
    )

    @property
    def served(self) -> tuple[str, ...]:
        """The names of all models to load, each once."""
        return tuple(dict.fromkeys((*self.names, *self.paths)))


class VadSettings(Group):
    """What counts as speech, and where an utterance ends."""

    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="probability at which speech begins"
    )
    release: float = Field(
        default=0.35, gt=0, lt=1, description="probability below which it pauses"
    )
    min_speech: float = Field(
        default=0.1, ge=0, description="seconds; shorter sounds are no speech"
    )
    silence: float = Field(default=0.6, gt=0, description="seconds of pause that end an utterance")
    pre_roll: float = Field(default=0.3, ge=0, description="seconds kept from before speech began")
    max_utterance: float = Field(
        default=28.0, ge=1, le=30, description="seconds; longer ones are cut"
    )

    @field_validator("release")
    @classmethod
    def _below_threshold(cls, release: float, given: ValidationInfo) -> float:
        threshold = given.data.get("threshold", 1.0)
        if release > threshold:
            raise ValueError(f"at most vad.threshold, {threshold}")
        return release


class DecodeSettings(Group):
    """How streams are decoded where the client does not say."""

    policy: PolicyName = Field(default=PolicyName.ALIGNATT, description="when words are committed")
    audio_context: MaybeContext = Field(
        default=None,
        description="what the encoder is given: exact, margin, full; none: as suits it",
    )
    guard: MaybeSeconds = Field(
        default=None,
        ge=0,
        description="seconds from the window's end within which words stay open; none: as suits it",
    )
    whole_partials: bool = Field(
        default=True,
        description="show all that was heard; false: partials lag by the guard, and looks cost "
        "less where the engine can stop early",
    )


class StoreSettings(Group):
    """What is kept of what is said: text, never sound."""

    url: StoreUrl = Field(
        default_factory=lambda: (
            f"sqlite:///{xdg('XDG_DATA_HOME', '.local/share') / 'transcripts.db'}"
        ),
        description="where transcripts are kept: sqlite:///FILE, "
        "postgresql://USER:PASSWORD@HOST/DATABASE, or memory: nowhere",
    )
    keep: float = Field(
        default=86_400.0,
        ge=0,
        allow_inf_nan=False,
        description="seconds for which a session is kept after its last word; 0: for ever",
    )


class WebhookSettings(Group):
    """Where finals are posted."""

    url: MaybeText = Field(
        default=None, description="address that each final of a stream is posted to; none: nowhere"
    )
    secret: MaybeSecret = Field(
        default=None,
        description="whsec_…, with which posts are signed; two, with a space between, sign both",
    )
    timeout: float = Field(default=15.0, gt=0, le=60, description="seconds for an answer")
    max_age: float = Field(
        default=86_400.0,
        gt=0,
        allow_inf_nan=False,
        description="seconds after which a final is not tried again; at most store.keep",
    )


class AuthSettings(Group):
    """Who may ask."""

    bypass: bool = Field(default=False, description="let in everyone, whoever can connect")
    on_loopback: bool = Field(
        default=False,
        description="ask for keys though only this machine can connect: a proxy on it lets in more",
    )
    keys: Folder = Field(
        default_factory=lambda: xdg("XDG_DATA_HOME", ".local/share") / "keys.json",
        description="file of `sotto keys`",
    )
    rate: Count = Field(
        default=None,
        le=10_000,
        description="requests and sockets a minute, for each key that has no limit; none: any",
    )
    concurrent: Count = Field(
        default=None,
        description="requests and sockets at once, for each key that has no limit; none: any",
    )
    minutes_per_day: Count = Field(
        default=None,
        description="minutes of sound in a day (UTC), for each key that has no limit; none: any",
    )
    jwt_folder: MaybeFolder = Field(
        default=None, description="folder of public keys, {sha256hex(kid)}.pem or {kid}.pem"
    )
    jwt_bases: Names = Field(
        default=(), description="addresses of public keys, each {base}/{sha256hex(kid)}.pem"
    )
    jwt_jwks: MaybeText = Field(default=None, description="file or address of a JWKS")
    jwt_secret: MaybeSecret = Field(
        default=None, description="32 bytes or more, for tokens signed by HS256; none: they are not"
    )
    jwt_audiences: Names = Field(
        default=(), description="aud, of which a token must name one; needed for tokens"
    )
    jwt_leeway: float = Field(
        default=10.0, ge=0, le=3600, description="seconds by which clocks may differ"
    )
    jwt_ttl: float = Field(
        default=600.0, ge=10, description="seconds for which a public key from elsewhere holds"
    )
    jwt_scopes: Scopes = Field(
        default=(Scope.FILES, Scope.STREAMS, Scope.MODELS),
        description="what tokens are good for: files, streams, models, sessions, admin",
    )
    jwt_meeting_claim: MaybeText = Field(
        default=None, description="claim with the only meeting to join, as room; none: any"
    )
    jwt_minutes_claim: MaybeText = Field(
        default=None, description="claim with the minutes of sound a day that its sub has"
    )
    jwt_speaker_claim: MaybeText = Field(
        default=None, description="claim with the only speaker to be, as context.user.id; none: any"
    )
