"""Single contacts: somebody asks that a flow runs for one number, by the HTTP interface or out of another flow.

What is asked for is in the store before the answer: who dies then calls all the same, and nobody twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ivr.call.dials import party_of
from ivr.call.services import Services
from ivr.call.starts import StartError
from ivr.call.waiting import WaitingFlows
from ivr.errors import IvrError, OverloadedError, StoreError
from ivr.flow import ports
from ivr.store import CALLED_AS, STATUS_CALLBACK, KeptWait, shown_details

__all__ = ["Contacts", "Wanted"]

log = logging.getLogger("ivr.call")

_KEYS = uuid.UUID("6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55")
"""Names of requests that carry a key of their own, as ids (RFC 9562 §5.5)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that somebody wants."""

    to: str
    """As targets of :class:`~ivr.flow.ports.Dial`."""
    flow: str | None = None
    """Flow that has the call; None: `say` is said, and the call is over."""
    say: str = ""
    """Text."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """JSON values for the flow."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of start_outgoing_call, of flows that do not call by themselves."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """For the record."""
    guest: str | None = None
    """See :func:`~ivr.call.solo.guest_of`."""
    document: Mapping[str, Any] | None = None
    """Instead of a flow: fields of the element that runs the property `document`
    (:class:`~ivr.flow.twiml.element.DocumentElement`); its `application` has placed the call."""
    status: Mapping[str, Any] | None = None
    """Who hears how the call fares: for the record, and for who tells it after a restart."""
    queue: str | None = None
    """Queue that the call waits in after what is said; it needs `say`, and the properties `language` and `origin`."""


class Contacts:
    """Takes them."""

    def __init__(
        self,
        services: Services,
        waiting: WaitingFlows,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        refusal: Callable[[], str | None],
    ) -> None:
        """`spawn` runs a task that somebody owns; `refusal` says why nobody new is taken, None while they are."""
        self._services = services
        self._waiting = waiting
        self._spawn = spawn
        self._refusal = refusal

    async def place(self, wanted: Wanted, key: str | None = None) -> tuple[str, str]:
        """Have somebody called: the id of the record, and `new`, `known` (a request with this key was taken before) or
        `other` (another one had it). StartError where it cannot be, OverloadedError where there is no room."""
        if (refusal := self._refusal()) is not None:
            raise OverloadedError(refusal)
        if not self._waiting.has_room():
            raise OverloadedError("limits.waiting_flows is reached")
        wait = self._row(wanted)
        told = json.dumps(asdict(wanted), sort_keys=True, default=str)
        asked = hashlib.sha256(told.encode()).hexdigest()[:32]
        details: dict[str, Any] = {"payload": dict(wanted.payload)} if wanted.payload else {}
        if wanted.document is not None:
            details["application"] = wanted.document["application"]
            if called_as := wanted.document.get("to"):
                details[CALLED_AS] = called_as
        if wanted.guest is not None:
            details["guest"] = wanted.guest
        if wanted.status is not None:
            details[STATUS_CALLBACK] = dict(wanted.status)
        wait = _named(wait, key, asked if key is not None else None, details)
        known = await asyncio.to_thread(self._services.store.waits.add, wait)
        if known is not None:
            return wait.call_id, "known" if known.get("request") == asked else "other"
        self._waiting.admit([wait])
        return wait.call_id, "new"

    def _row(self, wanted: Wanted) -> KeptWait:
        properties = {**wanted.properties, "number": wanted.to}
        if wanted.flow is not None:
            return self._waiting.start_contact(wanted.flow, None, properties, fields=wanted.fields)
        if wanted.document is not None:
            run = {"document": dict(wanted.document), "fields": dict(wanted.fields)}
            return self._waiting.start_call(run, properties)
        options: dict[str, Any] = {"say": bool(wanted.say), "fields": dict(wanted.fields)}
        if wanted.queue is not None:
            options["queue"] = wanted.queue
        return self._waiting.start_call(options, {**properties, "say": wanted.say})

    # Out of another flow

    def begin(self, command: ports.StartContact, done: Callable[[ports.ContactStarted], None]) -> None:
        """Let a flow run for somebody (Outside)."""
        self._spawn(self._begin(command, done))

    async def _begin(self, command: ports.StartContact, done: Callable[[ports.ContactStarted], None]) -> None:
        call_id, error = "", None
        services = self._services
        try:
            if not command.number:
                error = "no_number"
            elif not await self._may(command.number):
                error = "do_not_contact"
            else:
                update = ports.UpdateProfile(command.number, {})
                services.outside.update_profile(update)  # made where there is none
                guest = None
                if command.guest:
                    guest = "" if command.chosen else party_of(command.number)
                wanted = Wanted(command.number, command.flow, properties=command.properties, guest=guest)
                call_id, _ = await self.place(wanted)
        except StartError:
            error = "no_flow"
        except OverloadedError:
            error = "no_room"
        except (StoreError, IvrError) as failure:
            log.error("a contact of a flow cannot be kept: %s", failure)
            error = "failed"
        done(ports.ContactStarted(command.id, error, call_id))
        services.flush()

    async def _may(self, number: str) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def told(allowed: bool) -> None:
            if not answer.done():
                answer.set_result(allowed)

        self._services.outside.may_contact(party_of(number), told)
        return await answer

    # What became of one

    async def state(self, call_id: str) -> dict[str, Any] | None:
        """The record of a call that is not up, with its state: `waiting` while its flow waits or is about to call,
        else `ended`; None where there is none."""
        return await asyncio.to_thread(self._state, call_id)

    def _state(self, call_id: str) -> dict[str, Any] | None:
        store = self._services.store
        wait = store.waits.of_call(call_id)
        record = store.reader.call(call_id)
        if wait is not None:
            known = asdict(record) if record is not None else dict(wait.snapshot.get("record", {}))
            known["details"] = shown_details(known.get("details", {}))
            return {**known, "state": "waiting", "waits_until": wait.wake_at}
        return None if record is None else {**asdict(record), "state": "ended"}


def _named(wait: KeptWait, key: str | None, asked: str | None, more: Mapping[str, Any]) -> KeptWait:
    """The row with what its record is to say, and under the id that belongs to the key of the request."""
    snapshot = dict(wait.snapshot)
    record, start = dict(snapshot["record"]), dict(snapshot["start"])
    details = {**record["details"], **more}
    if key is not None:
        details["request"] = asked
        name = str(uuid.uuid5(_KEYS, key))
        record["id"], start["call"] = name, {**start["call"], "id": name}
        wait = replace(wait, id=name, call_id=name)
    record["details"] = details
    return replace(wait, snapshot={**snapshot, "record": record, "start": start})
