"""Tables of the store, in types that SQLite and PostgreSQL both have.

Times are seconds since the epoch, UTC, as doubles: exact to the microsecond, the same in both databases, and free of
the time zone that SQLite cannot keep. Structured parts (path, digits, quality) are JSON: read whole, with their call.
"""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["HEAD", "calls", "meta", "metadata", "recordings"]

HEAD = "0001"
"""Newest migration; a store that is there needs no Alembic at start."""

NAMING = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)

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
