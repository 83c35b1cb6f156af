"""What the archive is to let go of, and rebuilds."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant, Json

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "archive_erasures",
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("source", sa.String(128), primary_key=True),
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("done_at", Instant()),
    )
    op.create_table(
        "rebuilds",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("asked_by", sa.String(128)),
        sa.Column("owner", sa.String(128)),
        sa.Column("leased_until", Instant()),
        sa.Column("folded", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("difference", Json()),
        sa.Column("message", sa.Text()),
    )
