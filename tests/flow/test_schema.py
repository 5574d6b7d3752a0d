"""The JSON Schemas: they take what loads, refuse what does not, and the files in the repository are up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ivr.errors import FlowLoadError
from ivr.flow.custom import element_types
from ivr.flow.elements import ELEMENTS
from ivr.flow.loader import flow_files, parse_flow
from ivr.flow.schema import config_schema, field_texts, flow_schema, packet_schema
from ivr.flow.schema import test_schema as cases_schema
from ivr.flow.testing import CaseError, case_files, parse_cases
from ivr.settings import load_settings, parse_settings

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "config" / "schema"
FOLDERS = [ROOT / "config" / "flows", ROOT / "config" / "examples" / "flows", ROOT / "tests" / "bench" / "flows"]
FLOW = jsonschema.Draft7Validator(flow_schema())
CONFIG = jsonschema.Draft7Validator(config_schema())
CASES = jsonschema.Draft7Validator(cases_schema())
PACKET = jsonschema.Draft7Validator(packet_schema())
EXAMPLES = ROOT / "config" / "examples"
EXAMPLE = jsonschema.Draft7Validator(flow_schema(element_types(load_settings(EXAMPLES / "ivr.yaml", {})).models))
"""With the elements that connectors of the examples add."""


class _Yaml(yaml.SafeLoader):
    """YAML with the tag of secrets."""


_Yaml.add_constructor("!secret", lambda loader, node: "secret")


def faults(validator: Any, text: str) -> list[str]:
    data = yaml.load(text, _Yaml)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]


@pytest.mark.parametrize(
    "schema",
    [FLOW.schema, CONFIG.schema, CASES.schema, PACKET.schema],
    ids=["flow", "config", "test", "packet"],
)
def test_schemas_are_schemas(schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    assert "$defs" not in json.dumps(schema)


@pytest.mark.parametrize(
    ("name", "schema"),
    [("flow", FLOW.schema), ("config", CONFIG.schema), ("test", CASES.schema), ("packet", PACKET.schema)],
)
def test_schemas_in_the_repository_are_up_to_date(name: str, schema: dict[str, Any]) -> None:
    kept = json.loads((SCHEMAS / f"{name}.json").read_text())
    assert kept == schema, f"run: ivr schema {name} -o config/schema/{name}.json"


FLOWS = [path for folder in FOLDERS if folder.is_dir() for path in flow_files(folder)]


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_flows_hold(path: Path) -> None:
    assert faults(EXAMPLE if EXAMPLES in path.parents else FLOW, path.read_text()) == []


def test_the_schema_of_the_examples_is_up_to_date() -> None:
    kept = json.loads((EXAMPLES / "schema" / "flow.json").read_text())
    wanted = "run: ivr schema flow --config config/examples/ivr.yaml -o config/examples/schema/flow.json"
    assert kept == EXAMPLE.schema, wanted
    sms = kept["definitions"]["element.sms.send"]
    assert sms["required"] == ["type", "to", "text"]
    assert sms["description"].startswith("Sends an SMS.")


@pytest.mark.parametrize(
    "path",
    [path for folder in FOLDERS if folder.is_dir() for path in case_files(folder)],
    ids=lambda path: f"{path.parent.parent.name}-{path.stem}",
)
def test_cases_hold(path: Path) -> None:
    assert faults(CASES, path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "cases: {}",
        "- {given: {}}",
        "- {name: a, then: []}",
        "- {name: a, given: {cller: '1'}}",
        "- {name: a, when: [{prss: '1'}]}",
        "- {name: a, when: [{at: start}]}",
        "- {name: a, when: [{agent: x, result: maybe}]}",
        "- {name: a, expect: {sayd: []}}",
    ],
)
def test_faulty_cases_are_refused(text: str) -> None:
    with pytest.raises(CaseError):
        parse_cases(text, "a.test.yaml")
    assert faults(CASES, text)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("**/ivr.yaml")), ids=lambda path: path.parent.name)
def test_configurations_hold(path: Path) -> None:
    assert faults(CONFIG, path.read_text()) == []


BLOCKS = [
    (f"{path.stem}-{number}", kind, text)
    for path in sorted((ROOT / "docs").glob("*.md"))
    for number, (kind, text) in enumerate(
        re.findall(r"^```yaml (flow|settings|cases)\n(.*?)^```$", path.read_text(), re.M | re.S), 1
    )
]


@pytest.mark.parametrize(("name", "kind", "text"), BLOCKS, ids=[block[0] for block in BLOCKS])
def test_examples_of_the_documentation_hold(name: str, kind: str, text: str) -> None:
    if kind != "flow":
        assert faults(CASES if kind == "cases" else CONFIG, text) == []
        return
    models = dict(ELEMENTS)  # with what the configurations on the same page add
    for other, of, settings in BLOCKS:
        if of == "settings" and "connectors:" in settings and other.rpartition("-")[0] == name.rpartition("-")[0]:
            models |= element_types(parse_settings(re.sub(r"!secret \S+", "secret", settings), None, {})).models
    assert faults(jsonschema.Draft7Validator(flow_schema(models)), text) == []


START = "start: {type: start_incoming_call, numbers: ['1'], next: a}"


@pytest.mark.parametrize(
    ("element", "place"),
    [
        ("{text: Hello}", "type"),
        ("{type: plya, text: Hello}", "plya"),
        ("{type: play}", "$.elements.a"),
        ("{type: play, text: Hello, file: hello.wav}", "$.elements.a"),
        ("{type: play, text: Hello, loud: true}", "loud"),
        ("{type: play, text: Hello, pause: 5 seconds}", "5 seconds"),
        ("{type: play, text: Hello, branches: {busy: start}}", "busy"),
        ("{type: play, text: 17}", "17"),
        ("{type: collect, responses: {'1': 2}}", "2"),
        ("{type: collect, attempts: three}", "three"),
        ("{type: collect, save_as: my variable}", "my variable"),
        ("{type: forward_call, to: 200}", "200"),
        ("{type: forward_call, to: '200', ring: both}", "both"),
        ("{type: forward_call, to: '200', accept_key: '12'}", "12"),
        ("{type: branch, next: start}", "conditions"),
        ("{type: hours}", "calendar"),
        ("{type: hang_up, cause: angry}", "angry"),
    ],
)
def test_faulty_elements_are_refused(element: str, place: str) -> None:
    text = f"elements:\n  {START}\n  a: {element}\n"
    with pytest.raises(FlowLoadError):
        parse_flow(text, "faulty")
    found = faults(FLOW, text)
    assert found, "the schema takes it"
    assert any(place in fault for fault in found), found


@pytest.mark.parametrize(
    "text",
    [
        "description: A flow without elements",
        f"elements: {{{START}}}\nvariable: {{}}",
        f"elements: {{{START}}}\nvariables: {{1st: 2}}",
        f"elements: {{{START}}}\nsensitive: pin",
        f"elements: {{{START}}}\ncanary: 0.1",
        "elements: {}",
        "elements: {start: play}",
    ],
)
def test_faulty_flows_are_refused(text: str) -> None:
    with pytest.raises(FlowLoadError):
        parse_flow(text, "faulty")
    assert faults(FLOW, text)


@pytest.mark.parametrize(
    "text",
    ["sipp: {}", "media: {workers: many}", "media: {timeout: soon}", "phones: {'200': {}}", "limits: {calls: 0}"],
)
def test_faulty_configurations_are_refused(text: str) -> None:
    assert faults(CONFIG, text)


@pytest.mark.parametrize("name", sorted(ELEMENTS))
def test_every_element_says_what_it_does(name: str) -> None:
    schema = FLOW.schema["definitions"][f"element.{name}"]
    assert len(schema["description"]) > 10
    silent = [
        key for key, place in schema["properties"].items() if not place.get("description") and "$ref" not in place
    ]
    assert not silent, f"fields of {name} without a docstring: {silent}"


def test_descriptions_are_the_docstrings_under_the_fields() -> None:
    texts = field_texts(ELEMENTS["play"])
    assert texts["loop"] == "Times the sound is played, or `forever`."
    assert "160 characters" in texts["text"]
    assert texts["next"] == "Element after the success branch."
