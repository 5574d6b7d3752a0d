"""Brings flows from the folder into the store, and decides which version of each is in force.

    a file whose content is new        a new version, in force at once; with `canary` a candidate beside the active one
    a file as it was brought in last   what the store says stays in force: a version rolled back to, a candidate
    a file that is gone                its flow is not in force any more; its versions stay

All of it or nothing: one fault, and neither the store nor what is in force changes.
"""

from __future__ import annotations

import getpass
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ivr.errors import Fault, FlowLoadError, IvrError
from ivr.flow import Flow, FlowSet, join_flows, parse_flow
from ivr.flow.custom import element_types
from ivr.flow.lint import Finding
from ivr.flow.loader import flow_files, read_flow, version_of
from ivr.flow.model import Candidate
from ivr.settings import Settings
from ivr.store import FlowState, FlowVersions, StateChange, Version
from ivr.versions.checking import check_text

__all__ = ["FlowKeeper", "VersionError"]

log = logging.getLogger("ivr.flows")

PARSED_KEPT = 64
"""Versions that are kept read, besides those in force: flows that wait on an old one wake many at a time."""


class VersionError(IvrError):
    """There is no such flow or version, or nothing to go back to."""

    http_status = 404


@dataclass(frozen=True, slots=True)
class _Planned:
    """What is to be in force of one flow."""

    flow: Flow
    candidate: Candidate | None
    new: Version | None
    change: StateChange | None


class FlowKeeper:
    """Flows of one folder and one store. Every method blocks; one thread at a time, but for :meth:`flow`.

    FlowLoadError where flows do not hold, StoreError where the store cannot be used, VersionError for what is not
    there.
    """

    def __init__(
        self, settings: Settings, versions: FlowVersions, clock: Callable[[], float] = time.time, author: str = ""
    ) -> None:
        self._settings = settings
        self._live: Settings | None = None
        self._types = element_types(settings)
        self.store = versions
        self._clock = clock
        self._author = author or _user()
        self._parsed: dict[tuple[str, int], Flow] = {}
        self._reading = threading.Lock()

    def begin(self) -> tuple[FlowSet, tuple[Fault, ...]]:
        """The flows to start with, and the faults of the folder.

        Where the folder does not hold, what was in force last stays in force: a system that is switched off and on
        again answers as before. FlowLoadError where there is nothing to go on with.
        """
        try:
            return self.load(), ()
        except FlowLoadError as error:
            try:
                flows = self.stored()
            except FlowLoadError:
                raise error from None
            if not len(flows):
                raise
            return flows, error.faults

    def load(self, previous: FlowSet | None = None) -> FlowSet:
        """Take up the folder as it is now; `previous` is the set in force."""
        states = self.store.states()
        planned: list[_Planned] = []
        faults: list[Fault] = []
        files = flow_files(self._settings.flows)
        for path in files:
            try:
                planned.append(self._plan(path, read_flow(path), states.get(path.stem), previous))
            except FlowLoadError as error:
                faults.extend(error.faults)
        if faults:
            faults.extend(_between([plan.flow for plan in planned], complete=False))
            raise FlowLoadError(faults)
        flows = _joined(planned, previous)
        there = {path.stem for path in files}
        gone = [name for name, state in states.items() if state.active is not None and name not in there]
        changes = [plan.change for plan in planned if plan.change is not None]
        changes.extend(StateChange(name, None) for name in gone)
        self.store.apply([plan.new for plan in planned if plan.new is not None], changes, self._clock())
        for change in changes:
            log.info("flow %s", _told(change))
        return flows

    def stored(self, previous: FlowSet | None = None) -> FlowSet:
        """The flows that the store has in force, whatever the folder holds."""
        planned: list[_Planned] = []
        faults: list[Fault] = []
        for state in self.store.states().values():
            try:
                if state.active is not None:
                    planned.append(self._kept(state, previous))
            except FlowLoadError as error:
                faults.extend(error.faults)
        if faults:
            raise FlowLoadError(faults)
        return _joined(planned, previous)

    def activate(self, name: str, number: int, share: float | None = None, previous: FlowSet | None = None) -> FlowSet:
        """Put a version into force: for all calls, which ends a trial, or for a share of them beside the active one."""
        state = self._state(name)
        if share is not None and state.active == number:
            raise VersionError(f"version {number} of {name} is the active one already")
        assert state.active is not None
        change = StateChange(name, number) if share is None else StateChange(name, state.active, number, share)
        return self._put(change, previous)

    def rollback(self, name: str, previous: FlowSet | None = None) -> FlowSet:
        """Undo the last change: end the trial of a candidate, else go back to the version that was active before.

        A version that was rolled back is none to go back to later.
        """
        state = self._state(name)
        assert state.active is not None
        if state.candidate is not None:
            return self._put(StateChange(name, state.active), previous)
        others = (v for v in self.store.versions(name) if v.activated_at is not None and v.number != state.active)
        before = max(others, key=lambda version: (version.activated_at, version.number), default=None)
        if before is None:
            raise VersionError(f"no version of {name} was active before {state.active}")
        return self._put(StateChange(name, before.number, withdrawn=state.active), previous)

    def flow(self, name: str, number: int) -> Flow:
        """One version, read; VersionError where there is none."""
        with self._reading:
            found = self._parsed.get((name, number))
            if found is None:
                version = self.store.version(name, number)
                if version is None:
                    raise VersionError(f"there is no version {number} of {name}")
                found = self._read(version)
                while len(self._parsed) >= PARSED_KEPT:
                    del self._parsed[next(iter(self._parsed))]
                self._parsed[name, number] = found
            return found

    def check(self, name: str, text: str, others: Iterable[Flow]) -> list[Finding]:
        """What is to be said of a text that is in no folder yet, beside other flows."""
        live = self._live
        return check_text(live or self._settings, self._types, name, text, others, live=live is not None)

    def knows(self, settings: Settings) -> None:
        """What is checked is seen beside these from now on: agents and queues as they hold, made over HTTP or not. May
        be called from another thread."""
        self._live = settings

    # Parts

    def _plan(self, path: Path, text: bytes, state: FlowState | None, previous: FlowSet | None) -> _Planned:
        name, digest = path.stem, version_of(text)
        if state is not None and state.newest_hash == digest:
            fresh = _in_force(previous, name, state.newest) or self._parse(text, name, path, state.newest)
            if state.active is None:
                return _Planned(fresh, None, None, StateChange(name, state.newest))
            return self._kept(state, previous, fresh)
        number = 1 if state is None else state.newest + 1
        fresh = self._parse(text, name, path, number)
        new = Version(name, number, digest, text.decode(), self._clock(), None, self._author, str(path))
        if fresh.canary is None or state is None or state.active is None:
            return _Planned(fresh, None, new, StateChange(name, number))
        active = self._version(name, state.active, previous)
        return _Planned(
            active, Candidate(fresh, fresh.canary), new, StateChange(name, state.active, number, fresh.canary)
        )

    def _kept(self, state: FlowState, previous: FlowSet | None, fresh: Flow | None = None) -> _Planned:
        """What the store has in force; `fresh` is its newest version, where that is read already."""

        def version(number: int) -> Flow:
            if fresh is not None and fresh.number == number:
                return fresh
            return self._version(state.flow, number, previous)

        assert state.active is not None
        candidate = None
        if state.candidate is not None and state.share is not None:
            candidate = Candidate(version(state.candidate), state.share)
        return _Planned(version(state.active), candidate, None, None)

    def _version(self, name: str, number: int, previous: FlowSet | None) -> Flow:
        return _in_force(previous, name, number) or self.flow(name, number)

    def _read(self, version: Version) -> Flow:
        label = f"{version.flow}@{version.number}"
        try:
            flow = self._parse(version.text, version.flow, label, version.number)
        except FlowLoadError as error:
            raise FlowLoadError(replace(fault, file=label) for fault in error.faults) from None
        return replace(flow, source=None)

    def _parse(self, text: str | bytes, name: str, file: str | Path, number: int) -> Flow:
        return replace(parse_flow(text, name, file, self._settings.limits, self._types), number=number)

    def _state(self, name: str) -> FlowState:
        state = self.store.states().get(name)
        if state is None:
            raise VersionError(f"there is no flow {name}")
        if state.active is None:
            raise VersionError(f"the flow {name} has no file in the folder any more")
        return state

    def _put(self, change: StateChange, previous: FlowSet | None) -> FlowSet:
        planned = []
        for state in self.store.states().values():
            if state.flow == change.flow:
                state = replace(state, active=change.active, candidate=change.candidate, share=change.share)
            if state.active is not None:
                planned.append(self._kept(state, previous))
        flows = _joined(planned, previous)
        self.store.apply((), [change], self._clock())
        log.info("flow %s", _told(change))
        return flows


def _in_force(flows: FlowSet | None, name: str, number: int) -> Flow | None:
    """A version that is in force already, so that it need not be read again."""
    if flows is None:
        return None
    candidate = flows.candidates.get(name)
    found = [flows.get(name), None if candidate is None else candidate.flow]
    return next((flow for flow in found if flow is not None and flow.number == number), None)


def _joined(planned: list[_Planned], previous: FlowSet | None) -> FlowSet:
    return join_flows(
        [plan.flow for plan in planned],
        previous.number + 1 if previous is not None else 1,
        candidates=[plan.candidate for plan in planned if plan.candidate is not None],
    )


def _between(flows: list[Flow], *, complete: bool) -> tuple[Fault, ...]:
    try:
        join_flows(flows, complete=complete)
    except FlowLoadError as error:
        return error.faults
    return ()


def _told(change: StateChange) -> str:
    if change.active is None:
        return f"{change.flow} is not in force any more"
    trial = "" if change.candidate is None else f", {change.share:.4g} of the calls try version {change.candidate}"
    return f"{change.flow}: version {change.active} is active{trial}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a service without an entry in the password file
        return str(os.getuid())
