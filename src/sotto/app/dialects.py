"""Which dialects there are, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import APIRouter

from sotto.app.ending import to_the_end
from sotto.app.setting_groups import ServerSettings
from sotto.app.setting_talk import WebRTCSettings
from sotto.clock import Clock
from sotto.dialogue.partner import Partner
from sotto.runtime.access import Access
from sotto.runtime.service import Service
from sotto.transports import (
    admin,
    conversations,
    hush,
    mel,
    sessions,
    stream,
    transcribe_rest,
    vosk,
)
from sotto.transports.deepgram import dialect as deepgram
from sotto.transports.deepgram import rest as deepgram_rest
from sotto.transports.dialect import SocketDialect
from sotto.transports.openai import rest as openai_rest
from sotto.transports.openai import speech
from sotto.transports.realtime import dialect as realtime
from sotto.transports.realtime import rest as realtime_rest
from sotto.transports.realtime.secrets import Secrets
from sotto.transports.skynet import dialect as skynet
from sotto.transports.webrtc import rest as webrtc_rest
from sotto.transports.webrtc.calls import Bounds, Calls
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
    partner: Partner | None = None
    """Who answers in conversations; its voices are those that speak. None: nobody does."""
    webrtc: WebRTCSettings = field(default_factory=WebRTCSettings)

    def routers(self) -> Iterator[APIRouter]:
        """Over HTTP."""
        service, audio = self.service, self.settings.audio_transports
        return self._named(
            {
                openai_rest.NAME: lambda: openai_rest.router(service, audio=audio),
                speech.NAME: lambda: speech.router(
                    service, None if self.partner is None else self.partner.voices
                ),
                transcribe_rest.NAME: lambda: transcribe_rest.router(service),
                realtime.RealtimeDialect.name: self._realtime,
                deepgram.NAME: lambda: deepgram_rest.router(service),
                hush.NAME: lambda: hush.router(service),
                mel.NAME: lambda: mel.router(service),
                sessions.NAME: self._sessions,
                admin.NAME: lambda: admin.router(service, self.clock),
            }
        )

    def _sessions(self) -> APIRouter:
        routes = sessions.router(self.service)
        routes.include_router(conversations.router(self.service))
        return routes

    def _realtime(self) -> APIRouter:
        routes = realtime_rest.router(
            self.service, access=self.access, secrets=self.secrets, partner=self.partner
        )
        settings, webrtc = self.settings, self.webrtc
        bounds = Bounds(
            most=webrtc.max_calls,
            ice_servers=webrtc.ice_servers,
            send_timeout=settings.send_timeout,
            idle_timeout=settings.idle_timeout,
            max_message=settings.max_message_bytes,
            origins=settings.socket_origins,
        )
        dialect = realtime.RealtimeDialect(self.secrets, self.clock, self.partner)
        calls = Calls(self.service, self.access, dialect, to_the_end, bounds)
        routes.include_router(webrtc_rest.router(calls))
        return routes

    def sockets(self) -> Iterator[SocketDialect]:
        """Over WebSockets."""
        patience, clock = self.settings.config_timeout, self.clock
        makers: dict[str, Callable[[], SocketDialect]] = {
            stream.NAME: lambda: stream.StreamDialect(
                patience, audio=self.settings.audio_transports
            ),
            realtime.RealtimeDialect.name: lambda: realtime.RealtimeDialect(
                self.secrets, clock, self.partner
            ),
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
