"""Makes the phone on our own user agent of what the command line says."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, cast

from ivr import __version__
from ivr.cli.phone.engine import PhoneError
from ivr.cli.phone.own import OwnEngine, SoundOptions
from ivr.endpoint import EndpointConfig, KeyWay
from ivr.net import TlsFiles
from ivr.sip import Account, Capabilities
from media import MediaError, opus_available
from media.devices import Device

if TYPE_CHECKING:
    from ivr.cli.phone.command import Options
    from media.devices import CardState

__all__ = ["make_own"]

NO_CARD: Final = (
    "no sound card can be used: PyAudio is not installed. Install it with: apt-get install portaudio19-dev gcc "
    "python3-dev && pip install 'ivr[phone]'; or telephone without one: --play FILE or --silent"
)
WIDE: Final = frozenset(("g722", "opus"))


def make_own(options: Options) -> OwnEngine:
    """The engine. PhoneError where something is missing."""
    if "opus" in options.codecs and not opus_available():
        raise PhoneError("Opus is not installed: pip install 'ivr[opus]', and Debian's libopus0")
    wide = bool(WIDE & set(options.codecs))
    home = options.registrar or options.home
    transport = "tls" if home.startswith("sips:") else _parameter(home, "transport")
    listen = options.listen
    if listen is None and transport not in ("tcp", "tls"):
        listen = ("udp", "127.0.0.1" if _is_local(home or options.target or "") else "0.0.0.0", 0)
    config = EndpointConfig(
        listen=listen,
        user=options.user,
        name=options.name,
        account=Account(options.user, options.password) if options.password else None,
        registrar=options.registrar,
        proxy=options.home,
        tls=TlsFiles(ca=options.ca) if options.ca is not None else None,
        # Who is offered telephone-events does not look for tones.
        capabilities=Capabilities(codecs=options.codecs, srtp=options.srtp, dtmf=options.dtmf != "tones"),
        takes_transfers=options.transfers,
        user_agent=f"ivr phone {__version__}",
    )
    sound = SoundOptions(
        play=options.play,
        loop=options.loop,
        record=options.record,
        card=_card(options, 16000 if wide else 8000),
        wide=wide,
    )
    return OwnEngine(config, sound, cast(KeyWay | Literal["agreed"], options.dtmf or "agreed"), options.answer)


def _card(options: Options, rate: Literal[8000, 16000]) -> Callable[[Callable[[bool, str], None]], Device] | None:
    named = options.input is not None or options.output is not None
    if options.silent or (options.play is not None and not named):
        return None
    if importlib.util.find_spec("pyaudio") is None:
        raise PhoneError(NO_CARD)

    def open_card(changed: Callable[[bool, str], None]) -> Device:
        from media.devices import CardDevice

        def told(state: CardState) -> None:
            changed(state.there, state.text)

        try:
            return CardDevice(options.input, options.output, rate=rate, on_change=told)
        except MediaError as error:
            raise PhoneError(f"{error}; without a sound card: --play FILE or --silent") from error

    return open_card


def _parameter(uri: str, name: str) -> str | None:
    for part in uri.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().lower()
    return None


def _is_local(uri: str) -> bool:
    """Whether who is called is on this machine: nobody from outside has to reach us then."""
    host = uri.partition("@")[2] or uri.removeprefix("sips:").removeprefix("sip:")
    return host.startswith(("127.", "localhost", "[::1]"))
