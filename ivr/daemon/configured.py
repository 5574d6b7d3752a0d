"""Parts of the daemon that follow from the settings alone."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ivr import __version__
from ivr.lines import LOOPBACK
from ivr.settings import Listener, Settings
from ivr.sip import Challenger, Registrar, RegistrarLimits, SessionTimerPolicy, StackConfig
from media import MediaConfig, PromptLimits, PromptStore, SpeechConfig

__all__ = ["ANYWHERE", "challenger", "media_config", "media_hosts", "prompt_store", "registrar", "stack_config"]

ANYWHERE = "0.0.0.0"


def media_config(settings: Settings, *, devices: bool) -> MediaConfig:
    """What the workers need to know; `devices`: there are lines on hardware."""
    host, host_v6 = media_hosts(settings.sip.listen, devices)
    return MediaConfig(
        host=host,
        host_v6=host_v6,
        ports=(settings.media.ports.first, settings.media.ports.last),
        workers=settings.media.workers,
        media_timeout=settings.media.timeout,
    )


def prompt_store(settings: Settings) -> PromptStore:
    """Prompts and spoken texts, not started yet."""
    return PromptStore(
        settings.cache,
        settings.prompts,
        SpeechConfig(
            engine=settings.speech.engine,
            language=settings.speech.language,
            voice=settings.speech.voice,
            command=settings.speech.command,
            options=settings.speech.options,
        ),
        PromptLimits(
            text_characters=settings.limits.text_characters,
            file_bytes=settings.limits.audio_file_bytes,
            seconds=settings.limits.audio_seconds,
            cache_bytes=settings.limits.prompt_cache_bytes,
        ),
        allow=settings.http.allow,
        wide=settings.wideband,
    )


def stack_config(settings: Settings) -> StackConfig:
    """How the SIP stack behaves."""
    timer = settings.sip.session_timer
    return StackConfig(
        user_agent=f"ivr/{__version__}", session_timer=SessionTimerPolicy(timer.expires, timer.min, timer.mode)
    )


def registrar(settings: Settings) -> Registrar:
    """Takes the registrations of phones."""
    limits = settings.limits
    return Registrar(RegistrarLimits(contacts_per_aor=limits.contacts_per_phone, bindings=limits.registrations))


def challenger(settings: Settings) -> Challenger:
    """Asks phones for their passwords."""
    sip = settings.sip
    return Challenger(sip.realm, os.urandom(32), algorithms=sip.digest, allow_legacy=sip.legacy_digest)


def media_hosts(listeners: Sequence[Listener], devices: bool = False) -> tuple[str, str]:
    """The addresses that RTP sockets bind to, where there are listeners of both families one of each: the listener's,
    or all of the machine where there are several. Lines on hardware (`devices`) need one of IPv4: where no listener has
    one, that of the loopback."""
    hosts = list(dict.fromkeys(listener.host for listener in listeners))
    v4, v6 = (
        "" if not own else own[0] if len(own) == 1 else everywhere
        for own, everywhere in (
            ([host for host in hosts if ":" not in host], ANYWHERE),
            ([host for host in hosts if ":" in host], "::"),
        )
    )
    if devices and not v4:
        v4 = LOOPBACK
    return (v4, v6) if v4 else (v6, "")
