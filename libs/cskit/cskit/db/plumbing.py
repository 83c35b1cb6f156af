"""The tables that every service has: where it stands on the log, what it has seen, what it has yet to send."""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from cskit.db.base import Tx
from cskit.db.reading import LookUp
from cskit.db.types import Instant, Json

_Serial = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


@dataclass(frozen=True, slots=True)
class Plumbing:
    """The plumbing tables of one service's metadata."""

    consumer_offsets: Table  # one row per (group, topic, partition): whose it is, and what comes next
    fingerprints: Table  # 64-bit fingerprints of the events taken, by partition and hour
    dead_letters: Table  # what could not be read, with its reason and its bytes
    outbox: Table  # records to append to the log, in the transaction that caused them
    outbox_shards: Table  # one row per (topic, partition) of the outbox: which relay sends it
    deployment: Table  # values made once, such as the seed of the fingerprints


async def speak(tx: Tx, plumbing: Plumbing) -> None:
    """Send what is collected, and a statement in any case: it tells the database that the transaction is at work."""
    name = plumbing.deployment.c.name
    await tx.fetch(LookUp((name,), {name: [""]}))


def plumbing(metadata: MetaData) -> Plumbing:
    """Add the plumbing tables to a service's metadata."""
    return Plumbing(
        consumer_offsets=Table(
            "consumer_offsets",
            metadata,
            Column("consumer_group", String(64), primary_key=True),
            Column("topic", String(128), primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("topic_id", String(36), nullable=False),
            Column("next_offset", BigInteger, nullable=False),
            Column("epoch", BigInteger, nullable=False),
            Column("owner", String(128), nullable=False),
            Column("append_clock_ms", BigInteger, nullable=False),
        ),
        fingerprints=Table(
            "fingerprints",
            metadata,
            Column("consumer_group", String(64), primary_key=True),
            Column("topic", String(128), primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("hour", BigInteger, primary_key=True),
            Column("epoch", BigInteger, primary_key=True),  # of the claim: within one, offsets only grow
            Column("next_offset", BigInteger, primary_key=True),
            Column("ids", LargeBinary, nullable=False),
        ),
        dead_letters=Table(
            "dead_letters",
            metadata,
            Column("id", String(160), primary_key=True),
            Column("consumer_group", String(64), nullable=False),
            Column("topic", String(128), nullable=False),
            Column("partition", Integer, nullable=False),
            Column("offset", BigInteger, nullable=False),
            Column("key", LargeBinary),
            Column("value", LargeBinary),
            Column("headers", Json(), nullable=False),
            Column("code", String(64), nullable=False),
            Column("reason", Text, nullable=False),
            Column("at", Instant, nullable=False, index=True),
            Column("replayed_at", Instant),
        ),
        outbox=Table(
            "outbox",
            metadata,
            Column("id", _Serial, primary_key=True, autoincrement=True),
            Column("topic", String(128), nullable=False),
            Column("partition", Integer, nullable=False),
            Column("key", LargeBinary),
            Column("value", LargeBinary, nullable=False),
            Column("headers", Json(), nullable=False),
            Index("ix_outbox_shard", "topic", "partition", "id"),
            sqlite_autoincrement=True,
        ),
        outbox_shards=Table(
            "outbox_shards",
            metadata,
            Column("topic", String(128), primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("epoch", BigInteger, nullable=False),
            Column("owner", String(128), nullable=False),
            Column("leased_until", Instant, nullable=False),
        ),
        deployment=Table(
            "deployment",
            metadata,
            Column("name", String(64), primary_key=True),
            Column("value", Text, nullable=False),
        ),
    )
