"""The examples of the documentation load, and its tables name every element, field and branch that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.flow import parse_flow
from ivr.flow.custom import BUILT_IN, ElementTypes, element_types
from ivr.flow.elements import ELEMENTS
from ivr.flow.functions import FUNCTIONS
from ivr.flow.testing import parse_cases
from ivr.settings import parse_settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```yaml (flow|settings|cases)\n(.*?)^```$", re.M | re.S)

BLOCKS = [
    (f"{path.stem}-{number}", kind, text)
    for path in sorted(DOCS.glob("*.md"))
    for number, (kind, text) in enumerate(_BLOCK.findall(path.read_text()), 1)
]
FLOWS = (DOCS / "flows.md").read_text()


SECRETS = dict.fromkeys(
    ("PBX_PASSWORD", "PHONE_200", "CRM_TOKEN", "SMS_TOKEN", "SMTP_PASSWORD", "PROVIDER_PASSWORD"), "x"
)


def _types(page: str) -> ElementTypes:
    """Types of elements that flows of a page may have: those of its configurations, too."""
    models = dict(BUILT_IN.models)
    for name, kind, text in BLOCKS:
        if kind == "settings" and name.rpartition("-")[0] == page:
            models |= element_types(parse_settings(text, None, SECRETS)).models
    return ElementTypes(models)


@pytest.mark.parametrize(("name", "kind", "text"), BLOCKS, ids=[block[0] for block in BLOCKS])
def test_example_loads(name: str, kind: str, text: str, tmp_path: Path) -> None:
    if kind == "flow":
        assert parse_flow(text, name, types=_types(name.rpartition("-")[0])).elements
    elif kind == "cases":
        assert parse_cases(text, f"{name}.test.yaml")
    else:
        element_types(parse_settings(text, tmp_path / "ivr.yaml", SECRETS))


def test_the_code_of_the_page_on_custom_elements_is_that_of_the_example() -> None:
    page = (DOCS / "custom-elements.md").read_text()
    shown = re.findall(r"^```(?:python|toml)\n(.*?)^```$", page, re.M | re.S)
    package = DOCS / "examples" / "ivr-loyalty"
    written = "".join(
        path.read_text() for path in (package / "pyproject.toml", package / "ivr_loyalty" / "__init__.py")
    )
    for text in shown:
        assert re.sub(r" +#.*", "", text).strip() in written


def _section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", FLOWS, re.M | re.S)
    assert found, f"docs/flows.md has no section {name}"
    return found[1]


@pytest.mark.parametrize("name", sorted(ELEMENTS))
def test_every_field_and_branch_is_documented(name: str) -> None:
    text = _section(name)
    fields = {
        info.alias or key
        for key, info in ELEMENTS[name].model_fields.items()
        if key not in ("type", "next", "branches")
    }
    missing = {field for field in fields if f"`{field}`" not in text and f"`{field}:" not in text}
    assert not missing, f"{name}: {missing}"
    branches = {spec.name for spec in ELEMENTS[name].BRANCHES if spec.name not in ("user_hung_up", "call_ended")}
    assert not {branch for branch in branches if f"`{branch}`" not in text}, name


def test_every_function_is_documented() -> None:
    assert not {name for name in FUNCTIONS if f"`{name}`" not in FLOWS and f"`{name}(" not in FLOWS}


def _places(page: Path) -> set[str]:
    """What links may name behind the `#` of a page: its headings, as GitHub and GitLab write them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    headings = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in re.findall(r"^#+ (.*)$", text, re.M))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    for path in [*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CHANGELOG.md"]:
        for target, place in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", path.read_text()):
            page = path.parent / target if target else path
            assert page.exists(), f"{path.name}: {target}"
            assert not place or place in _places(page), f"{path.name}: {target}#{place}"
