"""SQL of imports: which files came in, and how far each one is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update

from cskit.db import Tx
from cskit.messages import UnitOfWork
from ingest.tables import IMPORTS


async def of_file(uow: UnitOfWork, row: Mapping[str, Any]) -> Row[Any]:
    """The import of this source, kind and file, locked; `row` is what it is if there was none."""
    uow.insert(IMPORTS, [row], ignore=True)
    same = and_(*(IMPORTS.c[name] == row[name] for name in ("source", "kind", "sha256")))
    (found,) = await uow.fetch(select(IMPORTS).where(same).with_for_update())
    return found


async def newest(uow: UnitOfWork, source: str, kind: str) -> datetime | None:
    """The time of the newest row that was taken from files of that kind; None if there is none."""
    known = select(func.max(IMPORTS.c.newest).label("at")).where(IMPORTS.c.source == source, IMPORTS.c.kind == kind)
    (row,) = await uow.fetch(known)
    found: datetime | None = row.at
    return found


async def locked(uow: UnitOfWork, import_id: str) -> Row[Any] | None:
    """The import, held until the end of the transaction."""
    rows = await uow.fetch(select(IMPORTS).where(IMPORTS.c.id == import_id).with_for_update())
    return rows[0] if rows else None


async def one(tx: Tx, import_id: str) -> Row[Any] | None:
    """The import of that id."""
    rows = await tx.fetch(select(IMPORTS).where(IMPORTS.c.id == import_id))
    return rows[0] if rows else None


async def change(uow: UnitOfWork, import_id: str, values: Mapping[str, Any]) -> None:
    """Write these columns of the import."""
    await uow.execute(update(IMPORTS).where(IMPORTS.c.id == import_id).values(**values))


async def listed(tx: Tx, *, source: str | None, before: tuple[datetime, str] | None, limit: int) -> Sequence[Row[Any]]:
    """Imports, the newest first, those before the given one; of one source if given."""
    found = select(IMPORTS)
    if source is not None:
        found = found.where(IMPORTS.c.source == source)
    if before is not None:
        at, import_id = before
        earlier = or_(IMPORTS.c.created_at < at, and_(IMPORTS.c.created_at == at, IMPORTS.c.id < import_id))
        found = found.where(earlier)
    return await tx.fetch(found.order_by(IMPORTS.c.created_at.desc(), IMPORTS.c.id.desc()).limit(limit))
