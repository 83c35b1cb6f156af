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
    Column("person_id", String(36), index=True),  # whose words they are, or whom they are about: goes with the person
    Column("created_at", Instant, nullable=False),
    Column("account", String(128), index=True),  # goes with the account, too; None: nobody said
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

# What is told of a source beyond its name: kind (product or a webhook's), what to keep, how its webhooks are read and
# checked. A source that is not here is a product with nothing to keep.
SOURCES: Final = Table(
    "sources",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("keep", Text, nullable=False),  # JSON list of property names whose texts may travel
    Column("secrets", Text, nullable=False),  # JSON list of {secret, until}: several while one is rotated
    Column("options", Text, nullable=False),  # JSON object, such as a Salesforce organization's id
    Column("mapping", Text),  # YAML; None: the built-in one of its kind
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

# The last things that came in from a source, with what became of them: a row of each replica, written now and then.
TAILS: Final = Table(
    "tails",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("replica", String(36), primary_key=True),
    Column("items", Text, nullable=False),  # JSON list, newest first
    Column("last_at", Instant, nullable=False),  # when the newest came in
)

# How many fresh events of a family came in during an hour: what a dead feed is told by.
FEED_HOURS: Final = Table(
    "feed_hours",
    metadata,
    Column("family", String(16), primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("events", BigInteger, nullable=False),
)

# Where an object of a webhook source stands, so that deliveries in any order end in its right state.
OBJECTS: Final = Table(
    "objects",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("object", String(200), primary_key=True),
    Column("time", Instant, nullable=False),  # the newest state's, as its event carried it
    Column("state", Text, nullable=False),  # JSON, as much as tells which of two comes first
    Column("changed_at", Instant, nullable=False, index=True),
)

# Imports of files: how far each one is. The same file again goes on where it stopped, or is refused if it is done.
IMPORTS: Final = Table(
    "imports",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("mode", String(8), nullable=False),  # backfill or live
    Column("columns", Text, nullable=False),  # JSON: how its rows are read, such as our field -> the file's header
    Column("status", String(16), nullable=False),  # open or done
    Column("lines", Integer, nullable=False),
    Column("acknowledged", Integer, nullable=False),  # the last line that was answered for
    Column("accepted", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("newest", Instant),  # the time of its newest row
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("source", "kind", "sha256", name="uq_imports_file"),
)
