"""Tables of the store, in types that SQLite and PostgreSQL both have.

Times are seconds since the epoch, UTC, as doubles: exact to the microsecond, the same in both databases, and free of
the time zone that SQLite cannot keep. Structured parts (path, digits, quality) are JSON: read whole, with their call.

    calls, recordings                what was; written in batches
    flow_versions, flow_state        texts of flows, and which of them are in force
    profiles, do_not_contact         what is known of people
    events, waits                    what came from outside, and flows that wait for it without a caller
    campaigns, contacts              whom to call, and what became of it
    pace_slots                       moments that calls of a pace were given
    tokens                           who may use the HTTP interface
    deliveries                       events on their way to other systems
    idempotency                      answers that were given, with the keys of their requests
    center_state                     what the contact centre keeps over a restart
    meta                             the store's own values
"""

from __future__ import annotations

import sqlalchemy as sa

__all__ = [
    "HEAD",
    "calls",
    "campaigns",
    "center_state",
    "contacts",
    "deliveries",
    "do_not_contact",
    "events",
    "flow_state",
    "flow_versions",
    "idempotency",
    "meta",
    "metadata",
    "pace_slots",
    "profiles",
    "recordings",
    "tokens",
    "waits",
]

HEAD = "0005"
"""Newest migration; a store that is there needs no Alembic at start."""

NAMING = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)

_COUNTER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite counts up in a column of the type INTEGER alone; it has 64 bits."""

calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("short_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("direction", sa.String(8), nullable=False),
    sa.Column("line", sa.String(64)),
    sa.Column("caller", sa.String(256)),
    sa.Column("called", sa.String(256)),
    sa.Column("sip_call_id", sa.String(256)),
    sa.Column("source", sa.String(64)),
    sa.Column("node", sa.String(64), nullable=False),
    sa.Column("flow", sa.String(128), index=True),
    sa.Column("flow_version", sa.String(64)),
    sa.Column("flow_number", sa.Integer),
    sa.Column("started_at", sa.Double, nullable=False, index=True),
    sa.Column("ringing_at", sa.Double),
    sa.Column("answered_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column("cause", sa.String(32)),
    sa.Column("sip_status", sa.Integer),
    sa.Column("path", sa.JSON, nullable=False),
    sa.Column("digits", sa.JSON, nullable=False),
    sa.Column("hand_offs", sa.JSON, nullable=False),
    sa.Column("quality", sa.JSON, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("call_id", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("started_at", sa.Double, nullable=False, index=True),
    sa.Column("seconds", sa.Double),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("reason", sa.String(32)),
    sa.Column("deleted_at", sa.Double),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

flow_versions = sa.Table(
    "flow_versions",
    metadata,
    sa.Column("flow", sa.String(128), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("activated_at", sa.Double),
    sa.Column("author", sa.String(128)),
    sa.Column("source", sa.Text),
    sa.Column("note", sa.Text),
)

flow_state = sa.Table(
    "flow_state",
    metadata,
    sa.Column("flow", sa.String(128), primary_key=True),
    sa.Column("active", sa.Integer),
    sa.Column("candidate", sa.Integer),
    sa.Column("share", sa.Double),
    sa.Column("changed_at", sa.Double, nullable=False),
)

profiles = sa.Table(
    "profiles",
    metadata,
    sa.Column("number", sa.String(256), primary_key=True),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("sensitive", sa.JSON, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
)

do_not_contact = sa.Table(
    "do_not_contact",
    metadata,
    sa.Column("number", sa.String(256), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("added_at", sa.Double, nullable=False),
    sa.Column("removed_at", sa.Double),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("number", _COUNTER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(128), nullable=False, unique=True),
    sa.Column("name", sa.String(128), nullable=False, index=True),
    sa.Column("properties", sa.JSON, nullable=False),
    sa.Column("received_at", sa.Double, nullable=False, index=True),
    sqlite_autoincrement=True,
)

waits = sa.Table(
    "waits",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("call_id", sa.String(64), nullable=False),
    sa.Column("node", sa.String(64), nullable=False, index=True),
    sa.Column("flow", sa.String(128), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("snapshot", sa.JSON, nullable=False),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("after_event", sa.BigInteger, nullable=False),
    sa.Column("wake_at", sa.Double),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("last_step_at", sa.Double, nullable=False),
    sa.Column("taken_at", sa.Double),
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("id", _COUNTER, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(128), unique=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("flow", sa.String(128), nullable=False),
    sa.Column("node", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("bad", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sqlite_autoincrement=True,
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", _COUNTER, primary_key=True, autoincrement=True),
    sa.Column("campaign", sa.BigInteger, nullable=False),
    sa.Column("number", sa.String(256), nullable=False),
    sa.Column("variables", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("result", sa.String(32)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Double, nullable=False),
    sa.Column("wait_id", sa.String(64)),
    sa.Column("changed_at", sa.Double, nullable=False),
    sa.UniqueConstraint("campaign", "number"),
    sa.Index("ix_contacts_campaign", "campaign", "state", "not_before"),
    sa.Index("ix_contacts_result", "campaign", "state", "result", "attempts"),
    sqlite_autoincrement=True,
)

pace_slots = sa.Table(
    "pace_slots",
    metadata,
    sa.Column("pace", sa.String(256), primary_key=True),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double),
    sa.Column("last_used", sa.Double),
    sa.Column("roles", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("agent", sa.String(128)),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("number", _COUNTER, primary_key=True, autoincrement=True),
    sa.Column("endpoint", sa.String(128), nullable=False),
    sa.Column("id", sa.String(128), nullable=False),
    sa.Column("lane", sa.String(128), nullable=False),
    sa.Column("type", sa.String(128), nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("content_type", sa.String(128), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_at", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Double, nullable=False),
    sa.Column("dead_at", sa.Double),
    sa.Column("problem", sa.Text),
    sa.UniqueConstraint("endpoint", "id"),
    sqlite_autoincrement=True,
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("owner", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("at", sa.Double, nullable=False, index=True),
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.JSON, nullable=False),
    sa.Column("body", sa.Text),
)

center_state = sa.Table(
    "center_state",
    metadata,
    sa.Column("node", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(256), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    sa.Column("changed_at", sa.Double, nullable=False),
)
