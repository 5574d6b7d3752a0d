"""Who may ask what: the table of the documentation, and what it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.api.access import Allowed, allowed, role_table, scope_table
from ivr.api.parts import all_endpoints
from ivr.store import ROLES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "http-api.md"
TABLES = {"scopes": scope_table, "roles": lambda: role_table(all_endpoints())}
ENDPOINTS = {f"{one.method} {one.plain_path}": one for one in all_endpoints()}


def filled(text: str) -> str:
    """The page with its tables as they should be."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}{make()}{end}{tail}"
    return text


def test_the_page_of_the_documentation_is_current() -> None:
    text = PAGE.read_text()
    assert text == filled(text), "run: python -m tests.api.test_access"


def test_the_table_has_every_endpoint() -> None:
    page = PAGE.read_text()
    for endpoint in ENDPOINTS.values():
        assert f" {endpoint.plain_path}`" in page, f"docs/http-api.md lacks {endpoint.plain_path}"


@pytest.mark.parametrize(
    ("what", "agent", "manager", "analytics"),
    [
        ("GET /v1/calls", "own", "yes", "yes"),
        ("GET /v1/calls/{id}/trace", "own", "yes", "yes"),
        ("GET /v1/events", "own", "yes", "yes"),
        ("GET /v1/agents/{name}/call", "own", "yes", ""),
        ("POST /v1/agents/{name}/status", "own", "yes", ""),
        ("GET /v1/calls/{id}/packet", "own", "yes", ""),
        ("PUT /v1/agents/{name}", "", "yes", ""),
        ("GET /v1/lines", "", "yes", "yes"),
        ("GET /v1/messages", "", "yes", "yes"),
        ("POST /v1/routes/explain", "", "yes", "yes"),
        ("GET /v1/recordings/{id}/audio", "", "yes", "yes"),
        ("DELETE /v1/recordings/{id}", "", "yes", ""),
        ("POST /v1/calls/{id}/transfer", "", "yes", ""),
        ("GET /v1/profiles/{number}", "", "yes", ""),
        ("GET /v1/webhooks", "", "", ""),
        ("GET /v1/bans", "", "", ""),
        ("GET /healthz", "yes", "yes", "yes"),
    ],
)
def test_some_of_it(what: str, agent: Allowed, manager: Allowed, analytics: Allowed) -> None:
    found = [allowed(ENDPOINTS[what], (role,)) for role in ("agent", "manager", "analytics", "account")]
    assert found == [agent, manager, analytics, "yes"]


def test_an_account_may_do_everything_and_nobody_nothing() -> None:
    for endpoint in ENDPOINTS.values():
        assert allowed(endpoint, ("account",)) == "yes"
        assert (allowed(endpoint) == "yes") == (endpoint.scope is None)


def test_agents_change_nothing_but_themselves() -> None:
    changing = [one for one in ENDPOINTS.values() if one.method != "GET" and one.scope is not None]
    may = {one.plain_path.rpartition("/")[0] for one in changing if allowed(one, ("agent",))}
    assert may == {"/v1/agents/{name}"}


def test_a_scope_alone_makes_nobody_an_agent() -> None:
    for endpoint in ENDPOINTS.values():
        if endpoint.scope == "agents:self":
            assert allowed(endpoint, (), ("agents:self",)) == ""
    assert set(ROLES) == {"agent", "manager", "analytics", "account"}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
