"""Which dialects there are, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fastapi import APIRouter

from sotto.app.setting_groups import ServerSettings
from sotto.clock import Clock
from sotto.runtime.access import Access
from sotto.runtime.service import Service
from sotto.transports import admin, hush, mel, sessions, stream, transcribe_rest, vosk
from sotto.transports.deepgram import dialect as deepgram
from sotto.transports.deepgram import rest as deepgram_rest
from sotto.transports.dialect import SocketDialect
from sotto.transports.openai import rest as openai_rest
from sotto.transports.realtime import dialect as realtime
from sotto.transports.realtime import rest as realtime_rest
from sotto.transports.realtime.secrets import Secrets
from sotto.transports.skynet import dialect as skynet
from sotto.transports.whisperlive import dialect as whisperlive
from sotto.transports.whisperlivekit import dialect as whisperlivekit

Made = TypeVar("Made")

WITHOUT_AUDIO = frozenset(
    {stream.NAME, hush.NAME, mel.NAME, openai_rest.NAME, sessions.NAME, admin.NAME}
)
"""Dialects that are served where no audio is taken: each then takes images, or nothing, of it."""


@dataclass
class Dialects:
    """Makes those that the settings name. A new one is a line here, and its name in `Module`."""

    service: Service
    settings: ServerSettings
    access: Access
    clock: Clock
    secrets: Secrets

    def routers(self) -> Iterator[APIRouter]:
        """Over HTTP."""
        service, access, secrets = self.service, self.access, self.secrets
        audio = self.settings.audio_transports
        return self._named(
            {
                openai_rest.NAME: lambda: openai_rest.router(service, audio=audio),
                transcribe_rest.NAME: lambda: transcribe_rest.router(service),
                realtime.NAME: lambda: realtime_rest.router(
                    service, access=access, secrets=secrets
                ),
                deepgram.NAME: lambda: deepgram_rest.router(service),
                hush.NAME: lambda: hush.router(service),
                mel.NAME: lambda: mel.router(service),
                sessions.NAME: lambda: sessions.router(service),
                admin.NAME: lambda: admin.router(service, self.clock),
            }
        )

    def sockets(self) -> Iterator[SocketDialect]:
        """Over WebSockets."""
        patience, clock = self.settings.config_timeout, self.clock
        makers: dict[str, Callable[[], SocketDialect]] = {
            stream.NAME: lambda: stream.StreamDialect(
                patience, audio=self.settings.audio_transports
            ),
            realtime.NAME: lambda: realtime.RealtimeDialect(self.secrets, clock),
            skynet.NAME: lambda: skynet.SkynetDialect(clock, keep_sound=self.settings.skynet_audio),
            whisperlive.NAME: lambda: whisperlive.WhisperLiveDialect(patience),
            whisperlivekit.NAME: whisperlivekit.WhisperLiveKitDialect,
            deepgram.NAME: deepgram.DeepgramDialect,
            vosk.NAME: vosk.VoskDialect,
        }
        return self._named(makers)

    def _named(self, makers: Mapping[str, Callable[[], Made]]) -> Iterator[Made]:
        named = [name for name in makers if name in self.settings.modules]
        if not self.settings.audio_transports:
            named = [name for name in named if name in WITHOUT_AUDIO]
        return (makers[name]() for name in named)
