"""Versions of playbooks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, select, tuple_, update

from cskit.db import Database, Tx
from playbook.tables import definitions


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a playbook as it was applied."""

    id: str
    version: int
    sha256: str
    document: str
    active: bool
    applied_at: datetime
    applied_by: str


@dataclass(frozen=True, slots=True)
class Key:
    """Which version, and whether it starts runs."""

    id: str
    version: int
    active: bool


_KEYS: Final = select(definitions.c.id, definitions.c.version, definitions.c.active).order_by(
    definitions.c.id, definitions.c.version
)


async def keys(source: Tx | Database) -> Sequence[Key]:
    """All versions of all playbooks, without their documents."""
    return [Key(row.id, row.version, row.active) for row in await source.fetch(_KEYS)]


async def documents(source: Tx | Database, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The documents of these versions."""
    if not wanted:
        return {}
    table = definitions.c
    found = await source.fetch(
        select(table.id, table.version, table.document).where(tuple_(table.id, table.version).in_(sorted(wanted)))
    )
    return {(row.id, row.version): row.document for row in found}


async def versions(tx: Tx, playbook: str, *, lock: bool = False) -> Sequence[Version]:
    """The versions of a playbook, the newest first; `lock` for a caller that changes them.

    Locked from the first version on, which all have in common: whoever waits there holds nothing else yet.
    """
    statement = select(definitions).where(definitions.c.id == playbook).order_by(definitions.c.version)
    rows = await tx.fetch(statement.with_for_update() if lock else statement)
    return [_version(row) for row in reversed(rows)]


async def current(tx: Tx, after: str | None, limit: int) -> Sequence[Version]:
    """One version of each playbook, by id: the active one, else the newest."""
    table = definitions.c
    statement = select(definitions).order_by(table.id, table.active.desc(), table.version.desc())
    if after is not None:
        statement = statement.where(table.id > after)
    first: dict[str, Version] = {}
    for row in await tx.fetch(statement):
        first.setdefault(row.id, _version(row))
    return list(first.values())[:limit]


def add(tx: Tx, versions: Sequence[Version], *, ignore: bool = False) -> None:
    """Add versions; with `ignore` those that exist already stay as they are."""
    tx.insert(definitions, [_row(version) for version in versions], ignore=ignore)


async def add_newest(tx: Tx, version: Version) -> bool:
    """Add a version; False if somebody else, whom no lock could hold off, took its number first."""
    add(tx, [version], ignore=True)
    table = definitions.c
    rows = await tx.fetch(select(definitions).where(table.id == version.id, table.version == version.version))
    return [_version(row) for row in rows] == [version]


async def activate(tx: Tx, playbook: str, version: int | None) -> None:
    """Make this version the one that starts runs, or none."""
    table = definitions.c
    await tx.execute(update(definitions).where(table.id == playbook, table.active).values(active=False))
    if version is not None:
        await tx.execute(update(definitions).where(table.id == playbook, table.version == version).values(active=True))


def _version(row: Row[tuple[object, ...]]) -> Version:
    found = row._mapping
    return Version(
        found["id"], found["version"], found["sha256"], found["document"], found["active"], found["applied_at"],
        found["applied_by"],
    )  # fmt: skip


def _row(version: Version) -> dict[str, object]:
    return {
        "id": version.id,
        "version": version.version,
        "sha256": version.sha256,
        "document": version.document,
        "active": version.active,
        "applied_at": version.applied_at,
        "applied_by": version.applied_by,
    }
