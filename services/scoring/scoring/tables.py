"""The tables of scoring. Facts are bytes that only the engine reads; everything that is asked for has a column."""

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table, Text

from cskit.db import Instant, Json
from cskit.db.plumbing import plumbing

metadata = MetaData()
PLUMBING: Final = plumbing(metadata)

# The facts of an account: one row per month of activity, one for all that is slow. Written whole, only when changed.
account_months = Table(
    "account_months",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("month", String(7), primary_key=True),  # 2026-11
    Column("body", LargeBinary, nullable=False),
)
account_slow = Table(
    "account_slow",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# The health of every account as it is now, its verdict, and what lists show of it.
live = Table(
    "live",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),  # the record at whose cut it was scored
    Column("at", Instant, nullable=False),
    Column("score", Double, nullable=False),
    Column("band", String(8), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("adoption_level", String(8), nullable=False),
    Column("coverage", Double, nullable=False),
    Column("watch", Json(), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("scorecard", String(80), nullable=False),
    Column("reference", Double, nullable=False),
    Column("contributions", Json(), nullable=False),  # every measure with value, points, weight, status and as_of
    Column("adjustments", Json(), nullable=False),
    Column("override", String(128)),  # the one in force
    Column("verdict", Json(), nullable=False),  # band, dwell and what was published last
    Column("version_base", BigInteger, nullable=False),  # what an erased account of this id had reached
    Column("causes", Json(), nullable=False),  # since the last published change
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("scored_at", Instant, nullable=False),
    Column("name", String(256)),
    Column("plan", String(128)),
    Column("segment", String(128)),
    Column("owner", String(128)),
    Column("mrr", String(24)),  # decimal text in the portfolio's currency
    Column("seats", Integer),
    Column("country", String(2)),
    Column("renewal_on", String(10)),
    Column("last_contact_at", Instant),
    Column("urgency", Double, nullable=False),  # the smallest first: band, then score
    Index("ix_live_partition", "partition", "account"),
    Index("ix_live_urgency", "urgency", "account"),
)

# What was known when it was scored: published changes, and the last score of each day.
history = Table(
    "history",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("kind", String(8), primary_key=True),  # ageing, backfill, change, closing: their order
    Column("version", BigInteger),  # null for a day's last row
    Column("score", Double, nullable=False),
    Column("band", String(8), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("adoption_level", String(8), nullable=False),
    Column("coverage", Double, nullable=False),
    Column("watch", Json(), nullable=False),
    Column("contributions", Json(), nullable=False),  # measure -> contribution, points (null: not fresh), weight
    Column("adjustments", Json(), nullable=False),
    Column("scorecard", String(80), nullable=False),
    Column("cause", Json(), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("scored_at", Instant, nullable=False),
    Index("ix_history_account_at", "account", "at"),
)

# What a partition's control records have said: the last hour evaluated, dead feeds, the scorecard in force.
partitions = Table(
    "partitions",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("hour", Instant),  # null before the first tick
    Column("at", Instant),  # the latest moment as of which events were scored
    Column("feeds", Json(), nullable=False),  # family -> since, of the families that are stopped
    Column("scorecard", String(80), nullable=False),
)

scorecards = Table(
    "scorecards",
    metadata,
    Column("scorecard", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# The version an erased account had reached: should it come back, its numbers go on, and no event id is made twice.
erased_accounts = Table(
    "erased_accounts",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("version", BigInteger, nullable=False),
)
