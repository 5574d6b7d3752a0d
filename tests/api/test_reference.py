"""The document, and what people read of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from ivr.api.openapi import document
from ivr.api.parts import all_endpoints
from ivr.api.reference import markdown, page
from ivr.store import SCOPES
from tests.api.conftest import Api

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = document(all_endpoints())


def test_the_document_is_one() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_everything_is_told() -> None:
    for endpoint in all_endpoints():
        assert endpoint.summary.endswith("."), endpoint.path
        assert endpoint.scope is None or endpoint.scope in SCOPES, endpoint.scope
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name]
    names = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)


def test_the_page_of_the_documentation_is_current() -> None:
    kept = (ROOT / "docs" / "api-reference.md").read_text()
    assert kept == markdown(DOCUMENT), "run: python -m tests.api.test_reference"


class Page(HTMLParser):
    """Links and their ends, and whatever would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(tag)
        self.links.update([found["href"] or ""] if tag == "a" else [])
        self.ids.extend([found["id"] or ""] if "id" in found else [])


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    text = page(DOCUMENT)
    found = Page()
    found.feed(text)
    assert not found.loads and "url(" not in text and "@import" not in text
    assert {link for link in found.links if link.startswith("#")} <= {f"#{name}" for name in found.ids}
    assert {link for link in found.links if not link.startswith("#")} == {"openapi.json"}
    assert len(set(found.ids)) == len(found.ids)
    for endpoint in all_endpoints():
        assert f"<code>{endpoint.method} {endpoint.plain_path}</code>" in text


def test_text_from_models_is_no_markup() -> None:
    made = {**DOCUMENT, "info": {"description": "<b> & `x<y`", "version": "<1>"}}
    assert "&lt;b&gt; &amp; <code>x&lt;y</code> Version &lt;1&gt;" in page(made)


async def test_both_are_served(api: Api) -> None:
    answer = await api.client.get("/v1/openapi.json")
    assert (await answer.json())["openapi"] == "3.1.0"
    shown = await api.client.get("/v1/docs")
    assert shown.content_type == "text/html"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "GET /v1/bans" in await shown.text()


@pytest.mark.parametrize("endpoint", all_endpoints(), ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_descriptions_have_no_loose_ends(endpoint: object) -> None:
    text = f"{endpoint.summary} {endpoint.description}"  # type: ignore[attr-defined]
    assert text.count("`") % 2 == 0 and not re.search(r"\s{2,}", endpoint.summary)  # type: ignore[attr-defined]


if __name__ == "__main__":
    (ROOT / "docs" / "api-reference.md").write_text(markdown(DOCUMENT))
