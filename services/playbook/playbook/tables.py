"""The tables of playbook. webhook_endpoints and effects stand in effects_tables.py, in the same metadata."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from cskit.db import Instant, Json
from cskit.db.plumbing import plumbing

metadata = MetaData()
PLUMBING = plumbing(metadata)

definitions = Table(
    "definitions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("active", Boolean, nullable=False),  # at most one version of a playbook starts runs
    Column("applied_at", Instant, nullable=False),
    Column("applied_by", String(128), nullable=False),
    Index("ix_definitions_active", "id", unique=True, sqlite_where=text("active"), postgresql_where=text("active")),
)

# One row per account that playbook had to do with. Locked first, in the order of ids, by whoever changes its runs.
accounts = Table(
    "accounts",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("version", BigInteger, nullable=False),  # of the last health.changed; 0 before the first
    Column("health", Json()),  # its data, as conditions see it
)

# Health that was cut before an account was erased may come after the erasure, from another topic: it is dropped.
erased_accounts = Table(
    "erased_accounts",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("partition", Integer, nullable=False),  # of cs.customer-events, where the newest erasure lies
    Column("offset", BigInteger, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("playbook", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("account", String(128), nullable=False),
    Column("cause", String(320), nullable=False),  # the id of what triggered it
    Column("cause_type", String(64), nullable=False),
    Column("event", Json(), nullable=False),  # what conditions see of it
    Column("state", String(16), nullable=False),
    Column("step", Integer, nullable=False),
    Column("reason", String(64)),
    Column("started_at", Instant, nullable=False),
    Column("enrolled_at", Instant),
    Column("changed_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("playbook", "account", "cause"),
    Index("ix_runs_account", "account", "state"),
    Index("ix_runs_started", "started_at", "id"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(128), nullable=False),
    Column("playbook", String(64), nullable=False),
    Column("run", String(36), nullable=False),
    Column("step", String(64), nullable=False),
    Column("title", Json(), nullable=False),
    Column("how", Json(), nullable=False),
    Column("owner", String(128)),
    Column("priority", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", String(64)),
    Column("due_at", Instant, nullable=False),
    Column("remind_at", Instant),
    Column("snoozed_until", Instant),
    Column("reminded_at", Instant),
    Column("overdue_at", Instant),
    Column("outcome", String(64)),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("completed_at", Instant),
    Index(
        "ix_tasks_active",
        "account",
        "playbook",
        "step",
        unique=True,
        sqlite_where=text("status IN ('open', 'snoozed')"),
        postgresql_where=text("status IN ('open', 'snoozed')"),
    ),
    Index("ix_tasks_owner", "owner", "status", "due_at"),
    Index("ix_tasks_due", "due_at", "id"),
    Index("ix_tasks_run", "run"),
)

# What a person wrote when closing a task: a text, so it stays here and never travels.
notes = Table(
    "notes",
    metadata,
    Column("task", String(36), primary_key=True),
    Column("account", String(128), nullable=False, index=True),
    Column("author", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# Moments to come back at. Only the timers worker deletes rows; one that came to mean nothing is ignored when it is due.
timers = Table(
    "timers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),  # health, remind, due, wake
    Column("account", String(128), nullable=False),
    Column("subject", String(36), nullable=False),  # a run (health) or a task
    Column("due", Instant, nullable=False),
    Index("ix_timers_due", "due", "id"),
)

staff = Table(
    "staff",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("email", String(320)),
    Column("role", String(64), nullable=False),
    Column("leader", String(128)),
    Column("country", String(2)),
    Column("time_zone", String(64), nullable=False),
    Column("locale", String(35), nullable=False),
    Column("capacity", Integer),
    Column("away_from", Instant),
    Column("away_until", Instant),
)

# Who changed what by hand.
audit = Table(
    "audit",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("details", Json(), nullable=False),
    Index("ix_audit_at", "at", "id"),
)
