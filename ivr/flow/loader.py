"""Flows out of files: all of a folder, or none of it.

    parse_flow(text, name) -> Flow             one text
    load_flow(path) -> Flow                    one file
    load_folder(folder, settings) -> FlowSet   all files of a folder, with what holds between them

Each raises FlowLoadError with every fault there is, not the first one alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ivr.errors import Fault, FlowLoadError
from ivr.flow.custom import BUILT_IN, ElementTypes, element_types
from ivr.flow.elements import Element
from ivr.flow.elements.start import StartIncomingCallElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.expressions import CONTEXT_NAMES
from ivr.flow.faults import field_faults, near
from ivr.flow.grammar import WORDS
from ivr.flow.internal import internal_flow
from ivr.flow.model import Candidate, Flow, FlowSet, plain_number
from ivr.flow.positions import LIMITS, Places
from ivr.flow.references import reference_faults
from ivr.flow.values import VARIABLE
from ivr.flow.walk import prompts
from ivr.settings import Limits, Settings
from ivr.units import SHARE_FORMS, parse_share

__all__ = [
    "FLOW_SUFFIXES",
    "flow_files",
    "join_flows",
    "load_flow",
    "load_folder",
    "parse_flow",
    "read_flow",
    "version_of",
]

FLOW_SUFFIXES = (".yaml", ".yml")
TEST_STEM = ".test"
"""`reception.test.yaml` holds the tests of `reception.yaml`."""

MAX_VARIABLES = 200
"""Declared variables of one flow."""

VERSION_DIGITS = 12
"""48 bits of the hash: two versions of one flow never meet by chance."""

_FLOW_KEYS = ("description", "canary", "variables", "sensitive", "shareable", "elements")
_FLOW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_ELEMENT_NAME = re.compile(r"[^\W][\w .-]{0,63}")
_DEFAULTS = Limits()


def parse_flow(
    text: str | bytes,
    name: str,
    file: str | Path | None = None,
    limits: Limits = _DEFAULTS,
    types: ElementTypes = BUILT_IN,
) -> Flow:
    """The flow that a text is; FlowLoadError with every fault of shape and reference inside it.

    `types` are those that its elements may have.
    """
    source = Path(file) if file is not None else None
    places = Places(text, str(file) if file is not None else f"{name}.yaml")
    faults = list(places.faults)
    flow: Flow | None = None
    if not faults:
        data = places.data
        if isinstance(data, dict):
            flow = _Reader(places, limits, types, faults).read(name, source, text)
        else:
            faults.append(places.fault((), "a flow is a mapping with the key elements", expected="elements: …"))
    if not _FLOW_NAME.fullmatch(name):
        faults.append(Fault("the file's name cannot name a flow: letters, digits, _ and -", places.file, found=name))
    if faults or flow is None:
        raise FlowLoadError(sorted(faults, key=lambda fault: fault.line or 0))
    return flow


def read_flow(path: Path) -> bytes:
    """The text of a flow file; FlowLoadError where it cannot be read or is far too long."""
    try:
        with path.open("rb") as file:
            return file.read(4 * LIMITS.characters + 1)
    except OSError as error:
        raise FlowLoadError([Fault(f"cannot be read: {error.strerror}", str(path))]) from None


def load_flow(path: str | Path, limits: Limits = _DEFAULTS, types: ElementTypes = BUILT_IN) -> Flow:
    """The flow in a file."""
    path = Path(path)
    return parse_flow(read_flow(path), path.stem, path, limits, types)


def flow_files(folder: Path) -> list[Path]:
    """Files of a folder that are flows, by name: no tests, nothing hidden, no folders inside."""
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise FlowLoadError([Fault(f"the flows folder cannot be read: {error.strerror}", str(folder))]) from None
    return [
        path
        for path in files
        if path.suffix in FLOW_SUFFIXES
        and not path.name.startswith(".")
        and not path.stem.endswith(TEST_STEM)
        and path.is_file()
    ]


def load_folder(folder: str | Path, settings: Settings | None = None, previous: FlowSet | None = None) -> FlowSet:
    """Every flow of a folder, with the element types that the settings give.

    `previous`, the set in force, lends its number and the flows that did not change.
    """
    limits = settings.limits if settings is not None else _DEFAULTS
    types = element_types(settings) if settings is not None else BUILT_IN
    flows: list[Flow] = []
    faults: list[Fault] = []
    for path in flow_files(Path(folder)):
        try:
            text = read_flow(path)
            old = previous.get(path.stem) if previous is not None else None
            same = old is not None and old.source == path and old.version == version_of(text)
            flows.append(old if old is not None and same else parse_flow(text, path.stem, path, limits, types))
        except FlowLoadError as error:
            faults.extend(error.faults)
    number = previous.number + 1 if previous is not None else 1
    faults.extend(_faults_between(flows, complete=not faults))
    if faults:
        raise FlowLoadError(faults)
    return FlowSet({flow.name: flow for flow in flows}, number=number, internal=internal_flow())


def join_flows(
    flows: Iterable[Flow], number: int = 1, *, complete: bool = True, candidates: Iterable[Candidate] = ()
) -> FlowSet:
    """A set of flows from anywhere; FlowLoadError where they do not go together, or not with a candidate in its place.

    With `complete` false a flow that another one names may be missing.
    """
    found = list(flows)
    trying = {candidate.flow.name: candidate for candidate in candidates}
    faults = list(_faults_between(found, complete=complete))
    for candidate in trying.values() if not faults else ():
        others = [candidate.flow if flow.name == candidate.flow.name else flow for flow in found]
        faults.extend(_faults_between(others, complete=complete))
    if faults:
        raise FlowLoadError(faults)
    return FlowSet({flow.name: flow for flow in found}, number=number, internal=internal_flow(), candidates=trying)


def version_of(text: str | bytes) -> str:
    """What names the content of a flow's file: the first digits of its SHA-256."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.sha256(content).hexdigest()[:VERSION_DIGITS]


# One flow


class _Reader:
    """Makes a flow of the data of one file, and collects what is wrong with it."""

    def __init__(self, places: Places, limits: Limits, types: ElementTypes, faults: list[Fault]) -> None:
        self.places = places
        self.limits = limits
        self.types = types
        self.faults = faults

    def wrong(self, path: tuple[str | int, ...], text: str, **details: str | None) -> None:
        self.faults.append(self.places.fault(path, text, **details))

    def read(self, name: str, source: Path | None, text: str | bytes) -> Flow:
        data: dict[str, Any] = self.places.data
        for key in data:
            if key not in _FLOW_KEYS:
                meant = near(key, _FLOW_KEYS)
                self.wrong(
                    (key,),
                    f"unknown key, did you mean {meant}?" if meant else "unknown key",
                    expected=f"one of {', '.join(_FLOW_KEYS)}",
                )
        description = data.get("description") or ""
        if not isinstance(description, str):
            self.wrong(("description",), "must be text", found=self.places.written(("description",)))
            description = ""
        elements = self.elements(data.get("elements"))
        if isinstance(data.get("elements"), dict) and len(data["elements"]) <= self.limits.elements_per_flow:
            self.faults.extend(reference_faults(elements, data["elements"], self.places))
        return Flow(
            name,
            elements,
            description,
            self.variables(data.get("variables")),
            self.listed("sensitive", data.get("sensitive")),
            version_of(text),
            source,
            self.places,
            canary=self.canary(data.get("canary")),
            shareable=self.shareable(data),
        )

    def canary(self, data: Any) -> float | None:
        if data is None:
            return None
        try:
            return parse_share(data)
        except ValueError:
            self.wrong(("canary",), "not a share of the calls", found=str(data), expected=SHARE_FORMS)
            return None

    def elements(self, data: Any) -> dict[str, Element]:
        if not isinstance(data, dict) or not data:
            self.wrong(("elements",), "a flow needs elements: a mapping of names to elements")
            return {}
        if len(data) > self.limits.elements_per_flow:
            self.wrong(
                ("elements",),
                "too many elements: split the flow and join the parts by transfer_to_flow",
                found=str(len(data)),
                expected=f"at most {self.limits.elements_per_flow} (limits.elements_per_flow)",
            )
            return {}
        found: dict[str, Element] = {}
        for name, fields in data.items():
            if not _ELEMENT_NAME.fullmatch(name):
                self.wrong(("elements", name), "not a name: letters, digits, _, - and up to 64 characters")
            if (element := self.element(name, fields)) is not None:
                found[name] = element
        return found

    def element(self, name: str, data: Any) -> Element | None:
        path = ("elements", name)
        if not isinstance(data, dict):
            self.wrong(path, "an element is a mapping with a type", expected="type: …")
            return None
        kind = data.get("type")
        if kind is None:
            self.wrong(path, "the type is missing", expected=f"one of {', '.join(sorted(self.types.models))}")
            return None
        model = self.types.models.get(kind) if isinstance(kind, str) else None
        if model is None:
            self.unknown_type(name, kind)
            return None
        try:
            element = model.model_validate(data, context={"types": self.types.models})
        except ValidationError as error:
            details = error.errors(include_url=False)
            self.faults.extend(field_faults(details, path, model, self.places))
            return None
        for where, prompt in prompts(element):
            text = prompt.text
            if text is not None and text.fixed and len(text.source) > self.limits.text_characters:
                self.wrong(
                    (*path, *where, "text"),
                    "the text is too long to be spoken in one piece",
                    found=f"{len(text.source)} characters",
                    expected=f"at most {self.limits.text_characters} (limits.text_characters)",
                )
        return element

    def unknown_type(self, name: str, kind: Any) -> None:
        path = ("elements", name, "type")
        if isinstance(kind, str) and kind in self.types.broken:
            self.wrong(path, self.types.broken[kind], found=kind)
            return
        known = self.types.models
        meant = near(str(kind), known)
        self.wrong(
            path,
            f"unknown type, did you mean {meant}?" if meant else "unknown type",
            found=str(kind),
            expected=None if meant else f"one of {', '.join(sorted(known))}",
        )

    def variables(self, data: Any) -> Mapping[str, Any]:
        if data is None:
            return {}
        if not isinstance(data, dict):
            self.wrong(("variables",), "must be a mapping of names to defaults", expected="name: default")
            return {}
        if len(data) > MAX_VARIABLES:
            self.wrong(("variables",), "too many variables", expected=f"at most {MAX_VARIABLES}")
        for name, value in data.items():
            self.variable_name(("variables", name), name)
            if isinstance(value, str) and "{{" in value:
                self.wrong(("variables", name), "a default holds no expression: use set_variable")
        return data

    def variable_name(self, path: tuple[str | int, ...], name: Any) -> None:
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            self.wrong(path, "not the name of a variable: letters, digits and _, a letter first", found=str(name))
        elif name in CONTEXT_NAMES or name in WORDS:
            self.wrong(path, "this name has a meaning of its own in expressions: choose another", found=name)

    def listed(self, key: str, data: Any) -> frozenset[str]:
        """Variables that a key of the flow lists."""
        if data is None:
            return frozenset()
        if not isinstance(data, list):
            self.wrong((key,), "must be a list of variables", expected="[name, …]")
            return frozenset()
        for index, name in enumerate(data):
            self.variable_name((key, index), name)
        return frozenset(name for name in data if isinstance(name, str))

    def shareable(self, data: Mapping[str, Any]) -> frozenset[str]:
        """Variables that may leave the call; one that is secret as well is a fault."""
        found = self.listed("shareable", data.get("shareable"))
        listed = data.get("sensitive")
        secret = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
        for name in sorted(found & secret):
            self.wrong(
                ("shareable", data["shareable"].index(name)),
                "a sensitive variable is never shared: take it out of one of the two lists",
                found=name,
            )
        return found


# Between flows


def _faults_between(flows: list[Flow], *, complete: bool) -> Iterator[Fault]:
    """Faults between flows; where some could not be read (`complete` false), nothing is said of flows not found."""
    names: dict[str, Flow] = {}
    for flow in flows:
        if flow.name in names:
            yield Fault(f"the flow {flow.name} is there twice, first in {names[flow.name].source}", str(flow.source))
        names.setdefault(flow.name, flow)
    yield from _number_faults(flows)
    for flow in flows:
        for name, element in flow.elements.items():
            if not isinstance(element, TransferToFlowElement) or not element.flow.fixed:
                continue
            wanted = element.flow.source.strip()
            target, file, line = names.get(wanted), _file(flow), flow.line(name, "flow")
            if target is None and complete:
                meant = near(wanted, names)
                text = f"there is no such flow, did you mean {meant}?" if meant else "there is no such flow"
                yield Fault(text, file, line, name, "flow", wanted)
            elif target is not None and element.enters and target.flow_entry is None:
                yield Fault(
                    f"the flow {wanted} cannot be entered by a transfer",
                    file,
                    line,
                    name,
                    "flow",
                    expected="a flow with a start_from_flow element",
                )


def _number_faults(flows: list[Flow]) -> Iterator[Fault]:
    taken: dict[tuple[str, str | None], tuple[Flow, str]] = {}
    for flow in flows:
        for name, element in flow.elements.items():
            if not isinstance(element, StartIncomingCallElement):
                continue
            for index, number in enumerate(element.numbers):
                key = (plain_number(number), element.line)
                if key not in taken:
                    taken[key] = (flow, name)
                    continue
                other, entry = taken[key]
                where = f"{_file(other)}:{other.line(entry, 'numbers')}" if other is not flow else f"element {entry}"
                text = (
                    f"another flow has this number, {where}"
                    if other is not flow
                    else f"the number stands twice, {where}"
                )
                line = flow.line(name, f"numbers.{index}")
                yield Fault(text, _file(flow), line, name, "numbers", number, "each number once per line")


def _file(flow: Flow) -> str:
    return flow.places.file if flow.places is not None else f"{flow.name}.yaml"
