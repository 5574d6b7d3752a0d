"""Rows of flows that are to begin without a caller: by an event, for a contact of a campaign or of a request."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar

from ivr.call.dialling import calling_flow
from ivr.call.events import CALL_ENDED
from ivr.call.services import Services
from ivr.call.solo import guest_of
from ivr.errors import Fault, FaultsError, IvrError
from ivr.flow import Flow, FlowSet
from ivr.flow.elements.properties import property_of
from ivr.flow.elements.start import StartFromAudienceElement
from ivr.flow.model import plain_number
from ivr.store import CallRecord, KeptWait

__all__ = ["StartError", "Starts", "new_wait"]

ENTERED = ("start_from_flow", "start_incoming_call")
"""Elements at which a call goes on that was placed for a flow that does not call by itself."""


class StartError(IvrError):
    """There is no such flow, or it has no place to begin for a contact."""

    http_status: ClassVar[int] = 422


class Starts:
    """Builds them; who gets one has it stored, and tells :class:`~ivr.call.waiting.WaitingFlows` then."""

    def __init__(self, services: Services, flows: Callable[[], FlowSet]) -> None:
        """`flows` are those in force."""
        self._services = services
        self._flows = flows

    def by_event(self, name: str, properties: Mapping[str, Any], at: float, after_event: int) -> list[KeptWait]:
        """Flows that an event of this name begins; they need not see events up to the number `after_event`."""
        flows = self._flows()
        return [
            self._by_event(flows, flow, entry, name, properties, at, after_event)
            for flow, entry in flows.started_by(name)
        ]

    def _by_event(
        self,
        flows: FlowSet,
        flow: Flow,
        entry: str,
        name: str,
        properties: Mapping[str, Any],
        at: float,
        after_event: int,
    ) -> KeptWait:
        contact, call_id = _contact_of(flow, entry, properties), str(uuid.uuid4())
        for tried, there in flows.for_caller(contact or call_id).started_by(name):
            if tried.name == flow.name:
                flow, entry = tried, there
                break
        # The event tells of the call itself: a guest who calls, and hangs up, may not have numbers of his dialled.
        details = {"guest": ""} if name == CALL_ENDED and guest_of(properties) is not None else None
        return self._row(flow, entry, call_id, contact, properties, at, after_event, outbound=False, details=details)

    def contact(
        self,
        flow: str,
        entry: str | None,
        properties: Mapping[str, Any],
        after_event: int,
        *,
        campaign: str | None = None,
        contact: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> KeptWait:
        """One contact for a flow in force, at its start_from_audience unless `entry` names another element. A flow that
        has none is called for: the properties become its variables, and `fields` are those of the call. StartError
        where there is no such flow or entry."""
        flows, call_id = self._flows(), str(uuid.uuid4())
        found = flows.get(flow)
        if found is None:
            raise StartError(f"there is no flow {flow}")
        details = {name: value for name, value in (("campaign", campaign), ("contact", contact)) if value is not None}
        now, name = self._services.wall(), entry or found.audience_entry
        if name is None:
            if not any(element.type in ENTERED for element in found.elements.values()):
                raise StartError(f"flow {flow} has no element to begin at for a contact")
            passed = sorted(properties.keys() - {"number"})
            options = {"flow": flow, "pass": passed, "fields": dict(fields or {})}
            wait = self.call(options, properties, after_event, details=details)
            told = {"flow": found.name, "flow_version": found.version, "flow_number": found.number or None}
            return replace(wait, snapshot={**wait.snapshot, "record": {**wait.snapshot["record"], **told}})
        if fields:
            raise StartError(f"flow {flow} calls by itself, and says how: {', '.join(sorted(fields))} cannot be given")
        if name not in found.elements:
            raise StartError(f"flow {flow} has no element {name}")
        number = _contact_of(found, name, properties)
        tried = flows.for_caller(number or call_id).get(flow)
        if tried is not None and name in tried.elements:
            found = tried
        return self._row(found, name, call_id, number, properties, now, after_event, outbound=True, details=details)

    def call(
        self,
        options: Mapping[str, Any],
        properties: Mapping[str, Any],
        after_event: int,
        *,
        details: Mapping[str, Any] | None = None,
    ) -> KeptWait:
        """One contact for the built-in flow that calls it; see :func:`~ivr.call.dialling.calling_flow`. StartError
        where the options do not hold."""
        try:
            flow = calling_flow(json.dumps(options, sort_keys=True))
        except FaultsError as error:
            raise StartError("; ".join(_plainly(fault) for fault in error.faults)) from None
        number, call_id = _contact_of(flow, flow.entries[0], properties), str(uuid.uuid4())
        wait = self._row(
            flow,
            flow.entries[0],
            call_id,
            number,
            properties,
            self._services.wall(),
            after_event,
            outbound=True,
            details=details,
        )
        return replace(wait, snapshot={**wait.snapshot, "options": dict(options)})

    def _row(
        self,
        flow: Flow,
        entry: str,
        call_id: str,
        contact: str,
        properties: Mapping[str, Any],
        at: float,
        after_event: int,
        *,
        outbound: bool,
        details: Mapping[str, Any] | None = None,
    ) -> KeptWait:
        store = self._services.store
        short_id = store.next_short_id()
        direction = "outbound" if outbound else "outside"
        call = {"id": call_id, "from": contact, "started_at": at, "short_id": short_id, "direction": direction}
        record = CallRecord(
            id=call_id,
            short_id=short_id,
            direction=direction,
            started_at=at,
            caller=None if outbound else contact or None,
            called=(contact or None) if outbound else None,
            node=store.node,
            flow=flow.name,
            flow_version=flow.version,
            flow_number=flow.number or None,
            details=dict(details or {}),
        )
        return replace(
            new_wait(call_id, store.node, at),
            flow=flow.name,
            version=flow.number,
            snapshot={
                "start": {"entry": entry, "call": call, "properties": dict(properties)},
                "record": asdict(record),
            },
            after_event=after_event,
        )


def _plainly(fault: Fault) -> str:
    """A fault of a text that nobody has written: without its line."""
    return f"{fault.field or 'flow'}: {fault.text}"


def _contact_of(flow: Flow, entry: str, properties: Mapping[str, Any]) -> str:
    element = flow.elements[entry]
    path = element.contact if isinstance(element, StartFromAudienceElement) else "number"
    number = property_of(properties, path)
    return plain_number(number) if isinstance(number, str) else ""


def new_wait(call_id: str, node: str, now: float) -> KeptWait:
    """An empty row of a flow that begins to run without a caller."""
    return KeptWait(
        id=str(uuid.uuid4()),
        call_id=call_id,
        node=node,
        flow="",
        version=0,
        snapshot={},
        events=[],
        after_event=0,
        wake_at=None,
        created_at=now,
        last_step_at=now,
    )
