"""Versions of scorecards, what was applied when and by whom, and how far the partitions have come."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import Row, select, tuple_, update

from cskit.db import Tx
from csmodels.topics import PARTITIONS
from scoring.domain.precedence import Applied
from scoring.tables import partitions, scorecard_applications, scorecards

Kind = Literal["shipped", "apply", "rollback"]
_APPLIED: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a scorecard. document is canonical JSON; written_sha256 tells documents apart whatever their version
    and before key features were written into them.
    """

    scorecard: str
    version: int
    sha256: str
    written_sha256: str
    document: str
    at: datetime
    author: str
    note: str | None

    @property
    def name(self) -> str:
        """As scores carry it: "id@version"."""
        return f"{self.scorecard}@{self.version}"


@dataclass(frozen=True, slots=True)
class Application:
    """Something was applied. in_force is what is in force from then on; number counts from 0, what came with the
    installation.
    """

    number: int
    id: str
    kind: Kind
    scorecard: str
    version: int
    sha256: str
    in_force: Applied
    at: datetime
    actor: str
    note: str | None

    @property
    def name(self) -> str:
        """Of the version that was applied."""
        return f"{self.scorecard}@{self.version}"


def applied_of(value: Any) -> Applied:
    """The scorecards in force as a column has them."""
    found = _APPLIED.validate_python(value)
    return {id_: found[id_] for id_ in sorted(found)}


async def lock(tx: Tx) -> None:
    """Let one transaction at a time store or apply; whoever waits holds nothing else yet."""
    table = scorecard_applications
    await tx.fetch(select(table.c.number).where(table.c.number == 0).with_for_update())


def add(tx: Tx, versions: Sequence[Version], *, ignore: bool = False) -> None:
    """Add versions; with `ignore` those that exist already stay as they are."""
    tx.insert(
        scorecards,
        [
            {
                "scorecard": each.scorecard,
                "version": each.version,
                "sha256": each.sha256,
                "written_sha256": each.written_sha256,
                "document": each.document,
                "at": each.at,
                "author": each.author,
                "note": each.note,
            }
            for each in versions
        ],
        ignore=ignore,
    )


async def settle(tx: Tx, version: Version) -> None:
    """Write the document and the hash of a version that is about to be applied for the first time."""
    table = scorecards.c
    this = (table.scorecard == version.scorecard, table.version == version.version)
    await tx.execute(update(scorecards).where(*this).values(document=version.document, sha256=version.sha256))


async def versions(tx: Tx, scorecard: str | None = None) -> Sequence[Version]:
    """All versions, or those of a scorecard, by id and version."""
    statement = select(scorecards).order_by(scorecards.c.scorecard, scorecards.c.version)
    if scorecard is not None:
        statement = statement.where(scorecards.c.scorecard == scorecard)
    return [_version(row) for row in await tx.fetch(statement)]


async def named(tx: Tx, names: Collection[str]) -> dict[str, Version]:
    """These versions by name ("id@version"), as far as they are there; what is no such name is not."""
    keys = [key for name in names if (key := _key(name)) is not None]
    if not keys:
        return {}
    among = tuple_(scorecards.c.scorecard, scorecards.c.version).in_(sorted(keys))
    found = [_version(row) for row in await tx.fetch(select(scorecards).where(among))]
    return {version.name: version for version in found}


def apply(tx: Tx, applications: Sequence[Application], *, ignore: bool = False) -> None:
    """Record applications; with `ignore` a number that exists already stays as it is."""
    tx.insert(
        scorecard_applications,
        [
            {
                "number": each.number,
                "id": each.id,
                "kind": each.kind,
                "scorecard": each.scorecard,
                "version": each.version,
                "sha256": each.sha256,
                "in_force": dict(each.in_force),
                "at": each.at,
                "actor": each.actor,
                "note": each.note,
            }
            for each in applications
        ],
        ignore=ignore,
    )


async def applications(tx: Tx) -> Sequence[Application]:
    """All that was applied, the oldest first. There are as many as people have applied: few."""
    table = scorecard_applications
    return [_application(row) for row in await tx.fetch(select(table).order_by(table.c.number))]


async def first_in_force(tx: Tx) -> Applied | None:
    """What the installation began with; None before its first start."""
    table = scorecard_applications
    rows = await tx.fetch(select(table.c.in_force).where(table.c.number == 0))
    return applied_of(rows[0].in_force) if rows else None


async def newest_in_force(tx: Tx) -> Applied | None:
    """What was applied last; None before the first start."""
    table = scorecard_applications
    rows = await tx.fetch(select(table.c.in_force).order_by(table.c.number.desc()).limit(1))
    return applied_of(rows[0].in_force) if rows else None


async def in_partitions(tx: Tx) -> Mapping[int, Applied]:
    """What is in force in each partition; in one that has folded nothing, what the installation began with."""
    rows = await tx.fetch(select(partitions.c.partition, partitions.c.applied))
    first = await first_in_force(tx)
    begun = {} if first is None else dict.fromkeys(range(PARTITIONS), first)
    return begun | {row.partition: applied_of(row.applied) for row in rows}


def _key(name: str) -> tuple[str, int] | None:
    id_, at, version = name.rpartition("@")
    if not at or not (version.isascii() and version.isdigit() and len(version) < 10):
        return None
    return id_, int(version)


def _version(row: Row[Any]) -> Version:
    return Version(
        row.scorecard, row.version, row.sha256, row.written_sha256, row.document, row.at, row.author, row.note
    )


def _application(row: Row[Any]) -> Application:
    return Application(
        row.number, row.id, row.kind, row.scorecard, row.version, row.sha256, applied_of(row.in_force), row.at,
        row.actor, row.note,
    )  # fmt: skip
