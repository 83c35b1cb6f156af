"""First version: identity, the directory, the quarantine, texts, hours and feeds."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant
from cskit.migrate import create_plumbing

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    create_plumbing(op)
    op.create_table(
        "users",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(300), primary_key=True),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_index("ix_users_person_id", "users", ["person_id"])
    op.create_table(
        "people",
        sa.Column("person_id", sa.String(36), primary_key=True),
        sa.Column("nameless", sa.Boolean, nullable=False),
        sa.Column("merged_into", sa.String(36)),
        sa.Column("account", sa.String(128)),
        sa.Column("linked_at", Instant),
        sa.Column("previous_account", sa.String(128)),
        sa.Column("regrouped_at", Instant),
        sa.Column("name", sa.String(256)),
        sa.Column("email", sa.String(320)),
        sa.Column("locale", sa.String(64)),
        sa.Column("time_zone", sa.String(64)),
        sa.Column("country", sa.String(2)),
        sa.Column("consent", sa.Boolean),
        sa.Column("described_at", Instant),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_index("ix_people_account", "people", ["account"])
    op.create_table(
        "memberships",
        sa.Column("person_id", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(128), primary_key=True),
    )
    op.create_table(
        "settled",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("event_id", sa.String(128), primary_key=True),
        sa.Column("account", sa.String(128)),
        sa.Column("received", Instant, nullable=False),
    )
    op.create_index("ix_settled_received", "settled", ["received"])
    op.create_table(
        "waiting",
        sa.Column("seq", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(300), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("received", Instant, nullable=False),
        sa.Column("clamped", sa.Boolean, nullable=False),
        sa.Column("backfill", sa.Boolean, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.UniqueConstraint("source", "event_id", name="uq_waiting_event"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_waiting_person", "waiting", ["person_id", "seq"])
    op.create_table(
        "texts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "hours",
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_hour", Instant, nullable=False),
    )
    op.create_table(
        "feeds",
        sa.Column("family", sa.String(16), primary_key=True),
        sa.Column("stopped_since", Instant, nullable=False),
    )
