"""Versions of flows, profiles, do-not-contact, events from outside, flows that wait, tokens of the HTTP interface."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables; calls learn the number of their flow's version."""
    op.add_column("calls", sa.Column("flow_number", sa.Integer))
    op.create_table(
        "flow_versions",
        sa.Column("flow", sa.String(128), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("activated_at", sa.Double),
        sa.Column("author", sa.String(128)),
        sa.Column("source", sa.Text),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("flow", "number", name="pk_flow_versions"),
    )
    op.create_table(
        "flow_state",
        sa.Column("flow", sa.String(128), nullable=False),
        sa.Column("active", sa.Integer),
        sa.Column("candidate", sa.Integer),
        sa.Column("share", sa.Double),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("flow", name="pk_flow_state"),
    )
    op.create_table(
        "profiles",
        sa.Column("number", sa.String(256), nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("sensitive", sa.JSON, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_profiles"),
    )
    op.create_table(
        "do_not_contact",
        sa.Column("number", sa.String(256), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_do_not_contact"),
    )
    op.create_table(
        "events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("properties", sa.JSON, nullable=False),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "waits",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("flow", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("snapshot", sa.JSON, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("after_event", sa.BigInteger, nullable=False),
        sa.Column("wake_at", sa.Double),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("last_step_at", sa.Double, nullable=False),
        sa.Column("taken_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_waits"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("last_used", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_index("ix_events_name", "events", ["name"])
    op.create_index("ix_events_received_at", "events", ["received_at"])
    op.create_index("ix_waits_node", "waits", ["node"])


def downgrade() -> None:
    """Drop them."""
    for table in ("tokens", "waits", "events", "do_not_contact", "profiles", "flow_state", "flow_versions"):
        op.drop_table(table)
    with op.batch_alter_table("calls") as calls:
        calls.drop_column("flow_number")
