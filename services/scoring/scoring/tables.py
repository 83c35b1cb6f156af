"""The tables of scoring. Facts are bytes that only the engine reads; everything that is asked for has a column.

How PostgreSQL is to store them (fillfactor, compression) is said in the migrations.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table, Text

from cskit.db import Instant, Json, JsonDocument
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
    Column("active", Integer),  # ids of people with a core action, for the portfolio's metrics; null: not counted
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
    Column("watch", JsonDocument(), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("scorecard", String(80), nullable=False),
    Column("reference", Double, nullable=False),
    Column("contributions", JsonDocument(), nullable=False),  # every measure: value, points, weight, status, as_of
    Column("adjustments", JsonDocument(), nullable=False),
    Column("override", String(128)),  # the one in force
    Column("verdict", JsonDocument(), nullable=False),  # band, dwell and what was published last
    Column("version_base", BigInteger, nullable=False),  # what an erased account of this id had reached
    Column("causes", JsonDocument(), nullable=False),  # since the last published change
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
    Column("watch", JsonDocument(), nullable=False),
    Column("contributions", JsonDocument(), nullable=False),  # measure -> contribution, points or null, weight
    Column("adjustments", JsonDocument(), nullable=False),
    Column("scorecard", String(80), nullable=False),
    Column("cause", JsonDocument(), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("scored_at", Instant, nullable=False),
    Index("ix_history_account_at", "account", "at"),
)

# What a partition's control records have said: the last hour evaluated, dead feeds, the scorecards and exchange rates
# in force.
partitions = Table(
    "partitions",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("hour", Instant),  # null before the first tick
    Column("at", Instant),  # the latest moment as of which events were scored
    Column("feeds", Json(), nullable=False),  # family -> since, of the families that are stopped
    Column("applied", Json(), nullable=False),  # scorecard -> version, of those in force
    Column("rates", Integer, nullable=False, server_default="0"),  # the version of the exchange rates
)

# Versions of scorecards. The document never changes once it was applied: then key features are written into it.
scorecards = Table(
    "scorecards",
    metadata,
    Column("scorecard", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("written_sha256", String(64), nullable=False),  # of the document as it was given, whatever its version
    Column("document", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("author", String(128), nullable=False),
    Column("note", Text),
)

# What was applied, in order; 0 is what an installation began with. Locked by whoever stores or applies.
scorecard_applications = Table(
    "scorecard_applications",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False),
    Column("kind", String(8), nullable=False),  # shipped, apply, rollback
    Column("scorecard", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("in_force", Json(), nullable=False),  # scorecard -> version, from then on
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("note", Text),
    Index("ix_scorecard_applications_id", "id", unique=True),
)

# The version an erased account had reached: should it come back, its numbers go on, and no event id is made twice.
erased_accounts = Table(
    "erased_accounts",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("version", BigInteger, nullable=False),
)

# Erased accounts that the archive is still to let go of, or has (done_at); a repeat of the event changes nothing.
archive_erasures = Table(
    "archive_erasures",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("account", String(128), primary_key=True),
    Column("source", String(128), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("offset", BigInteger, nullable=False),
    Column("done_at", Instant),
)

# Rebuilds: at most one is open. Whoever works at it holds the lease (wall clock); its shadow is a database of its own.
rebuilds = Table(
    "rebuilds",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("state", String(16), nullable=False),  # asked, folding, ready, confirmed, swapped, discarded, failed
    Column("asked_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("asked_by", String(128)),
    Column("owner", String(128)),
    Column("leased_until", Instant),
    Column("folded", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("difference", Json()),
    Column("message", Text),
)

# What the portfolio's metrics know of an account, written with its slow row where that is made of it; null once erased.
# An account's newest change lies at (partition, offset), so that a reader finds what is new.
portfolio_books = Table(
    "portfolio_books",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("body", LargeBinary),
    Column("erased_at", Instant),
    Index("ix_portfolio_books_offset", "partition", "offset"),
)

# Tickets as the metrics need them; those that were solved go when nothing is known of them any more.
portfolio_tickets = Table(
    "portfolio_tickets",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("ticket", String(128), primary_key=True),
    Column("opened_at", Instant, nullable=False, index=True),
    Column("replied_at", Instant),
    Column("solved_at", Instant),
)

# What a unit of a currency is worth in the portfolio's from a day on: the changes of each version, which takes in those
# before it. Null: there is no such rate any more. Version 0 is what an installation began with.
exchange_rate_changes = Table(
    "exchange_rate_changes",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("currency", String(3), primary_key=True),
    Column("valid_from", String(10), primary_key=True),  # 2026-11-29
    Column("rate", String(32)),  # decimal text
)

# Which account has which override, and whose it is; the rest is in the slow facts.
overrides = Table(
    "overrides",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("override", String(128), primary_key=True),
    Column("author", String(128), nullable=False),
    Column("set_at", Instant, nullable=False),
    Index("ix_overrides_author", "author", "set_at"),
)

# Entries of timelines that are made of no facts: what playbooks did. The id is the entry's.
timeline_events = Table(
    "timeline_events",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("id", String(280), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("data", Json(), nullable=False),
    Index("ix_timeline_events_account_at", "account", "at"),
)

# Segments that people made; those that ship are code.
segments = Table(
    "segments",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("names", Json(), nullable=False),  # language -> name
    Column("condition", Text, nullable=False),
    Column("author", String(128), nullable=False),
    Column("changed_at", Instant, nullable=False),
)

# What an account has done in the 90 days before a day, and its fifths in the portfolio then; made anew each day.
account_activity = Table(
    "account_activity",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("idle_days", Integer),
    Column("core_actions", Integer, nullable=False),
    Column("contacts", Integer, nullable=False),
    Column("revenue", String(40)),  # decimal text in the portfolio's currency
    Column("recency", Integer, nullable=False),
    Column("frequency", Integer, nullable=False),
    Column("money", Integer),
)
activity_days = Table(
    "activity_days",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("started_at", Instant, nullable=False),  # wall clock: whoever began it may be gone
    Column("done_at", Instant),
)
