from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from ivr.cli.main import cli
from ivr.cli.token import ROLES, SCOPES
from ivr.settings import load_settings
from ivr.store import ROLES as STORED_ROLES
from ivr.store import SCOPES as STORED
from ivr.store import TokenTable, split_token


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), "token", *arguments])


def test_the_scopes_are_those_of_the_store() -> None:
    assert set(SCOPES) == set(STORED)
    assert set(ROLES) == set(STORED_ROLES)


def test_a_token_is_made_listed_and_taken_back(config_file: Path) -> None:
    assert run(config_file, "list").output == "no tokens\n"
    made = run(config_file, "create", "--name", "crm", "--scope", "events", "--scope", "calls:read", "--expires", "30d")
    assert made.exit_code == 0
    found = split_token(made.output.strip())
    assert found is not None
    key, secret = found
    [row] = json.loads(run(config_file, "list", "--json").output)
    assert (row["id"], row["name"], row["scopes"]) == (key, "crm", ["calls:read", "events"])
    assert round(row["expires_at"] - row["created_at"]) == 30 * 86400
    assert secret not in run(config_file, "list").output
    table = TokenTable.open(load_settings(config_file, {}).store)
    token = table.get(key)
    table.close()
    assert token is not None
    assert token.holds(secret, token.created_at)
    assert run(config_file, "revoke", "crm").output == f"{key} crm: calls:read events\n1 taken back\n"
    result = run(config_file, "revoke", key)
    assert (result.exit_code, result.output) == (1, f"ivr: there is no token {key}\n")


def test_what_is_no_scope_or_no_time_is_a_usage_error(config_file: Path) -> None:
    assert run(config_file, "create", "--name", "x", "--scope", "all").exit_code == 2
    assert run(config_file, "create", "--name", "x").exit_code == 2
    assert run(config_file, "create", "--name", "x", "--scope", "events", "--expires", "soon").exit_code == 2


def test_roles_and_agents(config_file: Path) -> None:
    with config_file.open("a") as file:
        file.write("\nagents: {anna: {phones: ['tel:+4930123']}}\n")
    made = run(config_file, "create", "--role", "agent", "--agent", "anna")
    assert made.exit_code == 0, made.output
    assert run(config_file, "create", "--name", "boss", "--role", "manager", "--role", "analytics").exit_code == 0
    first, second = json.loads(run(config_file, "list", "--json").output)
    assert (first["name"], first["roles"], first["scopes"], first["agent"]) == ("anna", ["agent"], [], "anna")
    assert (second["roles"], second["agent"]) == (["analytics", "manager"], None)
    assert "analytics manager" in run(config_file, "list").output
    assert "anna: agent" in run(config_file, "revoke", "anna").output


def test_roles_that_do_not_go_together(config_file: Path) -> None:
    both = run(config_file, "create", "--name", "x", "--role", "agent", "--role", "manager", "--agent", "anna")
    assert (both.exit_code, "not agent and manager together" in both.output) == (2, True)
    assert run(config_file, "create", "--name", "x", "--role", "agent").exit_code == 2
    assert run(config_file, "create", "--name", "x", "--scope", "calls", "--agent", "anna").exit_code == 2
    unknown = run(config_file, "create", "--role", "agent", "--agent", "nobody")
    assert (unknown.exit_code, "there is no agent nobody" in unknown.output) == (1, True)
