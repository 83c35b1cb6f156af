"""Sources, their tails and objects, imports; whose words a text holds."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("texts", sa.Column("person_id", sa.String(36)))
    op.create_index("ix_texts_person_id", "texts", ["person_id"])
    op.create_table(
        "sources",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("keep", sa.Text, nullable=False),
        sa.Column("secrets", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("mapping", sa.Text),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_table(
        "tails",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("replica", sa.String(36), primary_key=True),
        sa.Column("items", sa.Text, nullable=False),
        sa.Column("last_at", Instant, nullable=False),
    )
    op.create_table(
        "objects",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("object", sa.String(200), primary_key=True),
        sa.Column("time", Instant, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_index("ix_objects_changed_at", "objects", ["changed_at"])
    op.create_table(
        "imports",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("acknowledged", sa.Integer, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("newest", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.UniqueConstraint("source", "kind", "sha256", name="uq_imports_file"),
    )
