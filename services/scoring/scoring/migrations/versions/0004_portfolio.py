"""What portfolio metrics keep."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. The books of accounts that are there already are made at the next start."""
    op.add_column("account_months", sa.Column("active", sa.Integer()))
    op.create_table(
        "portfolio_books",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("erased_at", Instant()),
    )
    op.create_index("ix_portfolio_books_offset", "portfolio_books", ["partition", "offset"])
    op.create_table(
        "portfolio_tickets",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("ticket", sa.String(128), primary_key=True),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("replied_at", Instant()),
        sa.Column("solved_at", Instant()),
    )
    op.create_index("ix_portfolio_tickets_opened_at", "portfolio_tickets", ["opened_at"])
    op.create_table(
        "exchange_rates",
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("valid_from", sa.String(10), primary_key=True),
        sa.Column("rate", sa.String(32), nullable=False),
    )
