"""What happens within calls at the peer's wish: session timers and transfers (`sip.session_timer`, `sip.transfers`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivr.settings.values import Digits, Section

__all__ = ["SessionTimerSettings", "TransferSettings"]


class SessionTimerSettings(Section):
    """Session timers (RFC 4028): a call whose other side has vanished ends."""

    expires: Annotated[int, Field(ge=90, le=86400)] = 1800
    """Seconds between two signs of life that are asked for; the half of it passes between two refreshes."""
    min: Annotated[int, Field(ge=90, le=86400)] = 90
    """Seconds below which a peer's wish is refused with 422."""
    mode: Literal["accept", "request", "refuse"] = "accept"
    """`accept`: where the peer asks for it; `request`: ask for it in every call; `refuse`: no session timers."""

    @model_validator(mode="after")
    def _in_order(self) -> SessionTimerSettings:
        if self.expires < self.min:
            raise ValueError("expires is below min")
        return self


class TransferSettings(Section):
    """Who in a call may have the place of its own taken by somebody else (REFER, Replaces)."""

    accept: Literal["never", "phones", "lines", "all"] = "phones"
    """Whose REFER and Replaces are taken: registered phones, peers of lines, both; never those of guests."""
    to: tuple[Digits, ...] = ()
    """Numbers that a transfer may reach through a line, beyond phones here and what the phone that asks may dial
    itself: `"+49*"`. `outbound_policy.deny` stands above it."""
