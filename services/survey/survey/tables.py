"""The tables of survey. Nothing here names a person but by the random id of the people directory."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

from cskit.db import Instant, Json
from cskit.db.plumbing import plumbing

metadata = MetaData()
PLUMBING: Final = plumbing(metadata)

surveys = Table(
    "surveys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", Json(), nullable=False),  # by language
    Column("question", Json()),  # by language; null is the usual question
    Column("expires_after", BigInteger, nullable=False),  # seconds that a link is open
    Column("created_at", Instant, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(36), primary_key=True),  # random: it stands in the link
    Column("write_id", String(36), nullable=False, unique=True),  # of the request that made it: a repeat finds it
    Column("survey", String(64), nullable=False),
    Column("account", String(128), nullable=False, index=True),
    Column("person", String(36), nullable=False, index=True),
    Column("locale", String(40)),
    Column("role", String(16)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

# Whose id is no longer theirs, so that nobody is asked under it: merged into another person, or erased; and who was
# asked or merged into, so that an invitation, a merge and an erasure of one person come one after the other.
people = Table(
    "people",
    metadata,
    Column("person", String(36), primary_key=True),
    Column("became", String(36)),
    Column("erased", Boolean, nullable=False),
)

responses = Table(
    "responses",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("survey", String(64), nullable=False),
    Column("invitation", String(36), unique=True),  # null once the person was erased, and if given elsewhere
    Column("account", String(128), nullable=False, index=True),
    Column("person", String(36), index=True),  # null once the person was erased
    Column("role", String(16)),
    Column("score", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("answered_at", Instant, nullable=False),  # of the first revision
    Column("changed_at", Instant, nullable=False),  # of the one in force
    Index("ix_responses_survey", "survey", "answered_at", "id"),
)

# The comments. The bus carries `survey/<id>`; the id is the response's.
texts = Table(
    "texts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(128), nullable=False, index=True),
    Column("person", String(36), nullable=False, index=True),
    Column("body", Text, nullable=False),
)
