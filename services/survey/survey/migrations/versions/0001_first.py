"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant, Json
from cskit.migrate import create_plumbing

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_plumbing(op)
    op.create_table(
        "surveys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", Json(), nullable=False),
        sa.Column("question", Json()),
        sa.Column("expires_after", sa.BigInteger, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("write_id", sa.String(36), nullable=False, unique=True),
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("locale", sa.String(40)),
        sa.Column("role", sa.String(16)),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_index("ix_invitations_account", "invitations", ["account"])
    op.create_index("ix_invitations_person", "invitations", ["person"])
    op.create_table(
        "people",
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("became", sa.String(36)),
        sa.Column("erased", sa.Boolean, nullable=False),
    )
    op.create_table(
        "responses",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("survey", sa.String(64), nullable=False),
        sa.Column("invitation", sa.String(36), unique=True),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("person", sa.String(36)),
        sa.Column("role", sa.String(16)),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("answered_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_index("ix_responses_account", "responses", ["account"])
    op.create_index("ix_responses_person", "responses", ["person"])
    op.create_index("ix_responses_survey", "responses", ["survey", "answered_at", "id"])
    op.create_table(
        "texts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_texts_account", "texts", ["account"])
    op.create_index("ix_texts_person", "texts", ["person"])
