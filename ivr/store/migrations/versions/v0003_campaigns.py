"""Campaigns with their contacts, moments given to calls of a pace, tombstones on the do-not-contact list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables; entries of the list learn when they were removed."""
    counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.add_column("do_not_contact", sa.Column("removed_at", sa.Double))
    op.create_table(
        "campaigns",
        sa.Column("id", counter, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(128)),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("flow", sa.String(128), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("duplicates", sa.BigInteger, nullable=False),
        sa.Column("bad", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.UniqueConstraint("key", name="uq_campaigns_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contacts",
        sa.Column("id", counter, autoincrement=True, nullable=False),
        sa.Column("campaign", sa.BigInteger, nullable=False),
        sa.Column("number", sa.String(256), nullable=False),
        sa.Column("variables", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("result", sa.String(32)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Double, nullable=False),
        sa.Column("wait_id", sa.String(64)),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("campaign", "number", name="uq_contacts_campaign"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pace_slots",
        sa.Column("pace", sa.String(256), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("pace", "at", name="pk_pace_slots"),
    )
    op.create_index("ix_campaigns_node", "campaigns", ["node"])
    op.create_index("ix_contacts_campaign", "contacts", ["campaign", "state", "not_before"])
    op.create_index("ix_contacts_result", "contacts", ["campaign", "state", "result", "attempts"])


def downgrade() -> None:
    """Drop them; numbers that were removed from the list are not on it."""
    for table in ("pace_slots", "contacts", "campaigns"):
        op.drop_table(table)
    op.execute("DELETE FROM do_not_contact WHERE removed_at IS NOT NULL")
    with op.batch_alter_table("do_not_contact") as entries:
        entries.drop_column("removed_at")
