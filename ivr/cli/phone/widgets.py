"""Parts of the phone's screen: meters, quality, the call."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from ivr.cli.phone.engine import CallView, Quality

__all__ = ["CallPanel", "Meter", "QualityPanel", "clock"]

LOWEST: Final = -60.0
"""dBFS at the left end of a meter: below is noise."""
LOUD, CLIPPED = -15.0, -3.0
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"

PHASES: Final = {
    "idle": ("no call", "dim"),
    "calling": ("calling …", "yellow"),
    "ringing": ("it rings there …", "yellow"),
    "incoming": ("calls you", "bold yellow"),
    "answered": ("connected", "green"),
    "ended": ("call over", "dim"),
}


def clock(seconds: float) -> str:
    """0:07, 12:34, 1:02:03."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Meter(Static):
    """A level as a bar, green, then yellow, then red."""

    level: reactive[float] = reactive(-90.0)
    off: reactive[bool] = reactive(False)

    def __init__(self, title: str, name: str) -> None:
        super().__init__(id=name)
        self._title = title

    def render(self) -> Text:
        """The bar, as wide as there is room."""
        text = Text(f"{self._title:<6}", "dim" if self.off else "")
        width = max(4, self.size.width - len(text) - 9)
        if self.off:
            return text.append("off".ljust(width), "red")
        share = min(1.0, max(0.0, (self.level - LOWEST) / -LOWEST))
        eighths = round(share * width * 8)
        for place in range(width):
            filled = min(8, max(0, eighths - 8 * place))
            at = LOWEST - LOWEST * (place + 0.5) / width
            style = "red" if at > CLIPPED else "yellow" if at > LOUD else "green"
            text.append(_EIGHTHS[filled] if filled else "·", style if filled else "dim")
        shown = "     -  " if self.level <= LOWEST else f" {self.level:4.0f} dB"
        return text.append(shown, "dim")


class QualityPanel(Static):
    """Codec, loss, jitter, round trip, and what they make of the sound."""

    quality: reactive[Quality | None] = reactive(None)

    def render(self) -> Text:
        """One line, or two where it is narrow."""
        quality = self.quality
        if quality is None:
            return Text("no sound agreed on", "dim")
        text = Text(quality.codec.upper(), "bold")
        if quality.encrypted:
            text.append(" encrypted", "green")
        rtt = "-" if quality.rtt_ms is None else f"{quality.rtt_ms:.0f} ms"
        for name, value, style in (
            ("loss", f"{quality.loss:.1%}", _style(quality.loss, 0.01, 0.05)),
            ("jitter", f"{quality.jitter_ms:.0f} ms", _style(quality.jitter_ms, 20, 50)),
            ("RTT", rtt, _style(quality.rtt_ms or 0.0, 200, 400)),
            ("MOS", f"{quality.mos:.1f}", _style(-quality.mos, -4.0, -3.1)),
        ):
            text.append(f"  {name} ", "dim").append(value, style)
        return text


def _style(value: float, fair: float, poor: float) -> str:
    return "red" if value > poor else "yellow" if value > fair else "green"


class CallPanel(Static):
    """Who is on the line, and how far the call is."""

    call: reactive[CallView] = reactive(CallView("idle"))

    def render(self) -> Text:
        """Two lines."""
        call = self.call
        who = call.name or call.remote or "-"
        text = Text(who, "bold", overflow="ellipsis", no_wrap=True)
        if call.name and call.remote:
            text.append(f"  {call.remote}", "dim")
        words, style = PHASES[call.phase]
        text.append("\n").append(words, style)
        if call.phase in ("answered", "ended") and call.seconds:
            text.append(f"  {clock(call.seconds)}", "bold" if call.phase == "answered" else "dim")
        for shown, told in (
            (call.held_by_us, "on hold"),
            (call.held_by_peer, "held by the other side"),
            (call.muted, "muted"),
        ):
            if shown and call.phase == "answered":
                text.append(f"  {told}", "bold magenta")
        if call.phase == "ended" and call.cause not in ("hung_up", "bye", ""):
            text.append(f"  {call.cause}", "red")
        return text
