"""Calls, recordings and the store's own values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "calls",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("short_id", sa.BigInteger, nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("line", sa.String(64)),
        sa.Column("caller", sa.String(256)),
        sa.Column("called", sa.String(256)),
        sa.Column("sip_call_id", sa.String(256)),
        sa.Column("source", sa.String(64)),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("flow", sa.String(128)),
        sa.Column("flow_version", sa.String(64)),
        sa.Column("started_at", sa.Double, nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_short_id", "calls", ["short_id"])
    op.create_index("ix_calls_flow", "calls", ["flow"])
    op.create_index("ix_calls_started_at", "calls", ["started_at"])
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("reason", sa.String(32)),
        sa.Column("deleted_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
    )
    op.create_index("ix_recordings_call_id", "recordings", ["call_id"])
    op.create_index("ix_recordings_started_at", "recordings", ["started_at"])
    op.create_table(
        "meta",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("meta")
    op.drop_table("recordings")
    op.drop_table("calls")
