"""The plumbing tables as of each service's first migration. Frozen: a later change is a migration of every service."""

from typing import Any

import sqlalchemy as sa

from cskit.db.types import Instant, Json


def create_plumbing(op: Any) -> None:
    """Create the tables on the connection of an Alembic `op`."""
    op.create_table(
        "consumer_offsets",
        sa.Column("consumer_group", sa.String(64), primary_key=True),
        sa.Column("topic", sa.String(128), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("topic_id", sa.String(36), nullable=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("append_clock_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fingerprints",
        sa.Column("consumer_group", sa.String(64), primary_key=True),
        sa.Column("topic", sa.String(128), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, primary_key=True),
        sa.Column("ids", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.String(160), primary_key=True),
        sa.Column("consumer_group", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("headers", Json(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("replayed_at", Instant),
    )
    op.create_index("ix_dead_letters_at", "dead_letters", ["at"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", Json(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_shard", "outbox", ["topic", "partition", "id"])
    op.create_table(
        "outbox_shards",
        sa.Column("topic", sa.String(128), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("leased_until", Instant, nullable=False),
    )
    op.create_table(
        "deployment",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
