"""A call that comes in: what its flow is told of it, and the report that is kept."""

from __future__ import annotations

import uuid
from datetime import datetime

from ivr.call.identity import Caller, plain_text, verification
from ivr.call.report import CallReport
from ivr.call.services import Services
from ivr.flow import Flow, ports
from ivr.sip import IncomingCall, Session
from ivr.sip.uui import uui_text
from ivr.store import CallRecord

__all__ = ["arrival"]

HEADERS_KEPT = frozenset(
    {
        "diversion",
        "history-info",
        "p-asserted-identity",
        "user-agent",
        "user-to-user",
        "verstat",
        "x-verstat",
        "p-attestation-indicator",
    }
)
"""SIP headers that flows may read, besides those that begin with X-."""
MAX_HEADER_VALUE = 512
"""Characters of a header that a flow sees."""


def arrival(
    services: Services, event: IncomingCall, caller: Caller, line: str, flow: Flow
) -> tuple[ports.CallInfo, CallReport]:
    """A call of `caller` comes in on `line`, and `flow` takes it; the call has its number from now on."""
    session, started = event.session, services.wall()
    call_id, short_id = str(uuid.uuid4()), services.store.next_short_id()
    info = ports.CallInfo(
        id=call_id,
        from_=caller.number,
        to=caller.called,
        started_at=datetime.fromtimestamp(started, services.settings.zone),
        line=line,
        short_id=short_id,
        headers=_headers(session),
        display=caller.display,
    )
    record = CallRecord(
        id=call_id,
        short_id=short_id,
        direction="inbound",
        started_at=started,
        line=caller.line or caller.phone,
        caller=caller.number,
        called=caller.called,
        sip_call_id=session.call_id,
        source=f"{event.flow.remote[0]}:{event.flow.remote[1]}",
        flow=flow.name,
        flow_version=flow.version,
        flow_number=flow.number or None,
    )
    return info, CallReport(services.store, record, services.measured)


def _headers(session: Session) -> dict[str, str]:
    """Headers of the INVITE that flows may read."""
    kept: dict[str, str] = {}
    for name, value in session.request.headers:
        key = name.lower()
        if (key in HEADERS_KEPT or key.startswith("x-")) and key.replace("-", "_") not in kept:
            kept[key.replace("-", "_")] = plain_text(value[:MAX_HEADER_VALUE])
    if (handed := session.request.get("User-to-User")) is not None and (text := uui_text(handed)) is not None:
        kept["user_to_user_text"] = plain_text(text[:MAX_HEADER_VALUE])
    if "verstat" not in kept and (verdict := verification(session.request)) is not None:
        kept["verstat"] = verdict
    return kept
