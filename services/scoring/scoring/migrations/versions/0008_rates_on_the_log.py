"""Exchange rates as versions, which the log names: the fold knows them, too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The rates that are there are what the installation began with."""
    op.create_table(
        "exchange_rate_changes",
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("valid_from", sa.String(10), primary_key=True),
        sa.Column("rate", sa.String(32)),
    )
    op.execute(
        "INSERT INTO exchange_rate_changes (version, currency, valid_from, rate) "
        "SELECT 0, currency, valid_from, rate FROM exchange_rates"
    )
    op.drop_table("exchange_rates")
    op.add_column("partitions", sa.Column("rates", sa.Integer(), nullable=False, server_default="0"))
