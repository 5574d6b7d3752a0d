from __future__ import annotations

import sqlite3
from pathlib import Path

from ivr.store import ROLES, SCOPES, Store, new_token, split_token

PATIENCE = 20.0


def test_a_token_holds_its_secret_alone_and_only_in_time(store: Store, tmp_path: Path) -> None:
    token, text = new_token("crm", ["events"], 100.0, 200.0)
    store.tokens.add(token)
    found = split_token(text)
    assert found is not None
    key, secret = found
    kept = store.tokens.get(key)
    assert kept == token
    assert kept.holds(secret, 150.0)
    assert not kept.holds(secret, 200.0)
    assert not kept.holds(secret + "x", 150.0)
    with sqlite3.connect(tmp_path / "ivr.db") as connection:
        assert secret not in "".join(connection.iterdump())
    connection.close()


def test_scopes(store: Store) -> None:
    token, _ = new_token("crm", ["events", "events", "flows"], 1.0)
    assert token.scopes == ["events", "flows"]
    assert (token.allows("events"), token.allows("admin")) == (True, False)
    assert new_token("root", ["admin"], 1.0)[0].allows("flows")


def test_texts_that_are_no_token() -> None:
    assert [split_token(text) for text in ("", "ivr", "ivr_x", "ivr_x_", "abc_x_y", "ivr__y")] == [None] * 6
    assert split_token("ivr_x_y_z") == ("x", "y_z")


def test_tokens_are_listed_used_and_taken_back(store: Store) -> None:
    tokens = [new_token(name, ["events"], float(n))[0] for n, name in enumerate(["crm", "shop", "shop"])]
    for token in tokens:
        store.tokens.add(token)
    assert store.tokens.all() == tokens
    store.writer.token_used(tokens[0].id, 7.0)
    assert store.writer.flush(PATIENCE)
    assert store.tokens.all()[0].last_used == 7.0
    assert store.tokens.remove("shop") == 2
    assert store.tokens.remove(tokens[0].id) == 1
    assert store.tokens.remove("shop") == 0
    assert store.tokens.get(tokens[0].id) is None


def test_roles_are_sets_of_scopes(store: Store) -> None:
    token, _ = new_token("anna", ["events"], 1.0, roles=["agent"], agent="anna")
    store.tokens.add(token)
    (kept,) = store.tokens.all()
    assert (kept.roles, kept.agent) == (["agent"], "anna")
    allowed = [scope for scope in SCOPES if kept.allows(scope)]
    assert allowed == ["agents:read", "agents:self", "calls:read", "events", "events:read"]
    account, _ = new_token("owner", [], 1.0, roles=["account"])
    assert all(account.allows(scope) for scope in SCOPES)


def test_roles_name_scopes_that_there_are() -> None:
    assert {scope for scopes in ROLES.values() for scope in scopes} <= SCOPES.keys()
    assert list(SCOPES) == sorted(SCOPES)
