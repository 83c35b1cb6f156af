"""What people and playbooks do: overrides by author, and entries of timelines that are made of no facts."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant, Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "overrides",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("override", sa.String(128), primary_key=True),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
    )
    op.create_index("ix_overrides_author", "overrides", ["author", "set_at"])
    op.create_table(
        "timeline_events",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("id", sa.String(280), primary_key=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", Json(), nullable=False),
    )
    op.create_index("ix_timeline_events_account_at", "timeline_events", ["account", "at"])
