"""The tables of ingest. A user id, a name or an address stands nowhere else, and never on the bus."""

from typing import Final

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
)

from cskit.db import Instant
from cskit.db.plumbing import plumbing

metadata = MetaData()
PLUMBING: Final = plumbing(metadata)

_Serial = BigInteger().with_variant(Integer(), "sqlite")

# A client's user id, in the scope of its source; `anon:` and an anonymousId for those who have no other.
USERS: Final = Table(
    "users",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("user_id", String(300), primary_key=True),
    Column("person_id", String(36), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
)

# A person under a random id: the account they belong to, and what the bus must not carry.
PEOPLE: Final = Table(
    "people",
    metadata,
    Column("person_id", String(36), primary_key=True),
    Column("nameless", Boolean, nullable=False),
    Column("merged_into", String(36)),
    Column("account", String(128), index=True),
    Column("linked_at", Instant),
    Column("previous_account", String(128)),  # where they belonged before linked_at
    Column("regrouped_at", Instant),  # when the last move or merge of theirs came in
    Column("name", String(256)),
    Column("email", String(320)),
    Column("locale", String(64)),
    Column("time_zone", String(64)),
    Column("country", String(2)),
    Column("consent", Boolean),
    Column("described_at", Instant),
    Column("created_at", Instant, nullable=False),
)

# The accounts on whose stream a person's id has appeared: who must be told of a merge or an erasure.
MEMBERSHIPS: Final = Table(
    "memberships",
    metadata,
    Column("person_id", String(36), primary_key=True),
    Column("account", String(128), primary_key=True),
)

# Where the events of requests that moved or merged their people went: a repeat, which finds the people as they are
# afterwards, goes there too. Kept for as long as repeats are safe.
SETTLED: Final = Table(
    "settled",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("event_id", String(128), primary_key=True),
    Column("account", String(128)),
    Column("received", Instant, nullable=False, index=True),
)

# The quarantine: events of people whose account is not known yet, in the order of their arrival.
WAITING: Final = Table(
    "waiting",
    metadata,
    Column("seq", _Serial, primary_key=True, autoincrement=True),
    Column("source", String(64), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("user_id", String(300), nullable=False),
    Column("type", String(64), nullable=False),
    Column("time", Instant, nullable=False),
    Column("received", Instant, nullable=False),
    Column("clamped", Boolean, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("source", "event_id", name="uq_waiting_event"),
    Index("ix_waiting_person", "person_id", "seq"),
    sqlite_autoincrement=True,
)

# What people wrote; the bus carries `ingest/<id>`.
TEXTS: Final = Table(
    "texts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# The next hour that each partition of cs.customer-events is to be told.
HOURS: Final = Table(
    "hours",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_hour", Instant, nullable=False),
)

# The families of events that stand still, and since when.
FEEDS: Final = Table(
    "feeds",
    metadata,
    Column("family", String(16), primary_key=True),
    Column("stopped_since", Instant, nullable=False),
)
