"""Events on their way to other systems, answers kept with idempotency keys, roles and agents of tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables; tokens learn their roles and whose they are."""
    counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "deliveries",
        sa.Column("number", counter, autoincrement=True, nullable=False),
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
        sa.PrimaryKeyConstraint("number", name="pk_deliveries"),
        sa.UniqueConstraint("endpoint", "id", name="uq_deliveries_endpoint"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "idempotency",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.Text),
        sa.PrimaryKeyConstraint("owner", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"])
    op.add_column("tokens", sa.Column("roles", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("tokens", sa.Column("agent", sa.String(128)))


def downgrade() -> None:
    """Drop them; tokens that had roles alone are good for nothing then."""
    op.drop_table("idempotency")
    op.drop_table("deliveries")
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("agent")
        tokens.drop_column("roles")
