"""The tables of webhooks out. An effect is one webhook for one endpoint, with all that its attempts need."""

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, String, Table, Text, text

from cskit.db import Instant, Json
from playbook.tables import metadata

WAITING: Final = "status IN ('pending', 'sending')"  # of an effect that is still to be delivered

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("url", Text, nullable=False),
    Column("secrets", Json(), nullable=False),  # the newest first; old ones sign along until their end
    Column("types", Json(), nullable=False),  # what it subscribed to
    Column("owner", String(128)),  # of the staff: who is told when it fails
    Column("status", String(16), nullable=False),  # active, disabled
    Column("reason", String(64)),  # why it is disabled
    Column("failing_since", Instant),  # null while the last attempt went well
    Column("throttled_until", Instant),
    Column("write_id", String(36), nullable=False),  # the request that made it
    Column("created_at", Instant, nullable=False),
)

# The endpoint may not exist yet: then the effect waits for it.
effects = Table(
    "effects",
    metadata,
    Column("id", String(36), primary_key=True),  # the webhook-id, the same in every attempt and replay
    Column("endpoint", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("account", String(128)),
    Column("run", String(36)),
    Column("step", String(64)),
    Column("traceparent", String(64)),
    Column("status", String(16), nullable=False),  # pending, sending, delivered, failed
    Column("attempt", Integer, nullable=False),  # the next one's place in the schedule, 0 first
    Column("sends", Integer, nullable=False),  # how many answers or failures there were, replays among them
    Column("next_at", Instant, nullable=False),  # wall: when it may be taken; while it is sent the end of the lease
    Column("leased_by", String(160)),
    Column("reason", String(64)),  # why it failed
    Column("last_error", Text),
    Column("replay", String(36)),  # the request that asked for the last replay
    Column("created_at", Instant, nullable=False),
    Index(
        "ix_effects_due",
        "endpoint",
        "next_at",
        "id",
        sqlite_where=text(WAITING),
        postgresql_where=text(WAITING),
    ),
    Index("ix_effects_endpoint", "endpoint", "created_at", "id"),
    Index("ix_effects_account", "account"),
)

# One row per attempt.
deliveries = Table(
    "deliveries",
    metadata,
    Column("effect", String(36), primary_key=True),
    Column("number", BigInteger, primary_key=True),  # 1 is the first
    Column("at", Instant, nullable=False),
    Column("status_code", Integer),
    Column("seconds", Double(), nullable=False),
    Column("error", Text),
)
