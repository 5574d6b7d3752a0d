"""Everything that can go wrong here, as one tree.

An error carries what to answer: the SIP status for a call, the HTTP status for a request, the branch for a flow, and
whether the same thing may succeed when tried again. Whoever catches one at the edge of a layer needs no table.

    IvrError                        500 / 500
    ├── FaultsError                 what somebody wrote does not hold; carries every fault with its place
    │   ├── ConfigError             ivr.yaml
    │   └── FlowLoadError           a flow
    ├── ProtocolError               400 / 400: what a peer sent breaks the protocol
    ├── CallRefusedError            a call is not taken
    │   ├── NumberNotServedError    404
    │   ├── CallForbiddenError      403
    │   ├── TooManyHopsError        483
    │   ├── BusyError               486, retryable: one caller, phone or flow has as many calls as it may
    │   └── OverloadedError         503, retryable: a limit is reached
    ├── UnreachableError            503, retryable: there is no way to a host
    ├── MediaUnavailableError       503, retryable: no port, no worker
    ├── PromptUnavailableError      a prompt can be neither spoken nor decoded
    └── StoreError                  503: the records cannot be read or written
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "BusyError",
    "CallForbiddenError",
    "CallRefusedError",
    "ConfigError",
    "Fault",
    "FaultsError",
    "FlowLoadError",
    "IvrError",
    "MediaUnavailableError",
    "NumberNotServedError",
    "OverloadedError",
    "PromptUnavailableError",
    "ProtocolError",
    "StoreError",
    "TooManyHopsError",
    "UnreachableError",
]


class IvrError(Exception):
    """The root: an error that this project raises on purpose. Its text is a sentence for a person."""

    sip_status: ClassVar[int] = 500
    http_status: ClassVar[int] = 500
    branch: ClassVar[str | None] = None
    retryable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file that a person wrote, with its place."""

    text: str
    """What is wrong, as a sentence without the place."""
    file: str = ""
    """The file as the person named it; empty when there is none (embedded text)."""
    line: int | None = None
    """Line in the file, from 1."""
    element: str | None = None
    """Flow element, where the fault is in one."""
    field: str | None = None
    """Dotted path of the field inside the element or the configuration."""
    found: str | None = None
    """What stands there."""
    expected: str | None = None
    """What should stand there."""

    def __str__(self) -> str:
        place = ":".join(part for part in (self.file, str(self.line) if self.line else "") if part)
        where = " ".join(part for part in (f"element {self.element}" if self.element else "", self.field or "") if part)
        details = "; ".join(
            part
            for part in (
                f"found {self.found}" if self.found is not None else "",
                f"expected {self.expected}" if self.expected is not None else "",
            )
            if part
        )
        head = ": ".join(part for part in (place, where, self.text) if part)
        return f"{head} ({details})" if details else head


class FaultsError(IvrError):
    """A file does not hold; `faults` lists all that is wrong with it, not the first alone."""

    http_status: ClassVar[int] = 422

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConfigError(FaultsError):
    """The configuration cannot be used."""


class FlowLoadError(FaultsError):
    """A flow, or the folder of flows, cannot be used; the one in force stays."""


class ProtocolError(IvrError):
    """A peer broke the protocol."""

    sip_status: ClassVar[int] = 400
    http_status: ClassVar[int] = 400


class CallRefusedError(IvrError):
    """A call is not taken."""

    sip_status: ClassVar[int] = 480
    http_status: ClassVar[int] = 409


class NumberNotServedError(CallRefusedError):
    """No flow and no phone has this number."""

    sip_status: ClassVar[int] = 404
    http_status: ClassVar[int] = 404


class CallForbiddenError(CallRefusedError):
    """Who calls may not call this."""

    sip_status: ClassVar[int] = 403
    http_status: ClassVar[int] = 403


class TooManyHopsError(CallRefusedError):
    """The call was passed on too often (RFC 7332)."""

    sip_status: ClassVar[int] = 483


class BusyError(CallRefusedError):
    """One caller, phone or flow has as many calls as it may; others are served."""

    sip_status: ClassVar[int] = 486
    http_status: ClassVar[int] = 503
    retryable: ClassVar[bool] = True


class OverloadedError(CallRefusedError):
    """A limit is reached; the same call may be taken a little later."""

    sip_status: ClassVar[int] = 503
    http_status: ClassVar[int] = 503
    retryable: ClassVar[bool] = True


class UnreachableError(IvrError):
    """A host has no address, or no transport or listener leads to it."""

    sip_status: ClassVar[int] = 503
    http_status: ClassVar[int] = 503
    retryable: ClassVar[bool] = True


class MediaUnavailableError(IvrError):
    """The media plane has no room: no free port, no worker, a full command queue."""

    sip_status: ClassVar[int] = 503
    http_status: ClassVar[int] = 503
    branch: ClassVar[str | None] = "call_ended"
    retryable: ClassVar[bool] = True


class PromptUnavailableError(IvrError):
    """A prompt can be neither spoken nor decoded; the call goes on without it."""

    http_status: ClassVar[int] = 422


class StoreError(IvrError):
    """The records cannot be read or written."""

    http_status: ClassVar[int] = 503
    retryable: ClassVar[bool] = True
