"""Cases out of files: `reception.test.yaml` holds those of the flow `reception`.

    parse_cases(text, "reception.test.yaml") -> tuple[Case, ...]      one text
    load_cases(path) -> tuple[Case, ...]                              one file
    case_files(folder), lone_tests(folder)                            files of a folder

A file is a list of cases, or a mapping: `given` for all of them, and the list under `cases`. A case with `each` stands
for several: `<key>` in any text of it is replaced by what each of them says. Each loader raises CaseError with every
fault there is, not the first one alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ivr.errors import Fault, FaultsError
from ivr.flow.faults import field_faults, near
from ivr.flow.loader import FLOW_SUFFIXES, TEST_STEM
from ivr.flow.positions import LIMITS, Places
from ivr.flow.positions import Path as Way
from ivr.flow.sim import Given, Script, ScriptError, SpeechModel, Stubs, parse_script
from ivr.flow.testing.fields import ExpectFields, GivenFields
from ivr.flow.testing.stubs import stubs_of

__all__ = ["Case", "CaseError", "case_files", "load_cases", "lone_tests", "parse_cases"]

MAX_NAME = 200
"""Characters of a case's name: it stands in one line of a report."""

MAX_EACH = 500
"""Cases that one `each` makes."""

_FILE_KEYS = ("given", "cases")
_CASE_KEYS = ("name", "each", "given", "when", "expect")
_PLACE = re.compile(r"^(?:cases\.)?\d+(?:\.|$)", re.ASCII)
_PLACEHOLDER = re.compile(r"<([A-Za-z][A-Za-z0-9_]*)>")

M = TypeVar("M", GivenFields, ExpectFields)


class CaseError(FaultsError):
    """A file of test cases cannot be used."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a flow."""

    name: str
    """Says what it is about."""
    flow: str
    """Name of the flow."""
    file: str
    """Where it stands."""
    line: int
    """Where it begins."""
    given: Given
    """The call and its caller."""
    stubs: Stubs
    """How the world answers."""
    speech: SpeechModel
    """How long prompts last."""
    when: Script
    """What caller and world do."""
    expect: ExpectFields
    """What must have happened."""
    lines: Mapping[Way, int]
    """Where the parts of `when` and `expect` stand, by their paths inside the case."""

    def line_of(self, *path: str | int) -> int:
        """Line of a part of the case, or of the nearest one around it."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return self.line


def load_cases(path: str | Path) -> tuple[Case, ...]:
    """The cases in a file."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(4 * LIMITS.characters + 1)
    except OSError as error:
        raise CaseError([Fault(f"cannot be read: {error.strerror}", str(path))]) from None
    return parse_cases(text, path)


def parse_cases(text: str | bytes, file: str | Path) -> tuple[Case, ...]:
    """The cases that a text holds; `file` names it, and the flow."""
    places = Places(text, str(file))
    if places.faults:
        raise CaseError(map(_inside, places.faults))
    flow = Path(file).stem.removesuffix(TEST_STEM)
    cases, faults = _Reader(places, flow).read()
    if faults:
        raise CaseError(sorted(faults, key=lambda fault: fault.line or 0))
    return tuple(cases)


def case_files(folder: Path) -> list[Path]:
    """Files of a folder that hold test cases, by name."""
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise CaseError([Fault(f"the flows folder cannot be read: {error.strerror}", str(folder))]) from None
    return [path for path in files if _is_test(path) and path.is_file()]


def lone_tests(folder: Path) -> list[Fault]:
    """A fault for each file of test cases that has no flow beside it."""
    found = []
    for path in case_files(folder):
        name = path.stem.removesuffix(TEST_STEM)
        flows = [file.stem for file in folder.iterdir() if file.suffix in FLOW_SUFFIXES and not _is_test(file)]
        if name not in flows:
            meant = near(name, flows)
            text = "tests of a flow that is not there" + (f", did you mean {meant}?" if meant else "")
            found.append(Fault(text, str(path), None, expected=f"{name}.yaml beside it"))
    return found


def _is_test(path: Path) -> bool:
    return path.suffix in FLOW_SUFFIXES and path.stem.endswith(TEST_STEM) and not path.name.startswith(".")


def _inside(fault: Fault) -> Fault:
    """The fault with its field named as inside the case: the line says which case it is."""
    field = _PLACE.sub("", fault.field or "")
    return replace(fault, element=None, field=field or None)


class _Reader:
    """Makes cases of the data of one file, and collects what is wrong with it."""

    def __init__(self, places: Places, flow: str) -> None:
        self.places = places
        self.flow = flow
        self.faults: list[Fault] = []
        self.names: dict[str, int] = {}

    def read(self) -> tuple[list[Case], list[Fault]]:
        data, base = self.places.data, ()
        common = GivenFields()
        path: Way = base
        if isinstance(data, Mapping):
            self.known(data, (), _FILE_KEYS)
            common = self.fields(GivenFields, data.get("given"), ("given",)) or common
            self.add(stubs_of(common, self.places, ("given",))[1])
            if self.faults:
                return [], self.faults
            path = ("cases",)
            data = data.get("cases")
        if not isinstance(data, list):
            self.wrong(path, "a file of tests is a list of cases", expected="- name: …")
            return [], self.faults
        cases: list[Case] = []
        for index, item in enumerate(data):
            here = (*path, index)
            if not isinstance(item, Mapping):
                self.wrong(here, "a case is a mapping", expected="name, given, when, expect")
                continue
            if self.known(item, here, _CASE_KEYS):
                read = (self.case(each, here, common) for each in self.spread(item, here))
                cases.extend(case for case in read if case is not None)
        return cases, self.faults

    def wrong(self, path: Way, text: str, **details: str | None) -> None:
        self.add([self.places.fault(path, text, **details)])

    def add(self, faults: Iterable[Fault]) -> None:
        """Take faults in, each once: what all cases have in common is read with each of them."""
        self.faults.extend(fault for fault in map(_inside, faults) if fault not in self.faults)

    def known(self, data: Mapping[str, Any], path: Way, keys: tuple[str, ...]) -> bool:
        """Whether all keys are known; a fault for each that is not."""
        good = True
        for key in data:
            if key not in keys:
                meant = near(key, keys)
                text = f"unknown key, did you mean {meant}?" if meant else "unknown key"
                fault = self.places.fault((*path, key), text, expected=f"one of {', '.join(keys)}")
                self.add([fault])
                good = False
        return good

    def fields(self, model: type[M], data: Any, path: Way) -> M | None:
        """Fields read as a model; None where they have faults."""
        try:
            return model.model_validate({} if data is None else data)
        except ValidationError as error:
            self.add(field_faults(error.errors(include_url=False), path, model, self.places))
            return None

    def case(self, data: Mapping[str, Any], path: Way, common: GivenFields) -> Case | None:
        before = len(self.faults)
        name = self.name(data.get("name"), path)
        given = self.fields(GivenFields, data.get("given"), (*path, "given"))
        expect = self.fields(ExpectFields, data.get("expect"), (*path, "expect"))
        script = Script()
        try:
            when = data.get("when")
            script = parse_script([] if when is None else when, self.places, (*path, "when"))
        except ScriptError as error:
            self.add(error.faults)
        if given is None or expect is None:
            return None
        given = given.over(common)
        stubs, faults = stubs_of(given, self.places, (*path, "given"))
        self.add(faults)
        if len(self.faults) > before:
            return None
        lines = {way: line for way in _ways(data) if (line := self.places.line((*path, *way))) is not None}
        line = self.places.line(path) or 1
        return Case(name, self.flow, self.places.file, line, given.call(), stubs, given.speech(), script, expect, lines)

    def name(self, value: Any, path: Way) -> str:
        if not isinstance(value, str) or not value.strip():
            self.wrong(path if value is None else (*path, "name"), "a case needs a name", expected="name: …")
            return ""
        name = " ".join(value.split())
        if len(name) > MAX_NAME:
            self.wrong((*path, "name"), "the name is too long", expected=f"at most {MAX_NAME} characters")
        line = self.places.line((*path, "name")) or 0
        if name in self.names:
            where = f"first in line {self.names[name]}" if self.names[name] != line else "name what differs: <key>"
            self.wrong((*path, "name"), f"two cases have this name, {where}", found=name)
        self.names.setdefault(name, line)
        return name

    # each

    def spread(self, data: Mapping[str, Any], path: Way) -> Iterator[Mapping[str, Any]]:
        """The cases that one stands for."""
        rows = data.get("each")
        if rows is None:
            yield data
            return
        here = (*path, "each")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) and row for row in rows):
            self.wrong(here, "each is a list of mappings", expected='- {key: "1", to: sales}')
            return
        if len(rows) > MAX_EACH:
            self.wrong(here, "too many cases", found=str(len(rows)), expected=f"at most {MAX_EACH}")
            return
        rest = {key: value for key, value in data.items() if key != "each"}
        used = set(_PLACEHOLDER.findall("\n".join(_texts(rest))))
        for index, row in enumerate(rows):
            for key in row:
                if key not in used:
                    self.wrong((*here, index, key), f"<{key}> stands nowhere in the case")
        for row in rows:
            yield _filled(rest, row)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        if isinstance(value, Mapping):
            yield from value
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _filled(value: Any, row: Mapping[str, Any]) -> Any:
    """A value with every `<key>` in it replaced; one that is nothing else keeps the type of what it stands for."""
    if isinstance(value, Mapping):
        return {_filled_text(key, row): _filled(each, row) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, row) for each in value]
    if isinstance(value, str):
        match = _PLACEHOLDER.fullmatch(value)
        return row[match[1]] if match and match[1] in row else _filled_text(value, row)
    return value


def _filled_text(text: str, row: Mapping[str, Any]) -> str:
    if "<" not in text:
        return text
    return _PLACEHOLDER.sub(lambda match: str(row[match[1]]) if match[1] in row else match[0], text)


def _ways(value: Any, path: Way = (), depth: int = 3) -> Iterator[Way]:
    """Paths to the parts of a case that a difference may be about."""
    if path:
        yield path
    if depth:
        inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        for key, each in inner:
            yield from _ways(each, (*path, key), depth - 1)
