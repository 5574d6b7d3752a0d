"""The phone on our own user agent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ivr.cli.phone.engine import IDLE, CallView, PhoneError, PhoneEvent, PhoneView, Quality
from ivr.endpoint import (
    Answered,
    CallEvent,
    EarlyMedia,
    Ended,
    Endpoint,
    EndpointCall,
    EndpointConfig,
    EndpointError,
    Flash,
    Heard,
    Held,
    HoldRefused,
    InfoReceived,
    Key,
    KeyWay,
    Moved,
    Ringing,
    TransferProgress,
)
from ivr.errors import ConfigError, IvrError
from media import MediaError, MediaTimeout, RecordDone, Tone
from media.devices import Device, FileDevice, SilentDevice

__all__ = ["OwnEngine", "SoundOptions"]

ROOM = 8
"""Further calls that may wait."""


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """What sounds and is kept."""

    play: Path | None = None
    """Played to the other side from the answer on, in place of the microphone."""
    loop: bool = False
    """Again and again."""
    record: Path | None = None
    """Both sides of each call, from the begin of its sound; a second call gets a number."""
    card: Callable[[Callable[[bool, str], None]], Device] | None = None
    """Opens the sound card, which tells in another thread whether it works and what it is; None: nobody listens."""
    wide: bool = False
    """16 kHz where there is no card."""
    ended: Callable[[], None] | None = None
    """`play` was played to its end; called in another thread."""


class OwnEngine:
    """Calls over :class:`ivr.endpoint.Endpoint`."""

    def __init__(
        self, config: EndpointConfig, sound: SoundOptions, way: KeyWay | Literal["agreed"], auto_answer: bool
    ) -> None:
        self.on_event: Callable[[PhoneEvent], None] = lambda event: None
        self._config = config
        self._options = sound
        self._way: KeyWay | Literal["agreed"] = way
        self._auto = auto_answer
        self._endpoint = Endpoint(config, self._device)
        self._endpoint.on_incoming = self._incoming
        self._endpoint.on_registration = self._registration
        self._calls: list[EndpointCall] = []
        """The one in front is the last."""
        self._over = IDLE
        self._told_registered: bool | None = None
        self._card: Device | None = None
        self._card_lost = False
        self._recorded: list[EndpointCall] = []

    # Life

    async def start(self) -> None:
        """Open sound and sockets, register."""
        if self._options.card is not None and self._card is None:
            loop = asyncio.get_running_loop()

            def changed(there: bool, text: str) -> None:
                with contextlib.suppress(RuntimeError):  # the loop has closed
                    loop.call_soon_threadsafe(self._card_changed, there, text)

            self._card = self._options.card(changed)
        try:
            await self._endpoint.start()
        except ConfigError as error:
            faults = (f"{fault.found}: {fault.text}" if fault.found else fault.text for fault in error.faults)
            raise PhoneError("; ".join(faults)) from error
        if self._config.registrar:
            try:
                await self._endpoint.register()
            except EndpointError as error:
                self._say("not_registered", str(error))
                raise PhoneError(str(error)) from error

    async def close(self) -> None:
        """Hang up, take the registration back, close the sound."""
        calls = list(self._calls)
        self._endpoint.on_registration = lambda: None
        await self._endpoint.close()
        for call in calls:
            self._let_go(call)
        if self._card is not None:
            self._card.close()

    def _device(self) -> Device:
        options = self._options
        if self._card is not None and options.play is None:
            return self._card
        rate: Literal[8000, 16000] = 16000 if options.wide else 8000
        try:
            return FileDevice(
                options.play,
                rate=rate,
                at_end="loop" if options.loop else "silence",
                paused=True,
                ended=options.ended,
            )
        except MediaError as error:
            self._say("error", str(error))
            return SilentDevice(rate)

    # What is shown

    def phone(self) -> PhoneView:
        """The phone now."""
        config = self._config
        home = config.home
        where = home.host if home is not None else self._endpoint.addresses[0][1] if self._endpoint.addresses else ""
        account = f"sip:{config.user}@{where}" if where else f"sip:{config.user}"
        others = self._calls[:-1]
        rings = any(call.direction == "in" and call.state == "ringing" for call in others)
        registered = self._endpoint.registered if config.registrar else None
        return PhoneView(
            account, registered, self._endpoint.registration_problem, tuple(call.number for call in others), rings
        )

    def call(self) -> CallView:
        """The call in front."""
        return _view(self._calls[-1]) if self._calls else self._over

    @property
    def addresses(self) -> list[tuple[str, str, int]]:
        """Where calls come to."""
        return self._endpoint.addresses

    # What is done

    def dial(self, target: str) -> None:
        """Call somebody; a call in front is held."""
        front = self._calls[-1] if self._calls else None
        if front is not None:
            if front.state != "answered":
                raise PhoneError("there is a call that is not answered yet")
            if not front.held.by_us:
                front.hold()
        call = self._endpoint.invite(target)
        self._take(call)
        self._say("calling", f"calling {call.remote.uri}", to=str(call.remote.uri))

    def _front(self) -> EndpointCall:
        if not self._calls:
            raise PhoneError("there is no call")
        return self._calls[-1]

    def answer(self) -> None:
        """Take the call that comes in."""
        call = next((one for one in reversed(self._calls) if one.direction == "in" and one.state == "ringing"), None)
        if call is None:
            raise PhoneError("nobody calls")
        for other in self._calls:
            if other is not call and other.state == "answered" and not other.held.by_us:
                other.hold()
        self._calls.remove(call)
        self._calls.append(call)
        call.answer()

    def reject(self, status: int = 486) -> None:
        """Refuse the call that comes in."""
        call = next((one for one in reversed(self._calls) if one.direction == "in" and one.state == "ringing"), None)
        if call is None:
            raise PhoneError("nobody calls")
        call.reject(status)

    def hang_up(self) -> None:
        """End the call in front."""
        self._front().hang_up()

    def keys(self, keys: str, way: str | None = None) -> None:
        """Press keys."""
        self._front().send_keys(keys, way or self._way)  # type: ignore[arg-type]

    def hold(self) -> None:
        """Hold the other side."""
        self._front().hold()

    def resume(self) -> None:
        """Take it back."""
        self._front().resume()

    def mute(self, muted: bool) -> None:
        """Switch the microphone."""
        self._front().muted = muted

    def transfer(self, target: str) -> None:
        """Have the other side call somebody else."""
        self._front().transfer(target)

    def connect(self) -> None:
        """Connect the one who waits with the one in front."""
        if len(self._calls) < 2:
            raise PhoneError("there are no two calls to be connected")
        self._calls[-2].attended(self._calls[-1])

    def swap(self) -> None:
        """Hold the call in front and take the next one."""
        if len(self._calls) < 2:
            raise PhoneError("there is no other call")
        front = self._calls.pop()
        self._calls.insert(0, front)
        if front.state == "answered" and not front.held.by_us:
            front.hold()
        call = self._calls[-1]
        if call.state == "answered" and call.held.by_us:
            call.resume()

    def play(self, path: Path) -> None:
        """Play a file to the other side."""
        device = self._front().device
        if not isinstance(device, FileDevice):
            raise PhoneError("a file can be played where there is no sound card: with --play or --silent")
        try:
            device.play(path, lambda: None)
        except MediaError as error:
            raise PhoneError(str(error)) from None

    def record(self, path: Path) -> None:
        """Record both sides of the call in front."""
        self._front().record(path)
        self._say("recording", f"recording into {path}", path=str(path))

    # What happens

    def _say(self, kind: str, text: str, **fields: object) -> None:
        self.on_event(PhoneEvent(kind, text, fields))

    def _card_changed(self, there: bool, text: str) -> None:
        # That the card is there at the beginning is no news.
        if not there or self._card_lost:
            self._say("card", f"sound: {text}", there=there)
        self._card_lost = not there

    def _registration(self) -> None:
        registered = self._endpoint.registered
        if registered != self._told_registered and (registered or self._told_registered):
            self._told_registered = registered
            if registered:
                self._say("registered", f"registered as {self._config.user} at {self._config.registrar}")
            else:
                self._say("not_registered", f"not registered: {self._endpoint.registration_problem}")

    def _incoming(self, call: EndpointCall) -> None:
        # Nobody is there who could choose: who answers by itself talks with one.
        if len(self._calls) >= (1 if self._auto else ROOM):
            call.reject(486)
            return
        self._take(call, front=not self._calls)
        name = call.remote.display
        self._say("incoming", f"{name or call.number} calls", caller=call.number, name=name)
        call.ring()
        if self._auto:
            try:
                self.answer()
            except IvrError as error:
                self._say("error", str(error))

    def _take(self, call: EndpointCall, front: bool = True) -> None:
        call.on_event = lambda event: self._on_call(call, event)
        if front:
            self._calls.append(call)
        else:
            self._calls.insert(0, call)

    def _on_call(self, call: EndpointCall, event: CallEvent) -> None:
        match event:
            case Ringing(status=status):
                self._say("ringing", f"it rings at {call.number}", status=status)
            case EarlyMedia(status=status):
                self._say("early_media", f"{call.number} is heard before the answer", status=status)
                self._begin_record(call)
            case Answered():
                self._answered(call)
            case Key(digit=digit, way=way):
                self._say("key", f"key {digit} ({way})", key=digit, way=way)
            case Flash():
                self._say("flash", "the other side pressed its hook")
            case Held(by_us=us, by_peer=peer):
                text = {
                    (True, True): "both sides hold",
                    (True, False): "on hold",
                    (False, True): "the other side holds us",
                    (False, False): "off hold",
                }[us, peer]
                self._say("held", text, by_us=us, by_peer=peer)
            case HoldRefused(status=status):
                self._say("hold_refused", f"the other side refused to be held or taken back ({status})", status=status)
            case InfoReceived(content_type=kind):
                self._say("info", f"INFO with {kind or 'no body'}", content_type=kind)
            case TransferProgress(status=status, final=final):
                self._transferred(call, status, final)
            case Moved(to=to):
                self._moved(call, to)
            case Heard(event=RecordDone() as done):
                ok = f"recorded {done.seconds:.1f} s"
                self._say("recorded", done.error or ok, seconds=round(done.seconds, 2), error=done.error)
            case Heard(event=MediaTimeout()):
                self._say("no_media", "nothing comes from the other side any more")
            case Heard(event=Tone(kind=tone)):
                self._say("tone", f"{tone} tone", tone=tone)
            case Ended():
                self._ended(call, event)
            case _:
                pass

    def _answered(self, call: EndpointCall) -> None:
        self._say("answered", f"connected with {call.number}", codec=call.statistics().codec)
        if isinstance(call.device, FileDevice):
            call.device.start()
        self._begin_record(call)

    def _begin_record(self, call: EndpointCall) -> None:
        path = self._options.record
        if path is None or call in self._recorded:
            return
        self._recorded.append(call)
        count = len(self._recorded)
        call.record(path if count == 1 else path.with_stem(f"{path.stem}-{count}"))

    def _transferred(self, call: EndpointCall, status: int, final: bool) -> None:
        if not final:
            self._say("transfer", f"the transfer goes on ({status})", status=status, final=False)
        elif status < 300:
            self._say("transfer", "the other side was transferred", status=status, final=True)
            call.hang_up('SIP;cause=200;text="Transferred"')
        else:
            self._say("transfer", f"the transfer failed ({status})", status=status, final=True)

    def _moved(self, call: EndpointCall, to: EndpointCall) -> None:
        self._take(to, front=call is self._calls[-1])
        self._say("moved", f"we are transferred to {to.number}", to=to.number)

    def _ended(self, call: EndpointCall, event: Ended) -> None:
        front = bool(self._calls) and self._calls[-1] is call
        if call in self._calls:
            self._calls.remove(call)
        if front and not self._calls:
            self._over = _view(call)
        why = {
            "hung_up": "the call is over: we hung up",
            "bye": "the call is over: the other side hung up",
            "cancel": "the caller gave up",
            "moved": "the call goes on elsewhere",
            "refused": "the call is over: nobody answers there" if event.status == 408 else "the call is over: refused",
        }.get(event.cause, f"the call is over: {event.cause}")
        status = f" ({event.status} {event.reason})".replace(" )", ")") if event.status else ""
        self._say(
            "ended", why + status, cause=event.cause, status=event.status, reason=event.reason,
            seconds=round(call.seconds, 2), remote=call.number,
        )  # fmt: skip
        self._let_go(call)

    def _let_go(self, call: EndpointCall) -> None:
        device = call.device
        if device is not None and device is not self._card:
            device.close()


def _view(call: EndpointCall) -> CallView:
    figures = call.statistics()
    phase = "incoming" if call.direction == "in" and call.state == "ringing" else call.state
    bad = figures.lost + figures.late
    quality = Quality(
        codec=figures.codec,
        encrypted=figures.encrypted,
        loss=bad / max(1, figures.packets_in + figures.lost),
        jitter_ms=figures.jitter_ms,
        rtt_ms=figures.rtt_ms,
        mos=figures.mos,
    )
    return CallView(
        phase=phase,
        remote=call.number,
        name=call.remote.display,
        seconds=call.seconds,
        held_by_us=call.held.by_us,
        held_by_peer=call.held.by_peer,
        muted=call.muted,
        heard=figures.heard,
        said=figures.said,
        heard_seconds=figures.heard_seconds,
        quiet_seconds=figures.quiet_seconds,
        quality=quality if figures.codec else None,
        cause=call.ended.cause if call.ended is not None else "",
    )
