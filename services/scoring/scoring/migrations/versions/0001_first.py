"""Everything scoring keeps, first version."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant, Json
from cskit.migrate import create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    create_plumbing(op)
    op.create_table(
        "account_months",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "account_slow",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "live",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("band", sa.String(8), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("adoption_level", sa.String(8), nullable=False),
        sa.Column("coverage", sa.Double(), nullable=False),
        sa.Column("watch", Json(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("scorecard", sa.String(80), nullable=False),
        sa.Column("reference", sa.Double(), nullable=False),
        sa.Column("contributions", Json(), nullable=False),
        sa.Column("adjustments", Json(), nullable=False),
        sa.Column("override", sa.String(128)),
        sa.Column("verdict", Json(), nullable=False),
        sa.Column("version_base", sa.BigInteger(), nullable=False),
        sa.Column("causes", Json(), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("scored_at", Instant(), nullable=False),
        sa.Column("name", sa.String(256)),
        sa.Column("plan", sa.String(128)),
        sa.Column("segment", sa.String(128)),
        sa.Column("owner", sa.String(128)),
        sa.Column("mrr", sa.String(24)),
        sa.Column("seats", sa.Integer()),
        sa.Column("country", sa.String(2)),
        sa.Column("renewal_on", sa.String(10)),
        sa.Column("last_contact_at", Instant()),
        sa.Column("urgency", sa.Double(), nullable=False),
    )
    op.create_index("ix_live_partition", "live", ["partition", "account"])
    op.create_index("ix_live_urgency", "live", ["urgency", "account"])
    op.create_table(
        "history",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True),
        sa.Column("offset", sa.BigInteger(), primary_key=True),
        sa.Column("at", Instant(), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("version", sa.BigInteger()),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("band", sa.String(8), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("adoption_level", sa.String(8), nullable=False),
        sa.Column("coverage", sa.Double(), nullable=False),
        sa.Column("watch", Json(), nullable=False),
        sa.Column("contributions", Json(), nullable=False),
        sa.Column("adjustments", Json(), nullable=False),
        sa.Column("scorecard", sa.String(80), nullable=False),
        sa.Column("cause", Json(), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("scored_at", Instant(), nullable=False),
    )
    op.create_index("ix_history_account_at", "history", ["account", "at"])
    op.create_table(
        "partitions",
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("hour", Instant()),
        sa.Column("at", Instant()),
        sa.Column("feeds", Json(), nullable=False),
        sa.Column("scorecard", sa.String(80), nullable=False),
    )
    op.create_table(
        "scorecards",
        sa.Column("scorecard", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
    )
    op.create_table(
        "erased_accounts",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
    )
