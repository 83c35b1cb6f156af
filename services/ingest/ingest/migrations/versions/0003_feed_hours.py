"""The hours in which events of a family came in."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "feed_hours",
        sa.Column("family", sa.String(16), primary_key=True),
        sa.Column("hour", Instant, primary_key=True),
        sa.Column("events", sa.BigInteger, nullable=False),
    )
