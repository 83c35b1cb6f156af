"""Definitions, accounts and erased ones, runs, tasks, notes, timers, staff, audit, and the plumbing."""

import sqlalchemy as sa
from alembic import op

from cskit.db import Instant, Json
from cskit.migrate import create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    create_plumbing(op)
    op.create_table(
        "definitions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("applied_at", Instant(), nullable=False),
        sa.Column("applied_by", sa.String(128), nullable=False),
    )
    _unique_where("ix_definitions_active", "definitions", ["id"], "active")
    op.create_table(
        "accounts",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("health", Json()),
    )
    op.create_table(
        "erased_accounts",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("playbook", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("cause", sa.String(320), nullable=False),
        sa.Column("cause_type", sa.String(64), nullable=False),
        sa.Column("event", Json(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("enrolled_at", Instant()),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant()),
        sa.UniqueConstraint("playbook", "account", "cause"),
    )
    op.create_index("ix_runs_account", "runs", ["account", "state"])
    op.create_index("ix_runs_started", "runs", ["started_at", "id"])
    _create_tasks()
    op.create_table(
        "notes",
        sa.Column("task", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
    )
    op.create_index("ix_notes_account", "notes", ["account"])
    op.create_table(
        "timers",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("subject", sa.String(36), nullable=False),
        sa.Column("due", Instant(), nullable=False),
    )
    op.create_index("ix_timers_due", "timers", ["due", "id"])
    op.create_table(
        "staff",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("leader", sa.String(128)),
        sa.Column("country", sa.String(2)),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("locale", sa.String(35), nullable=False),
        sa.Column("capacity", sa.Integer()),
        sa.Column("away_from", Instant()),
        sa.Column("away_until", Instant()),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("details", Json(), nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at", "id"])
    _create_effects()


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("playbook", sa.String(64), nullable=False),
        sa.Column("run", sa.String(36), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("title", Json(), nullable=False),
        sa.Column("how", Json(), nullable=False),
        sa.Column("owner", sa.String(128)),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("remind_at", Instant()),
        sa.Column("snoozed_until", Instant()),
        sa.Column("reminded_at", Instant()),
        sa.Column("overdue_at", Instant()),
        sa.Column("outcome", sa.String(64)),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("completed_at", Instant()),
    )
    _unique_where("ix_tasks_active", "tasks", ["account", "playbook", "step"], "status IN ('open', 'snoozed')")
    op.create_index("ix_tasks_owner", "tasks", ["owner", "status", "due_at"])
    op.create_index("ix_tasks_due", "tasks", ["due_at", "id"])
    op.create_index("ix_tasks_run", "tasks", ["run"])


def _create_effects() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secrets", Json(), nullable=False),
        sa.Column("types", Json(), nullable=False),
        sa.Column("owner", sa.String(128)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("failing_since", Instant()),
        sa.Column("throttled_until", Instant()),
        sa.Column("write_id", sa.String(36), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
    )
    op.create_table(
        "effects",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(128)),
        sa.Column("run", sa.String(36)),
        sa.Column("step", sa.String(64)),
        sa.Column("traceparent", sa.String(64)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("leased_by", sa.String(160)),
        sa.Column("reason", sa.String(64)),
        sa.Column("last_error", sa.Text()),
        sa.Column("replay", sa.String(36)),
        sa.Column("created_at", Instant(), nullable=False),
    )
    waiting = sa.text("status IN ('pending', 'sending')")
    op.create_index(
        "ix_effects_due", "effects", ["endpoint", "next_at", "id"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("ix_effects_endpoint", "effects", ["endpoint", "created_at", "id"])
    op.create_index("ix_effects_account", "effects", ["account"])
    op.create_table(
        "deliveries",
        sa.Column("effect", sa.String(36), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("status_code", sa.Integer()),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("error", sa.Text()),
    )


def _unique_where(name: str, table: str, columns: list[str], where: str) -> None:
    """A unique index over some rows, in the words of both databases."""
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)
