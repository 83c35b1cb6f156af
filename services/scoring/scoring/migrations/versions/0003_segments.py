"""Segments of accounts, and what they go by: activity and ranks in the portfolio."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant, Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "segments",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("names", Json(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
    )
    op.create_table(
        "account_activity",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("idle_days", sa.Integer()),
        sa.Column("core_actions", sa.Integer(), nullable=False),
        sa.Column("contacts", sa.Integer(), nullable=False),
        sa.Column("revenue", sa.String(40)),
        sa.Column("recency", sa.Integer(), nullable=False),
        sa.Column("frequency", sa.Integer(), nullable=False),
        sa.Column("money", sa.Integer()),
    )
    op.create_table(
        "activity_days",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("done_at", Instant()),
    )
