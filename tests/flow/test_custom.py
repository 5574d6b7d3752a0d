"""Element types of packages, found as importlib.metadata finds them: by a dist-info folder on sys.path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.errors import ConfigError, FlowLoadError
from ivr.flow.custom import BUILT_IN, ElementTypes, element_types, installed_types
from ivr.flow.elements import ELEMENTS
from ivr.flow.graph import dot_source
from ivr.flow.loader import load_folder, parse_flow
from ivr.flow.ports import Play, Request, RequestDone
from ivr.flow.schema import flow_schema
from ivr.settings import Settings
from tests.kit.flow import Talk

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "ivr-loyalty"
CARD = "123456789015"
FLOW = """
variables: {card: "%s", points: 0}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: check}
  check: {type: loyalty.check_card, card: "{{ card }}", next: ask, branches: {invalid: wrong}}
  ask:
    type: loyalty.points
    card: "{{ card }}"
    save_as: points
    filler: {text: "One moment."}
    next: say
    branches: {unknown: wrong}
  say: {type: play, text: "You have {{ points }} points.", next: bye}
  wrong: {type: play, text: "There is no such card.", next: bye}
  bye: {type: hang_up}
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts packages on the path as an installer does."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(points: str, code: str | None = None, name: str = "example") -> None:
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ivr.elements]\n{points}\n")
        if code is not None:
            (tmp_path / f"{name}_module.py").write_text(code)
        installed_types.cache_clear()

    installed_types.cache_clear()
    yield put
    installed_types.cache_clear()
    for added in set(sys.modules) - before:
        del sys.modules[added]


@pytest.fixture
def types(install: Install, monkeypatch: pytest.MonkeyPatch) -> ElementTypes:
    """The types with those of the example of the documentation."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    written = (EXAMPLE / "pyproject.toml").read_text().partition('[project.entry-points."ivr.elements"]\n')[2]
    install(written.replace('"', ""))
    return element_types(Settings())


def test_a_package_adds_types_as_if_they_were_built_in(types: ElementTypes) -> None:
    call = Talk(parse_flow(FLOW % CARD, "main", types=types)).start().wait(1.5)
    (request,) = call.commands(Request)
    assert (request.connector, request.url) == ("loyalty", f"cards/{CARD}")
    call.send(RequestDone(request.id, 200, body={"points": 42})).finish()
    assert call.path == ["start", "check", "ask", "say", "bye"]
    assert call.said == ["One moment.", "You have 42 points."]


@pytest.mark.parametrize(("status", "branch"), [(404, "unknown"), (500, "error"), (None, "error")])
def test_its_other_ways(types: ElementTypes, status: int | None, branch: str) -> None:
    call = Talk(parse_flow(FLOW % CARD, "main", types=types)).start()
    call.send(RequestDone(call.commands(Request)[0].id, status)).finish()
    assert (call.branches[2], call.path[-2]) == (branch, "wrong")


def test_a_card_that_is_none_is_asked_nobody(types: ElementTypes) -> None:
    call = Talk(parse_flow(FLOW % "123456789012", "main", types=types)).start().finish()
    assert call.path == ["start", "check", "wrong", "bye"] and not call.commands(Request)
    assert len(call.commands(Play)) == 1


def test_checks_drawings_and_schemas_know_it(types: ElementTypes, tmp_path: Path) -> None:
    with pytest.raises(FlowLoadError, match="unknown field, did you mean card"):
        parse_flow(FLOW.replace('card: "{{ card }}", next', "crad: 1, next") % CARD, "main", types=types)
    with pytest.raises(FlowLoadError, match=r"did you mean loyalty\.points\?"):
        parse_flow(FLOW.replace("loyalty.points", "loyalty.point") % CARD, "main", types=types)
    assert "invalid" in dot_source(parse_flow(FLOW % CARD, "main", types=types))
    found = flow_schema(types.models)["definitions"]["element.loyalty.points"]["properties"]
    assert found["card"]["description"] == "Number of the card."
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text(FLOW % CARD)
    assert "main" in load_folder(tmp_path / "flows", Settings())


def test_the_language_itself_does_not_change(types: ElementTypes) -> None:
    assert "loyalty.points" in types.models and "loyalty.points" not in ELEMENTS
    with pytest.raises(FlowLoadError, match="unknown type"):
        parse_flow(FLOW % CARD, "main")


@pytest.mark.parametrize(
    ("name", "target", "reason"),
    [
        ("nodot", "example_module:Good", "has a dot in it"),
        ("a.missing", "example_module:Missing", "AttributeError"),
        ("a.import", "no_such_module:X", "ModuleNotFoundError"),
        ("a.none", "example_module:Other", "not a class of elements"),
        ("a.other", "example_module:Good", "its TYPE is 'a.good'"),
    ],
)
def test_a_type_that_cannot_be_used_is_a_fault_where_it_is_used(
    install: Install, name: str, target: str, reason: str
) -> None:
    code = "from ivr.flow.custom import Element\nclass Good(Element):\n    TYPE = 'a.good'\nclass Other: pass\n"
    install(f"{name} = {target}\na.good = example_module:Good", code)
    types = element_types(Settings())
    assert "a.good" in types.models and reason in types.broken[name]
    flow = (
        f"elements: {{start: {{type: start_from_flow, next: a}}, a: {{type: {name}, next: b}}, b: {{type: hang_up}}}}"
    )
    with pytest.raises(FlowLoadError, match="cannot be used"):
        parse_flow(flow, "main", types=types)


def test_two_packages_with_one_name(install: Install) -> None:
    code = "from ivr.flow.custom import Element\nclass Good(Element):\n    TYPE = 'a.good'\n"
    install("a.good = example_module:Good", code)
    install("a.good = other_module:Good", code, "other")
    assert installed_types().broken == {"a.good": "two packages have an element type of this name"}
    assert not installed_types().models


def test_a_connector_and_a_package_with_one_name(install: Install) -> None:
    install(
        "a.good = example_module:Good",
        "from ivr.flow.custom import Element\nclass Good(Element):\n    TYPE = 'a.good'\n",
    )
    settings = Settings.model_validate({"connectors": {"a": {"url": "https://x/", "elements": {"good": {}}}}})
    with pytest.raises(ConfigError, match="a package has an element type of this name"):
        element_types(settings)


def test_built_in_types_are_those_of_the_language() -> None:
    assert BUILT_IN.models is ELEMENTS and not BUILT_IN.broken
