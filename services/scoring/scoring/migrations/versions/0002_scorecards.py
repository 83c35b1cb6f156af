"""What a scorecard's version says, what was applied, and several scorecards in force."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant, Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Partitions name a set of scorecards; versions are stored anew, as documents that can be read again."""
    op.add_column("partitions", sa.Column("applied", Json(), nullable=False, server_default="{}"))
    partitions = sa.table(
        "partitions", sa.column("partition", sa.Integer), sa.column("scorecard"), sa.column("applied", Json())
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(partitions.c.partition, partitions.c.scorecard)).fetchall():
        scorecard, _, version = row.scorecard.rpartition("@")
        mine = sa.update(partitions).where(partitions.c.partition == row.partition)
        connection.execute(mine.values(applied={scorecard: int(version)}))
    op.drop_column("partitions", "scorecard")
    op.drop_table("scorecards")  # the shipped ones come back at the next start; others could not be made yet
    op.create_table(
        "scorecards",
        sa.Column("scorecard", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("written_sha256", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("note", sa.Text()),
    )
    op.create_table(
        "scorecard_applications",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("scorecard", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("in_force", Json(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("note", sa.Text()),
    )
    op.create_index("ix_scorecard_applications_id", "scorecard_applications", ["id"], unique=True)
